/* Signals: actions, masks, kill. */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/signal.h>
#include <stddef.h>

#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "kernel/process/wait_queue.h"
#include "syscalls/signal.h"
#include "syscalls/syscall.h"

/* Linux's struct sigaction of the system call: not the C library's. */
struct user_action {
    uint64_t handler, flags, restorer, mask;
};

long sys_rt_sigaction(int signal, const void __user *new, void __user *old, size_t set_size)
{
    struct process *process = current_process();
    struct user_action wanted = {0};

    if (set_size != sizeof(signal_set) || signal < 1 || signal > SIGNAL_MAX)
        return -EINVAL;
    bool set = user_address(new) != 0;
    if (set && (SIGNAL_BIT(signal) & SIGNALS_UNBLOCKABLE))
        return -EINVAL;
    if (set && copy_from_user(&wanted, new, sizeof(wanted)) != 0)
        return -EFAULT;
    spinlock_lock(&process->lock);
    struct signal_action action = signal_action_get(process, signal);
    struct user_action before = {action.handler, action.flags, action.restorer, action.mask};
    if (set) {
        action = (struct signal_action){wanted.handler, wanted.flags, wanted.restorer,
                                        wanted.mask & ~SIGNALS_UNBLOCKABLE};
        signal_action_set(process, signal, &action);
        signal_discard_ignored(process, signal);
    }
    spinlock_unlock(&process->lock);
    return user_address(old) != 0 ? copy_to_user(old, &before, sizeof(before)) : 0;
}

long sys_rt_sigprocmask(int how, const void __user *new, void __user *old, size_t set_size)
{
    signal_set before = thread_current()->signals.blocked;
    signal_set set;

    if (set_size != sizeof(signal_set))
        return -EINVAL;
    if (user_address(new) != 0) {
        if (copy_from_user(&set, new, sizeof(set)) != 0)
            return -EFAULT;
        if (how == SIG_BLOCK)
            set |= before;
        else if (how == SIG_UNBLOCK)
            set = before & ~set;
        else if (how != SIG_SETMASK)
            return -EINVAL;
        signal_block(set);
    }
    return user_address(old) != 0 ? copy_to_user(old, &before, sizeof(before)) : 0;
}

long sys_rt_sigpending(void __user *to, size_t set_size)
{
    struct thread *thread = thread_current();

    if (set_size > sizeof(signal_set))
        return -EINVAL;
    spinlock_lock(&thread->process->lock);
    signal_set pending =
        (thread->process->pending.set | thread->signals.pending.set) & thread->signals.blocked;
    spinlock_unlock(&thread->process->lock);
    return copy_to_user(to, &pending, set_size);
}

/* Sleep until a handler ends it: always interrupted. */
static long sleep_for_signal(void)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);
    struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE, "pause");

    spinlock_lock(&lock);
    int error = wait_event(&nobody, &lock, false);
    spinlock_unlock(&lock);
    return error == -EINTR ? -RESTART_UNHANDLED : error;
}

long sys_pause(void)
{
    return sleep_for_signal();
}

long sys_rt_sigsuspend(const void __user *mask, size_t set_size)
{
    struct thread *thread = thread_current();
    signal_set set;

    if (set_size != sizeof(signal_set))
        return -EINVAL;
    if (copy_from_user(&set, mask, sizeof(set)) != 0)
        return -EFAULT;
    thread->signals.saved_mask = thread->signals.blocked;
    thread->signals.restore_mask = true;
    signal_block(set);
    return sleep_for_signal();
}

long sys_rt_sigreturn(void)
{
    struct trap_frame *frame = syscall_frame();

    if (signal_frame_pop(frame) != 0) {
        struct signal_info info = {.signal = SIGSEGV, .code = SI_KERNEL};
        signal_send_thread(thread_current(), &info, true);
        return -EFAULT;
    }
    signal_block(thread_current()->signals.blocked);
    /* The return path stores this where it is already. */
    return (long)frame->rax;
}

#define STACK_SIZE_MIN 2048 /* MINSIGSTKSZ */

long sys_sigaltstack(const void __user *new, void __user *old)
{
    struct thread *thread = thread_current();
    struct signal_state *signals = &thread->signals;
    stack_t before, wanted;
    bool on_it = syscall_frame()->rsp - signals->stack - 1 < signals->stack_size;

    memset(&before, 0, sizeof(before)); /* the gaps between its members too */
    before.ss_sp = (void *)signals->stack;
    before.ss_size = signals->stack_size;
    before.ss_flags = signals->stack_size == 0 ? SS_DISABLE : on_it ? SS_ONSTACK : 0;
    if (user_address(new) != 0) {
        if (copy_from_user(&wanted, new, sizeof(wanted)) != 0)
            return -EFAULT;
        if (on_it)
            return -EPERM;
        if (wanted.ss_flags != 0 && wanted.ss_flags != SS_DISABLE && wanted.ss_flags != SS_ONSTACK)
            return -EINVAL;
        if (wanted.ss_flags != SS_DISABLE && wanted.ss_size < STACK_SIZE_MIN)
            return -ENOMEM;
        signals->stack = wanted.ss_flags == SS_DISABLE ? 0 : (vaddr_t)wanted.ss_sp;
        signals->stack_size = wanted.ss_flags == SS_DISABLE ? 0 : wanted.ss_size;
        signals->stack_flags = wanted.ss_flags;
    }
    return user_address(old) != 0 ? copy_to_user(old, &before, sizeof(before)) : 0;
}

struct kill_request {
    struct signal_info info;
    int group; /* 0: everybody but the caller and the first process */
    int found;
};

static int kill_visit(struct process *process, void *context)
{
    struct kill_request *request = context;

    if (request->group != 0 ? process->group != request->group
                            : process->pid == 1 || process == current_process())
        return 0;
    request->found++;
    if (request->info.signal != 0 && !process->zombie)
        signal_send_process(process, &request->info);
    return 0;
}

long sys_kill(int pid, int signal)
{
    struct kill_request request = {
        .info = {.signal = signal, .code = SI_USER, .pid = current_process()->pid},
        .group = pid == 0    ? current_process()->group
                 : pid == -1 ? 0
                             : -pid,
    };

    if (signal < 0 || signal > SIGNAL_MAX)
        return -EINVAL;
    if (pid == (int)0x80000000)
        return -ESRCH;
    if (pid <= 0) {
        process_each(kill_visit, &request);
        return request.found > 0 ? 0 : -ESRCH;
    }
    struct process *process = process_find(pid);
    if (process == NULL)
        return -ESRCH;
    if (signal != 0)
        signal_send_process(process, &request.info);
    process_put(process);
    return 0;
}

struct thread_kill_request {
    struct signal_info info;
    int group; /* -1: any */
};

static int thread_kill_visit(struct thread *thread, void *context)
{
    const struct thread_kill_request *request = context;

    if (request->group != -1 && thread->process->pid != request->group)
        return -ESRCH;
    if (request->info.signal != 0)
        signal_send_thread(thread, &request->info, false);
    return 0;
}

static long thread_kill(int group, int tid, int signal)
{
    struct thread_kill_request request = {
        .info = {.signal = signal, .code = SI_TKILL, .pid = current_process()->pid}, .group = group};

    if (tid <= 0 || group == 0 || signal < 0 || signal > SIGNAL_MAX)
        return -EINVAL;
    return thread_with_id(tid, thread_kill_visit, &request);
}

long sys_tkill(int tid, int signal)
{
    return thread_kill(-1, tid, signal);
}

long sys_tgkill(int group, int tid, int signal)
{
    return group <= 0 ? -EINVAL : thread_kill(group, tid, signal);
}
