/* Sending signals and their default actions. See signal.h; frames for handlers are in signal_frame.c. */
#include "kernel/process/signal.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <stddef.h>

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_actions.h"
#include "kernel/process/signal_frame.h"

_Static_assert(SIGNALS_UNBLOCKABLE == (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)), "by their numbers");

#define STOPS (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define IGNORED_BY_DEFAULT                                                                                   \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT))
/* Where a core dump would be made (signal(7)): by the thread that takes the signal. */
#define DUMPS                                                                                                \
    (SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) |                  \
     SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) |                   \
     SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGSYS))

static void pending_add(struct signal_pending *pending, const struct signal_info *info)
{
    if (pending->set & SIGNAL_BIT(info->signal))
        return;
    pending->set |= SIGNAL_BIT(info->signal);
    struct signal_record *record = &pending->first;
    if (pending->first_used && (record = heap_alloc(sizeof(*record))) == NULL)
        return;
    pending->first_used = true;
    record->info = *info;
    SLIST_INSERT_HEAD(&pending->records, record, link);
}

/* Take a pending signal out; its information, as far as it was kept. */
static struct signal_info pending_take(struct signal_pending *pending, int signal)
{
    struct signal_info info = {.signal = signal, .code = SI_USER};
    struct signal_record *record, *found = NULL;

    pending->set &= ~SIGNAL_BIT(signal);
    SLIST_FOREACH (record, &pending->records, link)
        if (record->info.signal == signal)
            found = record;
    if (found != NULL) {
        info = found->info;
        SLIST_REMOVE(&pending->records, found, signal_record, link);
        if (found == &pending->first)
            pending->first_used = false;
        else
            heap_free(found);
    }
    return info;
}

static void pending_drop(struct signal_pending *pending, signal_set set)
{
    for (set &= pending->set; set != 0; set &= set - 1)
        pending_take(pending, __builtin_ctzll(set) + 1);
}

void signal_pending_clear(struct signal_pending *pending)
{
    pending_drop(pending, ~UINT64_C(0));
}

static bool action_ignores(const struct process *process, int signal)
{
    uint64_t handler = signal_handler(process->actions, signal);

    return handler == HANDLER_IGNORE ||
           (handler == HANDLER_DEFAULT && IGNORED_BY_DEFAULT & SIGNAL_BIT(signal));
}

void signal_discard_ignored(struct process *process, int signal)
{
    struct thread *thread;

    if (!action_ignores(process, signal))
        return;
    if (signal == SIGALRM && process->pending.set & SIGNAL_BIT(SIGALRM))
        interval_timer_taken(process);
    pending_drop(&process->pending, SIGNAL_BIT(signal));
    TAILQ_FOREACH (thread, &process->threads, sibling)
        pending_drop(&thread->signals.pending, SIGNAL_BIT(signal));
}

/* The thread that a signal to the process is for: the current or the main one if they do not block it, else any that does not. NULL: all block it. Process lock held. */
static struct thread *signal_choose(struct process *process, int signal)
{
    struct thread *thread, *chosen = NULL;

    TAILQ_FOREACH (thread, &process->threads, sibling) {
        if (thread->signals.blocked & SIGNAL_BIT(signal) & ~SIGNALS_UNBLOCKABLE)
            continue;
        if (thread == thread_current())
            return thread;
        if (chosen == NULL || thread->tid == process->pid)
            chosen = thread;
    }
    return chosen;
}

void signal_pass_on_locked(struct process *process)
{
    for (signal_set set = process->pending.set; set != 0; set &= set - 1) {
        struct thread *thread = signal_choose(process, __builtin_ctzll(set) + 1);
        if (thread != NULL)
            thread_notify(thread);
    }
}

/* SIGCONT undoes stops and the other way round, whatever the actions are (POSIX 2.4.1). Process lock held. */
static void stop_or_continue(struct process *process, int signal)
{
    struct thread *thread;

    if (SIGNAL_BIT(signal) & STOPS) {
        pending_drop(&process->pending, SIGNAL_BIT(SIGCONT));
    } else if (signal == SIGCONT || signal == SIGKILL) {
        pending_drop(&process->pending, STOPS);
        TAILQ_FOREACH (thread, &process->threads, sibling)
            pending_drop(&thread->signals.pending, STOPS);
        process->stop_taken = false;
        if (process->stopped) {
            process->stop_untold = 0;
            process->continued = signal == SIGCONT;
            /* Who finds it not stopped any more finds that, too. */
            __atomic_store_n(&process->continue_untold, signal == SIGCONT, __ATOMIC_RELEASE);
            __atomic_store_n(&process->stopped, false, __ATOMIC_RELEASE);
            wait_queue_wake_all(&process->continued_queue);
        }
    }
}

/* As on Linux, a signal that ends the process does so when it is sent, if a thread can take it: no thread needs to wake for it first. A stopped process
 * takes none but SIGKILL. Process lock held. */
static bool ends_at_once(struct process *process, int signal)
{
    if (signal == SIGKILL)
        return true;
    return !process->stopped && signal_handler(process->actions, signal) == HANDLER_DEFAULT &&
           !(SIGNAL_BIT(signal) & (STOPS | IGNORED_BY_DEFAULT | DUMPS));
}

void signal_send_process(struct process *process, const struct signal_info *info)
{
    spinlock_lock(&process->lock);
    stop_or_continue(process, info->signal);
    struct thread *thread = signal_choose(process, info->signal);
    if (!action_ignores(process, info->signal) || thread == NULL) {
        pending_add(&process->pending, info);
        /* A clock's signal is for this process alone; and one that is faster than fork must not keep it from ever making a child. */
        if (info->code == SI_USER || (info->code == SI_KERNEL && info->signal != SIGALRM))
            __atomic_store_n(&process->signals_sent, process->signals_sent + 1, __ATOMIC_RELEASE);
        if (thread != NULL && ends_at_once(process, info->signal))
            process_exit_begin_locked(process, PROCESS_KILLED(info->signal));
        else if (thread != NULL)
            thread_notify(thread);
    }
    spinlock_unlock(&process->lock);
}

void signal_send_thread(struct thread *thread, const struct signal_info *info, bool forced)
{
    struct process *process = thread->process;

    spinlock_lock(&process->lock);
    stop_or_continue(process, info->signal);
    struct signal_action action = signal_action_get(process, info->signal);
    if (forced && (thread->signals.blocked & SIGNAL_BIT(info->signal) || action.handler == HANDLER_IGNORE)) {
        action.handler = HANDLER_DEFAULT;
        signal_action_set(process, info->signal, &action);
        thread->signals.blocked &= ~SIGNAL_BIT(info->signal);
    }
    if (!action_ignores(process, info->signal) || thread->signals.blocked & SIGNAL_BIT(info->signal)) {
        pending_add(&thread->signals.pending, info);
        if (ends_at_once(process, info->signal) && !(thread->signals.blocked & SIGNAL_BIT(info->signal)))
            process_exit_begin_locked(process, PROCESS_KILLED(info->signal));
        else
            thread_notify(thread);
    }
    spinlock_unlock(&process->lock);
}

bool signal_kills(const struct thread *thread)
{
    return thread->process != NULL &&
           (thread_must_end(thread) || (signal_pending_set(thread) & SIGNAL_BIT(SIGKILL)) != 0);
}

/* The next signal to act on; 0: none. Faults of the thread itself come first. */
static struct signal_info signal_take(struct thread *thread)
{
    struct process *process = thread->process;
    signal_set deliverable = ~thread->signals.blocked | SIGNALS_UNBLOCKABLE;
    signal_set own = thread->signals.pending.set & deliverable;
    signal_set shared = process->pending.set & deliverable;

    if (own != 0)
        return pending_take(&thread->signals.pending, __builtin_ctzll(own) + 1);
    if (shared == 0)
        return (struct signal_info){0};
    struct signal_info info = pending_take(&process->pending, __builtin_ctzll(shared) + 1);
    if (info.signal == SIGALRM)
        interval_timer_taken(process);
    return info;
}

/* The whole process is to stop: this thread, and the others when they look; unless SIGCONT came after the signal was taken, or the process ends. */
static void process_stop(struct process *process, int signal)
{
    struct thread *thread;

    spinlock_lock(&process_tree_lock);
    spinlock_lock(&process->lock);
    if (process->stop_taken && !process->exiting) {
        process->stopped = true;
        process->stop_untold = signal;
        process->stop_signal = 0;
        TAILQ_FOREACH (thread, &process->threads, sibling)
            if (thread != thread_current())
                thread_notify(thread);
    }
    process->stop_taken = false;
    spinlock_unlock(&process->lock);
    spinlock_unlock(&process_tree_lock);
}

/* The parent is to be told of a stop, as all threads have stopped. Lock held. */
static bool stop_is_whole(const struct process *process)
{
    return process->stopped && process->stop_untold != 0 && process->threads_stopped == process->thread_count;
}

static void stop_tell(struct process *process)
{
    spinlock_lock(&process_tree_lock);
    spinlock_lock(&process->lock);
    int signal = stop_is_whole(process) ? process->stop_untold : 0;
    if (signal != 0)
        process->stop_untold = 0;
    spinlock_unlock(&process->lock);
    if (signal != 0) {
        process->stop_signal = signal;
        process_notify_parent_locked(process, CLD_STOPPED, signal);
    }
    spinlock_unlock(&process_tree_lock);
}

/* Sleep while the process is stopped. The last to stop tells the parent, and so does the first to go on. */
static void stop_wait(struct process *process)
{
    spinlock_lock(&process->lock);
    process->threads_stopped++;
    while (process->stopped && !signal_kills(thread_current())) {
        if (stop_is_whole(process)) {
            spinlock_unlock(&process->lock);
            stop_tell(process);
            spinlock_lock(&process->lock);
            continue;
        }
        struct wait_entry entry = {0};
        wait_begin(&process->continued_queue, &entry);
        wait_sleep(&process->lock, UINT64_MAX, SLEEP_KILLABLE);
        wait_end(&process->continued_queue, &entry);
    }
    process->threads_stopped--;
    bool tell = process->continue_untold;
    process->continue_untold = false;
    spinlock_unlock(&process->lock);

    if (!tell)
        return;
    spinlock_lock(&process_tree_lock);
    process_notify_parent_locked(process, CLD_CONTINUED, SIGCONT);
    spinlock_unlock(&process_tree_lock);
}

/* In two parts: a thread that takes a signal which ends or stops the process says so before the others could find it neither pending nor in effect. Lock held. */
static void default_action_begin_locked(struct process *process, int signal)
{
    if (SIGNAL_BIT(signal) & STOPS)
        process->stop_taken = true;
    else if (!(SIGNAL_BIT(signal) & IGNORED_BY_DEFAULT))
        process_exit_begin_locked(process, PROCESS_KILLED(signal));
}

static void default_action(struct process *process, int signal)
{
    if (SIGNAL_BIT(signal) & STOPS)
        process_stop(process, signal);
    else if (!(SIGNAL_BIT(signal) & IGNORED_BY_DEFAULT))
        process_exit(PROCESS_KILLED(signal));
}

void signal_interrupts(void)
{
    /* The thread may sleep before it returns: who switches to it again finds its own mark. */
    thread_current()->interrupted = true;
    cpu_work_add(cpu_current(), CPU_WORK_SIGNAL);
}

bool signal_killed(void)
{
    if (!signal_kills(thread_current()))
        return false;
    signal_interrupts();
    return true;
}

/* The handler's frame could not be written: that is a fault of its own, which SIGSEGV's handler may see on another stack. */
static void frame_failed(int signal)
{
    static const struct signal_info fault = {.signal = SIGSEGV, .code = SI_KERNEL};

    if (signal == SIGSEGV)
        process_exit(PROCESS_KILLED(SIGSEGV));
    signal_send_thread(thread_current(), &fault, true);
}

/* Until nothing is pending. `surely`: the thread has seen something, which another one may be about to act on; the lock makes that certain. */
static void deliver_pending(struct trap_frame *frame, bool surely)
{
    struct thread *thread = thread_current();
    struct process *process = thread->process;

    for (;;) {
        if (thread_must_end(thread))
            thread_exit(0);
        if (process->stopped || __atomic_load_n(&process->continue_untold, __ATOMIC_ACQUIRE))
            stop_wait(process);
        /* What comes after this look makes the thread look again. */
        if (!surely && !signal_is_pending(thread))
            break;
        surely = false;
        spinlock_lock(&process->lock);
        struct signal_info info = signal_take(thread);
        if (info.signal == 0) {
            bool again = signal_is_pending(thread);
            spinlock_unlock(&process->lock);
            if (again)
                continue;
            break;
        }
        struct signal_action action = signal_action_take(process, info.signal);
        if (action.handler == HANDLER_DEFAULT)
            default_action_begin_locked(process, info.signal);
        spinlock_unlock(&process->lock);
        if (action.handler == HANDLER_IGNORE)
            continue;
        if (action.handler == HANDLER_DEFAULT) {
            default_action(process, info.signal);
            continue;
        }
        if (signal_frame_push(frame, &info, &action) != 0)
            frame_failed(info.signal);
    }
}

void signal_deliver(struct trap_frame *frame)
{
    bool interrupted = thread_current()->interrupted;

    thread_current()->interrupted = false;
    cpu_work_done(CPU_WORK_SIGNAL);
    do
        deliver_pending(frame, interrupted);
    while (!signal_frame_done(frame));
}

void signal_block(signal_set mask)
{
    struct thread *thread = thread_current();

    spinlock_lock(&thread->process->lock);
    thread->signals.blocked = mask & ~SIGNALS_UNBLOCKABLE;
    if (signal_is_pending(thread))
        cpu_work_add(cpu_current(), CPU_WORK_SIGNAL);
    /* What is blocked from now on is for another thread. */
    signal_pass_on_locked(thread->process);
    spinlock_unlock(&thread->process->lock);
}
