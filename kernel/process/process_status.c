/* See process_status.h. The states of threads are looked at without their queues' locks: they are of a moment anyway. */
#include "kernel/process/process_status.h"

#include "kernel/lib/string.h"
#include "kernel/process/signal_actions.h"

static char thread_letter(const struct thread *thread)
{
    if (thread->state != THREAD_BLOCKED)
        return 'R';
    return thread->sleep == SLEEP_DEEP ? 'D' : 'S';
}

/* The busiest of its threads' states: R before D before S. */
static char state_of(const struct process *process)
{
    const struct thread *thread;
    char state = 'S';

    if (process->zombie || process->thread_count == 0)
        return 'Z';
    if (process->stopped)
        return 'T';
    TAILQ_FOREACH (thread, &process->threads, sibling) {
        char letter = thread_letter(thread);
        if (letter == 'R')
            return 'R';
        if (letter == 'D')
            state = 'D';
    }
    return state;
}

static void actions_status(const struct signal_actions *actions, struct process_status *status)
{
    for (unsigned i = 0; i < SIGNAL_MAX; i++) {
        uint64_t handler = signal_handler(actions, (int)i + 1);
        if (handler == HANDLER_IGNORE)
            status->ignored |= SIGNAL_BIT(i + 1);
        else if (handler != HANDLER_DEFAULT)
            status->caught |= SIGNAL_BIT(i + 1);
    }
}

void process_status(struct process *process, struct process_status *status)
{
    uint64_t run_time = process_run_time(process);

    spinlock_lock(&process_tree_lock);
    spinlock_lock(&process->lock);
    const struct thread *first = TAILQ_FIRST(&process->threads);
    *status = (struct process_status){
        .pid = process->pid,
        .parent = process->parent != NULL ? process->parent->pid : 0,
        .group = process->group,
        .session = process->session,
        .state = state_of(process),
        .threads = process->thread_count,
        .start_time = process->start_time,
        .run_time = run_time,
        .child_time = process->child_time,
        .pending = process->pending.set,
    };
    if (first != NULL) {
        status->nice = first->nice;
        status->cpu = first->cpu->id;
        status->blocked = first->signals.blocked;
    }
    actions_status(process->actions, status);
    memcpy(status->name, process->name, sizeof(status->name));
    spinlock_unlock(&process->lock);
    spinlock_unlock(&process_tree_lock);
}
