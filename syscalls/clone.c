/* fork, vfork, clone, clone3: new processes and threads. unshare: what they share. */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/sched.h>

#include "kernel/memory/address_space.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_actions.h"
#include "kernel/process/signal_frame.h"
#include "paging/layout.h"
#include "syscalls/process.h"
#include "syscalls/syscall.h"

long sys_fork(void)
{
    static const struct process_fork_arguments plain = {.exit_signal = SIGCHLD};
    return process_fork(syscall_frame(), &plain);
}

long sys_vfork(void)
{
    static const struct process_fork_arguments vfork = {
        .vfork = true, .share_space = true, .exit_signal = SIGCHLD};
    return process_fork(syscall_frame(), &vfork);
}

/* What everybody may ask for. The last ones have no meaning here: nothing traces, there are no I/O contexts, and what CLONE_SYSVSEM shares does not exist. */
#define ANY_FLAGS                                                                                            \
    (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | CLONE_SETTLS | CLONE_VM | CLONE_FS |  \
     CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_IO | CLONE_PTRACE | CLONE_UNTRACED)

#define PROCESS_FLAGS (ANY_FLAGS | CLONE_VFORK | CLONE_CLEAR_SIGHAND)
#define THREAD_FLAGS  (ANY_FLAGS | CLONE_THREAD)

/* Handlers mean something in the memory that they are in only, and the threads of a process have them in common. */
static bool flags_allowed(uint64_t flags)
{
    if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND))
        return false;
    if (flags & CLONE_SIGHAND && (!(flags & CLONE_VM) || flags & CLONE_CLEAR_SIGHAND))
        return false;
    return !(flags & ~(flags & CLONE_THREAD ? THREAD_FLAGS : PROCESS_FLAGS));
}

static unsigned files_shared(uint64_t flags)
{
    return (flags & CLONE_FILES ? THREAD_FILES_TABLE : 0) | (flags & CLONE_FS ? THREAD_FILES_PLACE : 0);
}

/* As clone3 has it: the exit signal and the stack's end apart from the flags. */
static long clone(const struct clone_args *wanted)
{
    struct process_fork_arguments arguments = {
        .stack = wanted->stack,
        .tls = wanted->flags & CLONE_SETTLS ? wanted->tls : 0,
        .parent_tid = wanted->flags & CLONE_PARENT_SETTID ? wanted->parent_tid : 0,
        .child_tid = wanted->flags & CLONE_CHILD_SETTID ? wanted->child_tid : 0,
        .clear_child_tid = wanted->flags & CLONE_CHILD_CLEARTID ? wanted->child_tid : 0,
        .vfork = wanted->flags & CLONE_VFORK,
        .share_space = wanted->flags & CLONE_VM,
        .share_actions = wanted->flags & CLONE_SIGHAND,
        .share_files = files_shared(wanted->flags),
        .default_actions = wanted->flags & CLONE_CLEAR_SIGHAND,
        .exit_signal = wanted->exit_signal <= SIGNAL_MAX ? (int)wanted->exit_signal : 0,
    };

    if (!flags_allowed(wanted->flags))
        return -EINVAL;
    if (arguments.tls >= USER_END)
        return -EPERM;
    if (!(wanted->flags & CLONE_THREAD))
        return process_fork(syscall_frame(), &arguments);
    long result = thread_clone(syscall_frame(), &arguments);
    return result == -EINTR ? -RESTART_CALL : result;
}

long sys_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
    /* 32 bits, of which CLONE_DETACHED has had no meaning for long. */
    struct clone_args wanted = {
        .flags = flags & UINT32_MAX & ~(uint64_t)(CSIGNAL | CLONE_DETACHED),
        .exit_signal = flags & CSIGNAL,
        .stack = stack,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .tls = tls,
    };

    return clone(&wanted);
}

/* The caller's structure may be of another version: shorter, or longer with nothing in what is not known here (clone(2)). */
static int arguments_read(uint64_t from, size_t size, struct clone_args *wanted)
{
    uint8_t byte;

    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    *wanted = (struct clone_args){0};
    if (copy_from_user(wanted, user_pointer(const void, from),
                       size < sizeof(*wanted) ? size : sizeof(*wanted)) != 0)
        return -EFAULT;
    for (size_t at = sizeof(*wanted); at < size; at++) {
        if (copy_from_user(&byte, user_pointer(const void, from + at), sizeof(byte)) != 0)
            return -EFAULT;
        if (byte != 0)
            return -E2BIG;
    }
    return 0;
}

long sys_clone3(uint64_t from, size_t size)
{
    struct clone_args wanted;

    int error = arguments_read(from, size, &wanted);
    if (error != 0)
        return error;
    /* Ids cannot be chosen, and there are no control groups. */
    if (wanted.set_tid_size != 0 || wanted.cgroup != 0 || wanted.set_tid != 0)
        return -EINVAL;
    if (wanted.flags & (CSIGNAL | CLONE_DETACHED) || wanted.exit_signal > SIGNAL_MAX)
        return -EINVAL;
    if (wanted.flags & CLONE_THREAD && wanted.exit_signal != 0)
        return -EINVAL;
    if ((wanted.stack == 0) != (wanted.stack_size == 0) ||
        (wanted.stack != 0 && !user_range(wanted.stack, wanted.stack_size)))
        return -EINVAL;
    wanted.stack += wanted.stack_size;
    return clone(&wanted);
}

/* What a thread of several, or a process whose memory or actions others use, cannot have for itself; for others these flags change nothing. */
static bool stands_alone(uint64_t flags)
{
    struct process *process = current_process();

    if (flags & CLONE_VM)
        flags |= CLONE_SIGHAND;
    if (flags & CLONE_SIGHAND)
        flags |= CLONE_THREAD;
    return !(flags & CLONE_THREAD && process->thread_count > 1) &&
           !(flags & CLONE_SIGHAND && signal_actions_shared(process->actions)) &&
           !(flags & CLONE_VM && space_shared(process->space));
}

#define UNSHARE_FLAGS (CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

long sys_unshare(uint64_t flags)
{
    if (flags & ~(uint64_t)UNSHARE_FLAGS || !stands_alone(flags))
        return -EINVAL;
    return thread_files_unshare(&thread_current()->files, files_shared(~flags));
}
