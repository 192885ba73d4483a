/* The end of processes, and waiting for it. */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/futex.h>
#include <linux/wait.h>

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/check_point.h"
#include "kernel/process/futex.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_actions.h"

static void (*first_ended)(int status);

struct process *process_create_first(void (*ended)(int status))
{
    struct process *process = process_make(signal_actions_create());

    if (process == NULL)
        return NULL;
    first_ended = ended;
    int pid = process_enter(process, NULL, 0);
    ASSERT_EQ(pid, 1, "the first process has the first id");
    first_process = process;
    return process;
}

struct process *process_create_apart(void (*ended)(int status))
{
    struct process *process = process_make(signal_actions_create());

    if (process == NULL)
        return NULL;
    process->ended = ended;
    if (process_enter(process, NULL, 0) > 0)
        return process;
    process_put(process);
    return NULL;
}

void process_drop_apart(struct process *process)
{
    process_release_space(process);
    spinlock_lock(&process_tree_lock);
    process_leave_locked(process);
    spinlock_unlock(&process_tree_lock);
    process_put(process); /* the tree's */
    process_put(process);
}

/* Will nobody wait for it? */
static bool ignores_child(struct process *parent, const struct process *child)
{
    spinlock_lock(&parent->lock);
    struct signal_action action = signal_action_get(parent, SIGCHLD);
    bool ignores =
        child->exit_signal == SIGCHLD && (action.handler == HANDLER_IGNORE || action.flags & SA_NOCLDWAIT);
    spinlock_unlock(&parent->lock);
    return ignores;
}

static bool hears_of_stops(struct process *parent)
{
    spinlock_lock(&parent->lock);
    struct signal_action action = signal_action_get(parent, SIGCHLD);
    spinlock_unlock(&parent->lock);
    return !(action.flags & SA_NOCLDSTOP);
}

void process_notify_parent_locked(struct process *process, int code, int status)
{
    struct process *parent = process->parent;
    struct signal_info info = {.signal = SIGCHLD, .code = code, .pid = process->pid, .status = status};

    if (parent == NULL)
        return;
    if (process->zombie)
        info.signal = process->exit_signal;
    else if (!hears_of_stops(parent))
        info.signal = 0;
    if (info.signal != 0)
        signal_send_process(parent, &info);
    wait_queue_wake_all(&parent->child_events);
}

/* Orphans become the first process's children. */
static void children_hand_over_locked(struct process *process)
{
    struct process *child;
    bool zombies = false;

    while ((child = TAILQ_FIRST(&process->children)) != NULL) {
        TAILQ_REMOVE(&process->children, child, sibling);
        child->parent = first_process;
        child->exit_signal = SIGCHLD;
        TAILQ_INSERT_TAIL(&first_process->children, child, sibling);
        zombies |= child->zombie;
    }
    if (zombies)
        wait_queue_wake_all(&first_process->child_events);
}

/* What the C library asked for at the thread's end, while its memory is still there: robust mutexes are given up, and who waits for its end is woken. As on Linux the id is cleared for
 * others that use the same memory only: the last one would copy a page for nobody. */
static void user_words_release(struct thread *thread)
{
    static const int zero;
    struct process *process = thread->process;
    vaddr_t id = thread->clear_child_tid;

    futex_robust_exit(thread);
    thread->clear_child_tid = 0;
    if (id == 0 || (process->thread_count == 1 && !space_shared(process->space)))
        return;
    if (copy_to_user(user_pointer(int, id), &zero, sizeof(zero)) != 0)
        log_debug("exit: %#lx cannot be cleared", id);
    else
        futex_wake(id, FUTEX_SHARED, 1, FUTEX_BITSET_MATCH_ANY);
}

/* The last thread has left. Memory is given back before anybody can learn of the end, so that a parent that has waited finds it free. */
static void process_end(struct process *process)
{
    int status = process->exit_status;

    if (process == first_process)
        first_ended(status);
    interval_timer_end(process);
    process_release_space(process);
    if (process->pid == process->session && thread_file_operations.session_end != NULL)
        thread_file_operations.session_end(process->session);
    process_vfork_release(process);
    check_point_exit(process);

    spinlock_lock(&process_tree_lock);
    children_hand_over_locked(process);
    process->zombie = true;
    struct process *parent = process->parent;
    bool reaped = parent == NULL || ignores_child(parent, process);
    int code = status & 0x7f ? CLD_KILLED : CLD_EXITED;
    process_notify_parent_locked(process, code, status & 0x7f ? status & 0x7f : status >> 8);
    if (reaped)
        process_leave_locked(process);
    spinlock_unlock(&process_tree_lock);
    void (*ended)(int) = process->ended;
    if (reaped)
        process_put(process);
    if (ended != NULL)
        ended(status);
}

/* Out of the process's list; true: it was the last. */
static bool thread_leave_process(struct thread *thread, struct process *process, int status)
{
    spinlock_lock(&process->lock);
    TAILQ_REMOVE(&process->threads, thread, sibling);
    process->run_time += thread_run_time(thread);
    if (thread->tid == process->pid && !process->exiting)
        process->exit_status = status;
    uint32_t left = --process->thread_count;
    if (left == 1)
        wait_queue_wake_all(&process->threads_gone);
    /* All that are left may have stopped. */
    if (process->stopped)
        wait_queue_wake_all(&process->continued_queue);
    /* A signal to the process that this thread was chosen for goes to another. */
    if (left > 0)
        signal_pass_on_locked(process);
    spinlock_unlock(&process->lock);
    return left == 0;
}

void thread_exit(int status)
{
    struct thread *self = thread_current();
    struct process *process = self->process;

    user_words_release(self);
    /* Before anybody can learn of the end. */
    thread_file_operations.release(&self->files);
    /* Before it is not counted any more: the last one gives the memory back, which must then be loaded nowhere. */
    thread_leave_space(self);
    thread_leave_id(self);
    if (thread_leave_process(self, process, status))
        process_end(process);
    scheduler_exit();
}

/* Make all threads but one (NULL: all) look at what has become of their process, also when they are stopped. */
static void threads_notify_locked(struct process *process, const struct thread *but)
{
    struct thread *thread;

    wait_queue_wake_all(&process->continued_queue);
    TAILQ_FOREACH (thread, &process->threads, sibling)
        if (thread != but)
            thread_notify(thread);
}

void process_exit_begin_locked(struct process *process, int status)
{
    /* An exec that has begun to end the other threads goes on when one of them calls exit_group, but not when a signal kills the process. */
    if (!process->exiting && (process->exec_thread == NULL || status & 0x7f)) {
        process->exiting = true;
        process->exit_status = status;
        process->stopped = false;
        threads_notify_locked(process, NULL);
    }
}

void process_exit(int status)
{
    struct process *process = current_process();

    spinlock_lock(&process->lock);
    process_exit_begin_locked(process, status);
    spinlock_unlock(&process->lock);
    thread_exit(status);
}

int process_end_other_threads(void)
{
    struct thread *self = thread_current();
    struct process *process = self->process;

    spinlock_lock(&process->lock);
    if (process->exiting || process->exec_thread != NULL) {
        spinlock_unlock(&process->lock);
        return -EINTR;
    }
    if (process->thread_count > 1) {
        process->exec_thread = self;
        threads_notify_locked(process, self);
        while (process->thread_count > 1) {
            struct wait_entry entry = {0};
            wait_begin(&process->threads_gone, &entry);
            wait_sleep(&process->lock, UINT64_MAX, SLEEP_DEEP);
            wait_end(&process->threads_gone, &entry);
        }
        process->exec_thread = NULL;
    }
    bool killed = process->exiting;
    spinlock_unlock(&process->lock);
    return killed ? -EINTR : 0;
}

void process_take_id(void)
{
    struct thread *self = thread_current();

    /* As long as it has the id that its mutexes know it by. */
    user_words_release(self);
    if (self->tid != self->process->pid) {
        thread_leave_id(self);
        thread_enter_main(self);
    }
}

/* Children that end with another signal than SIGCHLD are waited for by __WCLONE or __WALL only (wait4(2)). */
static bool child_matches(const struct process *child, int pid, int options, int own_group)
{
    if (!(options & __WALL) && (child->exit_signal != SIGCHLD) != ((options & __WCLONE) != 0))
        return false;
    if (pid > 0)
        return child->pid == pid;
    if (pid == -1)
        return true;
    return child->group == (pid == 0 ? own_group : -pid);
}

struct wait_result {
    struct process *reaped;
    int pid, status;
};

/* What there is to tell of one child. */
static bool child_event(struct process *child, int options, struct wait_result *result)
{
    if (child->zombie) {
        result->status = child->exit_status;
        result->reaped = child;
    } else if (options & WUNTRACED && child->stop_signal != 0 && child->stopped) {
        result->status = child->stop_signal << 8 | 0x7f;
        child->stop_signal = 0;
    } else if (options & WCONTINUED && child->continued) {
        result->status = 0xffff;
        child->continued = false;
    } else {
        return false;
    }
    result->pid = child->pid;
    return true;
}

/* Something to tell: true, also when there is no such child (result->pid is -ECHILD then). */
static bool children_look(struct process *parent, int pid, int options, struct wait_result *result)
{
    struct process *child;
    bool matched = false;

    TAILQ_FOREACH (child, &parent->children, sibling) {
        if (!child_matches(child, pid, options, parent->group))
            continue;
        matched = true;
        if (child_event(child, options, result))
            return true;
    }
    result->pid = matched ? 0 : -ECHILD;
    return !matched || options & WNOHANG;
}

int process_wait(int pid, int options, int *status, uint64_t *run_time)
{
    struct process *self = current_process();
    struct wait_result result = {0};

    spinlock_lock(&process_tree_lock);
    int error =
        wait_event(&self->child_events, &process_tree_lock, children_look(self, pid, options, &result));
    if (result.reaped != NULL) {
        process_leave_locked(result.reaped);
        self->child_time += result.reaped->run_time + result.reaped->child_time;
    }
    spinlock_unlock(&process_tree_lock);
    if (error != 0)
        return error;
    *status = result.status;
    *run_time = 0;
    if (result.reaped != NULL) {
        *run_time = result.reaped->run_time + result.reaped->child_time;
        process_put(result.reaped);
    }
    return result.pid;
}
