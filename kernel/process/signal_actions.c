/* See signal_actions.h. */
#include "kernel/process/signal_actions.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <stddef.h>

#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"

/* One process alone needs no more than its own lock, which the caller holds. It lets others in with that lock held (signal_actions_share), so none can come
 * meanwhile; that another one has just left does no harm. */
static bool shared_lock(struct signal_actions *actions)
{
    bool shared = signal_actions_shared(actions);

    if (shared)
        spinlock_lock(&actions->lock);
    return shared;
}

static void shared_unlock(struct signal_actions *actions, bool shared)
{
    if (shared)
        spinlock_unlock(&actions->lock);
}

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = heap_alloc_zeroed(sizeof(*actions));

    if (actions == NULL)
        return NULL;
    actions->references = 1;
    actions->lock = SPINLOCK_INIT(LOCK_SIGNAL_ACTIONS, "signal actions");
    return actions;
}

struct signal_actions *signal_actions_copy(struct process *process)
{
    struct signal_actions *copy = signal_actions_create();

    if (copy == NULL)
        return NULL;
    spinlock_lock(&process->lock);
    bool shared = shared_lock(process->actions);
    memcpy(copy->action, process->actions->action, sizeof(copy->action));
    shared_unlock(process->actions, shared);
    spinlock_unlock(&process->lock);
    return copy;
}

struct signal_actions *signal_actions_share(void)
{
    struct process *process = current_process();

    spinlock_lock(&process->lock);
    __atomic_add_fetch(&process->actions->references, 1, __ATOMIC_RELAXED);
    spinlock_unlock(&process->lock);
    return process->actions;
}

void signal_actions_put(struct signal_actions *actions)
{
    if (actions != NULL && __atomic_sub_fetch(&actions->references, 1, __ATOMIC_ACQ_REL) == 0)
        heap_free(actions);
}

int signal_actions_unshare(struct process *process)
{
    struct signal_actions *shared = process->actions;

    if (!signal_actions_shared(shared))
        return 0;
    struct signal_actions *copy = signal_actions_copy(process);
    if (copy == NULL)
        return -ENOMEM;
    spinlock_lock(&process->lock);
    process->actions = copy;
    spinlock_unlock(&process->lock);
    signal_actions_put(shared);
    return 0;
}

void signal_actions_reset(struct signal_actions *actions)
{
    for (unsigned i = 0; i < SIGNAL_MAX; i++) {
        bool ignored = actions->action[i].handler == HANDLER_IGNORE;
        actions->action[i] = (struct signal_action){.handler = ignored ? HANDLER_IGNORE : HANDLER_DEFAULT};
    }
}

struct signal_action signal_action_get(struct process *process, int signal)
{
    bool shared = shared_lock(process->actions);
    struct signal_action action = process->actions->action[signal - 1];

    shared_unlock(process->actions, shared);
    return action;
}

void signal_action_set(struct process *process, int signal, const struct signal_action *action)
{
    bool shared = shared_lock(process->actions);

    process->actions->action[signal - 1] = *action;
    shared_unlock(process->actions, shared);
}

struct signal_action signal_action_take(struct process *process, int signal)
{
    bool shared = shared_lock(process->actions);
    struct signal_action *action = &process->actions->action[signal - 1], taken = *action;

    if (action->flags & SA_RESETHAND && action->handler > HANDLER_IGNORE)
        action->handler = HANDLER_DEFAULT;
    shared_unlock(process->actions, shared);
    return taken;
}
