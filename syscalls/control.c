/* What a thread sets about itself beyond POSIX: prctl, and the calls that C libraries probe and live without. */
#include "syscalls/control.h"

#include <asm/errno.h>
#include <linux/prctl.h>

#include "kernel/lib/string.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"

/* The main thread's name is its process's. Longer names are cut (prctl(2)). */
static long name_set(const char __user *from)
{
    struct thread *self = thread_current();
    struct process *process = self->process;
    char name[sizeof(self->name)];

    long length = user_string(name, from, sizeof(name));
    if (length == -EFAULT)
        return length;
    name[sizeof(name) - 1] = '\0';
    memcpy(self->name, name, sizeof(self->name));
    if (self->tid == process->pid) {
        spinlock_lock(&process->lock);
        strlcpy(process->name, name, sizeof(process->name));
        spinlock_unlock(&process->lock);
    }
    return 0;
}

long sys_prctl(int operation, uint64_t argument)
{
    const struct thread *self = thread_current();

    switch (operation) {
    case PR_SET_NAME:
        return name_set(user_pointer(const char, argument));
    case PR_GET_NAME:
        return copy_to_user(user_pointer(char, argument), self->name, sizeof(self->name));
    default:
        return -EINVAL;
    }
}

long sys_rseq(void)
{
    return -ENOSYS;
}
