/* Ranked spinlocks.
 *
 * A CPU may take a lock only when its rank is higher than that of every lock it holds; a wrong order panics and names both. Interrupts
 * are off while any spinlock is held, so holders never sleep and are never preempted. Ticket order: first come, first served. */
#ifndef KERNEL_DEBUG_SPINLOCK_H
#define KERNEL_DEBUG_SPINLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/debug/lock_times.h"

/* The whole order, outermost first. */
enum lock_rank {
    LOCK_PROCESS_TREE = 10,   /* parents, children, process ids */
    LOCK_PROCESS = 20,        /* one process: threads, signal state */
    LOCK_SIGNAL_ACTIONS = 25, /* signal actions that several processes share */
    LOCK_FILE_TABLE = 30,
    LOCK_FILE = 32,
    LOCK_DEVICE = 34, /* a character device's buffers */
    LOCK_SPACES = 42, /* the list of address spaces */
    LOCK_FUTEX = 45,  /* a bucket of futex waiters; two of them in order of address */
    LOCK_WAIT_QUEUE = 50,
    LOCK_TIMERS = 55,
    LOCK_RUN_QUEUE = 60,
    LOCK_KERNEL_MAP = 70,
    LOCK_HEAP = 80,
    LOCK_RANDOM = 85,
    LOCK_FRAMES = 90,
    LOCK_IOAPIC = 95,
    LOCK_LOG = 100,
    LOCK_CONSOLE = 110, /* serial line and screen; the log's sinks take it */
};

struct spinlock {
    uint32_t next_ticket;
    uint32_t now_serving;
    enum lock_rank rank;
    const char *name;
    struct cpu *holder;      /* NULL when free; for assertions and reports */
    const void *taken_at;    /* the call that took it, in a function that was called from */
    const void *taken_from;  /* here, and whose frame */
    const void *taken_frame; /* was here on the stack */
    uint64_t taken_time;     /* while lock times are measured */
};

#define SPINLOCK_INIT(lock_rank, lock_name)                                                                  \
    (struct spinlock)                                                                                        \
    {                                                                                                        \
        .rank = (lock_rank), .name = (lock_name)                                                             \
    }

void spinlock_lock(struct spinlock *lock);

/* The same for a second lock of the same rank as the last one taken, at a higher address than that. */
void spinlock_lock_next(struct spinlock *lock);
void spinlock_unlock(struct spinlock *lock);

/* Held by this CPU? For assertions. */
bool spinlock_held(const struct spinlock *lock);

/* For the locks themselves: what follows, but for measuring how long interrupts are off. */
static inline bool interrupts_disable_unmeasured(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return flags & (1u << 9);
}

/* Disable interrupts; true when they were on. Give that back to interrupts_restore(). */
static inline bool interrupts_disable(void)
{
    bool on = interrupts_disable_unmeasured();
    if (__builtin_expect(lock_times_on, 0) && on)
        interrupts_off_begin();
    return on;
}

static inline void interrupts_restore(bool enable)
{
    if (!enable)
        return;
    if (__builtin_expect(lock_times_on, 0))
        interrupts_off_end();
    __asm__ volatile("sti" : : : "memory");
}

#endif
