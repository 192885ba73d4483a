/* The end of processes, and waiting for it. */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/wait.h>

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/check_point.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"

static void (*first_ended)(int status);

struct process *process_create_first(void (*ended)(int status))
{
    struct process *process = process_make();

    if (process == NULL)
        return NULL;
    first_ended = ended;
    int pid = process_enter(process, NULL);
    ASSERT_EQ(pid, 1, "the first process has the first id");
    first_process = process;
    return process;
}

static bool ignores_children(struct process *parent)
{
    spinlock_lock(&parent->lock);
    const struct signal_action *action = &parent->actions.action[SIGCHLD - 1];
    bool ignores = action->handler == 1 || action->flags & SA_NOCLDWAIT;
    spinlock_unlock(&parent->lock);
    return ignores;
}

void process_notify_parent_locked(struct process *process, int code, int status)
{
    struct process *parent = process->parent;
    struct signal_info info = {.signal = SIGCHLD, .code = code, .pid = process->pid, .status = status};

    if (parent == NULL)
        return;
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
        TAILQ_INSERT_TAIL(&first_process->children, child, sibling);
        zombies |= child->zombie;
    }
    if (zombies)
        wait_queue_wake_all(&first_process->child_events);
}

/* Give back memory before anybody can learn of the end, so that a parent that has waited finds it free. */
static void parts_release(struct process *process, struct thread *thread)
{
    if (thread->clear_child_tid != 0) {
        int zero = 0;
        if (copy_to_user(user_pointer(int, thread->clear_child_tid), &zero, sizeof(zero)) != 0)
            log_debug("exit: %#lx cannot be cleared", thread->clear_child_tid);
    }
    process_release_parts(process);
}

void process_exit(int status)
{
    struct thread *thread = thread_current();
    struct process *process = thread->process;

    process->exiting = true;
    if (process == first_process)
        first_ended(status);
    parts_release(process, thread);
    process_vfork_release(process);
    check_point_exit(process);

    process->run_time += thread_run_time(thread);

    spinlock_lock(&process_tree_lock);
    children_hand_over_locked(process);
    process->zombie = true;
    process->exit_status = status;
    struct process *parent = process->parent;
    bool reaped = parent != NULL && ignores_children(parent);
    int code = status & 0x7f ? CLD_KILLED : CLD_EXITED;
    process_notify_parent_locked(process, code, status & 0x7f ? status & 0x7f : status >> 8);
    if (reaped)
        process_leave_locked(process);
    spinlock_unlock(&process_tree_lock);
    if (reaped)
        process_put(process);
    scheduler_exit();
}

static bool child_matches(const struct process *child, int pid, int own_group)
{
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
    } else if (options & WUNTRACED && child->stop_signal != 0) {
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
        if (!child_matches(child, pid, parent->group))
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
