/* Signal actions: what each signal does. Processes may share them (clone's CLONE_SIGHAND), and are counted.
 *
 * Whoever looks at a process's actions from outside holds its lock, so that the process cannot change to others meanwhile (execve). While several processes share
 * them a lock of their own (LOCK_SIGNAL_ACTIONS), taken inside, guards what is in them. */
#ifndef KERNEL_PROCESS_SIGNAL_ACTIONS_H
#define KERNEL_PROCESS_SIGNAL_ACTIONS_H

#include <stdint.h>

#include "kernel/debug/spinlock.h"
#include "kernel/process/signal.h"
#include "paging/types.h"

#define HANDLER_DEFAULT 0
#define HANDLER_IGNORE  1

struct signal_action {
    uint64_t handler; /* HANDLER_*, else a user address */
    uint64_t flags;   /* SA_* */
    uint64_t restorer;
    signal_set mask;
};

struct signal_actions {
    uint32_t references; /* atomic: processes that use it */
    struct spinlock lock;
    struct signal_action action[SIGNAL_MAX];
};

/* All default; a copy. One reference; NULL when memory is exhausted. */
must_check struct signal_actions *signal_actions_create(void);
must_check struct signal_actions *signal_actions_copy(struct process *process);

/* The current process's, with one more reference. One reference less; NULL is fine. */
must_check struct signal_actions *signal_actions_share(void);
void signal_actions_put(struct signal_actions *actions);

/* execve: actions that other processes share are left to them, and the process has a copy. 0 or -ENOMEM. Only the process's last thread calls it. */
int must_check signal_actions_unshare(struct process *process);

/* Several processes use them. For one of these. */
static inline bool signal_actions_shared(const struct signal_actions *actions)
{
    return __atomic_load_n(&actions->references, __ATOMIC_ACQUIRE) > 1;
}

/* What exec and CLONE_CLEAR_SIGHAND do: handlers go, what was ignored stays so. Nobody else uses the actions. */
void signal_actions_reset(struct signal_actions *actions);

/* --- one action; the process's lock is held --- */

struct signal_action signal_action_get(struct process *process, int signal);
void signal_action_set(struct process *process, int signal, const struct signal_action *action);

/* The action of a signal that is about to run: with SA_RESETHAND its handler runs this once only. */
struct signal_action signal_action_take(struct process *process, int signal);

/* The handler alone. The current process may ask without its lock. */
static inline uint64_t signal_handler(const struct signal_actions *actions, int signal)
{
    return __atomic_load_n(&actions->action[signal - 1].handler, __ATOMIC_RELAXED);
}

#endif
