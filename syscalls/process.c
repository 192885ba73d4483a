/* Processes: fork, exec, exit, wait, ids. */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/resource.h>
#include <linux/wait.h>

#include "kernel/cpu/registers.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_frame.h"
#include "paging/layout.h"
#include "syscalls/process.h"
#include "syscalls/syscall.h"

#define NANOSECONDS_PER_MICROSECOND 1000
#define MICROSECONDS_PER_SECOND     UINT64_C(1000000)

long sys_getpid(void)
{
    return current_process()->pid;
}

long sys_gettid(void)
{
    return thread_current()->tid;
}

long sys_getppid(void)
{
    spinlock_lock(&process_tree_lock);
    struct process *parent = current_process()->parent;
    int pid = parent != NULL ? parent->pid : 0;
    spinlock_unlock(&process_tree_lock);
    return pid;
}

long sys_exit(int code)
{
    thread_exit(PROCESS_EXITED(code));
}

long sys_exit_group(int code)
{
    process_exit(PROCESS_EXITED(code));
}

static void usage_from_time(struct rusage *usage, uint64_t nanoseconds)
{
    uint64_t microseconds = nanoseconds / NANOSECONDS_PER_MICROSECOND;

    memset(usage, 0, sizeof(*usage));
    usage->ru_utime.tv_sec = (long)(microseconds / MICROSECONDS_PER_SECOND);
    usage->ru_utime.tv_usec = (long)(microseconds % MICROSECONDS_PER_SECOND);
}

long sys_wait4(int pid, int __user *status, int options, struct rusage __user *usage)
{
    int child_status;
    uint64_t run_time;

    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD))
        return -EINVAL;
    if (pid == (int)0x80000000)
        return -ESRCH;
    int result = process_wait(pid, options, &child_status, &run_time);
    if (result <= 0)
        return result == -EINTR ? -RESTART_CALL : result;
    if (user_address(status) != 0 && copy_to_user(status, &child_status, sizeof(child_status)) != 0)
        return -EFAULT;
    if (user_address(usage) != 0) {
        struct rusage spent;
        usage_from_time(&spent, run_time);
        if (copy_to_user(usage, &spent, sizeof(spent)) != 0)
            return -EFAULT;
    }
    return result;
}

long sys_getrusage(int who, struct rusage __user *usage)
{
    struct process *process = current_process();
    struct rusage spent;

    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return -EINVAL;
    usage_from_time(&spent, who == RUSAGE_CHILDREN ? process->child_time
                            : who == RUSAGE_THREAD ? thread_run_time(thread_current())
                                                   : process_run_time(process));
    if (who != RUSAGE_CHILDREN)
        spent.ru_minflt = (long)process->space->faults;
    return copy_to_user(usage, &spent, sizeof(spent));
}

/* --- process groups and sessions: ids that wait4 and kill select by --- */

long sys_getpgid(int pid)
{
    struct process *process = process_find(pid ? pid : current_process()->pid);

    if (process == NULL)
        return -ESRCH;
    int group = process->group;
    process_put(process);
    return group;
}

long sys_getpgrp(void)
{
    return current_process()->group;
}

long sys_getsid(int pid)
{
    struct process *process = process_find(pid ? pid : current_process()->pid);

    if (process == NULL)
        return -ESRCH;
    int session = process->session;
    process_put(process);
    return session;
}

static int in_group(struct process *process, void *context)
{
    const int *wanted = context; /* group, session */
    return process->group == wanted[0] && process->session == wanted[1];
}

long sys_setpgid(int pid, int group)
{
    struct process *self = current_process();
    long error = 0;

    if (group < 0)
        return -EINVAL;
    struct process *process = process_find(pid ? pid : self->pid);
    if (process == NULL)
        return -ESRCH;
    if (group == 0)
        group = process->pid;
    int wanted[2] = {group, self->session};
    if (process != self && process->parent != self)
        error = -ESRCH;
    else if (process->session != self->session || process->session == process->pid)
        error = -EPERM;
    else if (group != process->pid && process_each(in_group, wanted) == 0)
        error = -EPERM;
    else
        process->group = group;
    process_put(process);
    return error;
}

static int leads_group(struct process *process, void *context)
{
    return process->group == *(int *)context;
}

long sys_setsid(void)
{
    struct process *self = current_process();

    if (process_each(leads_group, &self->pid) != 0)
        return -EPERM;
    self->group = self->session = self->pid;
    return self->pid;
}

/* There is one user, and it is root. */
long sys_getuid(void)
{
    return 0;
}

long sys_geteuid(void)
{
    return 0;
}

long sys_getgid(void)
{
    return 0;
}

long sys_getegid(void)
{
    return 0;
}

long sys_set_tid_address(uint64_t address)
{
    thread_current()->clear_child_tid = address;
    return thread_current()->tid;
}

long sys_arch_prctl(int operation, uint64_t address)
{
    struct thread *thread = thread_current();

    switch (operation) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        /* A base in the kernel half, or not canonical, could mislead entry code or fault there. */
        if (address >= USER_END)
            return -EPERM;
        if (operation == ARCH_SET_FS) {
            thread->fs_base = address;
            wrmsr(MSR_FS_BASE, address);
        } else {
            thread->gs_base = address;
            wrmsr(MSR_KERNEL_GS_BASE, address);
        }
        return 0;
    case ARCH_GET_FS:
        return copy_to_user(user_pointer(uint64_t, address), &thread->fs_base, sizeof(thread->fs_base));
    case ARCH_GET_GS:
        return copy_to_user(user_pointer(uint64_t, address), &thread->gs_base, sizeof(thread->gs_base));
    default:
        return -EINVAL;
    }
}
