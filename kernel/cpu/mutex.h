/* Sleeping locks: held across faults and long loops, with interrupts on.
 *
 * Who finds one held looks on for a moment while its holder runs on another CPU, then sleeps. A released mutex is free for whoever comes first; a sleeper that was overtaken once is given the
 * next release, so that nobody waits for ever.
 *
 * Thread context only. Mutexes have ranks too (enum mutex_rank), checked for the current thread: a wrong order panics. How to sleep and wake is
 * registered by the scheduler; before that there is one thread of control and nothing to wait for. */
#ifndef KERNEL_CPU_MUTEX_H
#define KERNEL_CPU_MUTEX_H

#include <stdbool.h>
#include <sys/queue.h>

#include "kernel/debug/spinlock.h"

/* Outermost first. A thread takes a mutex only when its rank is higher than those it holds. */
enum mutex_rank {
    MUTEX_INTERVAL_TIMER = 5, /* setting one process's interval timer */
    MUTEX_TREE = 10,          /* the file tree */
    MUTEX_FILE = 20,          /* one open file's offset */
    MUTEX_NODE = 30,          /* one file's contents */
    MUTEX_REPORT = 35,        /* the report of a program's fault */
    MUTEX_CUT = 37,           /* a file that becomes shorter is unmapped behind its end */
    MUTEX_SPACE = 40,         /* one address space */
    MUTEX_BACKING = 50,       /* the pages of one shared mapping */
};

enum mutex_state {
    MUTEX_FREE,
    MUTEX_HELD,   /* whoever waits has been woken and looks again */
    MUTEX_WANTED, /* held, and the holder has to wake a waiter */
};

struct mutex_waiter;

struct mutex {
    enum mutex_state
        state; /* atomic: a free one is taken, and given up that nobody waits for, without the spinlock */
    struct spinlock lock; /* of what is below, and of going to sleep */
    struct thread *owner; /* the holder's; NULL: free, or held before the scheduler started */
    struct cpu *taken_on; /* where the owner ran when it took it */
    bool overtaken;       /* the first waiter has found it taken again: it gets the next release */
    enum mutex_rank rank;
    const char *name;
    uint64_t taken_time; /* while lock times are measured: when, and by whom */
    const void *taken_at;
    TAILQ_HEAD(, mutex_waiter) waiters;
};

void mutex_init(struct mutex *mutex, enum mutex_rank rank, const char *name);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* Held by the current thread; by anyone: for assertions, and for who looks while nobody runs. */
bool mutex_held(const struct mutex *mutex);
bool mutex_free(const struct mutex *mutex);

/* For the scheduler: `block` releases the spinlock and sleeps until `wake` is called for the thread; it takes no lock again. `ranks` is where the current
 * thread keeps the ranks it holds, a bit each. */
struct mutex_scheduler {
    void (*block)(struct spinlock *held);
    void (*wake)(struct thread *thread);
    uint64_t *(*ranks)(void);
};
void mutex_set_scheduler(const struct mutex_scheduler *scheduler);

#endif
