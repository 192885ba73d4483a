/* See mutex.h. The spinlock inside guards all the rest. A waiter stays in the list until it has the mutex. */
#include "kernel/cpu/mutex.h"

#include "kernel/cpu/registers.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/panic.h"

struct mutex_waiter {
    TAILQ_ENTRY(mutex_waiter) link;
    struct thread *thread;
};

/* Looks at a mutex whose holder is running: longer than most hold one. */
#define LOOKS_MAX 1000u

static const struct mutex_scheduler *scheduler;

void mutex_set_scheduler(const struct mutex_scheduler *registered)
{
    scheduler = registered;
}

static void rank_take(const struct mutex *mutex)
{
    if (scheduler == NULL)
        return;
    uint64_t *held = scheduler->ranks();
    ASSERT_EQ(*held >> mutex->rank, 0u, "mutex %s (rank %d) is taken before those of its rank or above",
              mutex->name, mutex->rank);
    *held |= UINT64_C(1) << mutex->rank;
}

static void rank_give(const struct mutex *mutex)
{
    if (scheduler != NULL)
        *scheduler->ranks() &= ~(UINT64_C(1) << mutex->rank);
}

void mutex_init(struct mutex *mutex, enum mutex_rank rank, const char *name)
{
    *mutex = (struct mutex){.lock = SPINLOCK_INIT(LOCK_WAIT_QUEUE, name), .rank = rank, .name = name};
    TAILQ_INIT(&mutex->waiters);
}

static void take(struct mutex *mutex, struct thread *self)
{
    mutex->held = true;
    mutex->owner = self;
    mutex->taken_on = cpu_current();
}

/* The holder is running, so it may be done soon. It is only compared, never looked into: it may be gone. */
static bool worth_waiting(const struct mutex *mutex)
{
    const struct thread *owner = __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED);
    const struct cpu *cpu = __atomic_load_n(&mutex->taken_on, __ATOMIC_RELAXED);

    return owner != NULL && cpu != NULL && cpu != cpu_current() &&
           __atomic_load_n(&cpu->current, __ATOMIC_RELAXED) == owner;
}

static void look_on(const struct mutex *mutex)
{
    for (unsigned looks = 0;
         looks < LOOKS_MAX && __atomic_load_n(&mutex->held, __ATOMIC_RELAXED) && worth_waiting(mutex);
         looks++)
        cpu_relax();
}

/* The spinlock is held. */
static void wait_for(struct mutex *mutex, struct thread *self)
{
    struct mutex_waiter waiter = {.thread = self};

    TAILQ_INSERT_TAIL(&mutex->waiters, &waiter, link);
    for (;;) {
        scheduler->block(&mutex->lock);
        spinlock_lock(&mutex->lock);
        if (mutex->owner == self)
            return; /* it was handed over, and the list has been seen to */
        if (!mutex->held)
            break;
        mutex->overtaken |= TAILQ_FIRST(&mutex->waiters) == &waiter;
    }
    TAILQ_REMOVE(&mutex->waiters, &waiter, link);
    take(mutex, self);
}

void mutex_lock(struct mutex *mutex)
{
    struct thread *self = cpu_current()->current;

    ASSERT_EQ(cpu_current()->locks_held, 0u, "mutex %s taken while holding a spinlock", mutex->name);
    ASSERT_EQ(cpu_current()->interrupt_depth, 0u, "mutex %s taken by an interrupt handler", mutex->name);
    rank_take(mutex);
    spinlock_lock(&mutex->lock);
    if (mutex->held) {
        ASSERT(self != NULL && mutex->owner != self, "mutex %s is held by its own taker", mutex->name);
        spinlock_unlock(&mutex->lock);
        look_on(mutex);
        spinlock_lock(&mutex->lock);
    }
    if (mutex->held)
        wait_for(mutex, self);
    else
        take(mutex, self);
    spinlock_unlock(&mutex->lock);
}

void mutex_unlock(struct mutex *mutex)
{
    spinlock_lock(&mutex->lock);
    ASSERT(mutex->held && mutex->owner == cpu_current()->current, "mutex %s is given up by its holder",
           mutex->name);
    struct mutex_waiter *first = TAILQ_FIRST(&mutex->waiters);
    struct thread *next = first != NULL ? first->thread : NULL;
    if (next != NULL && mutex->overtaken) {
        TAILQ_REMOVE(&mutex->waiters, first, link);
        mutex->owner = next;
        mutex->taken_on = NULL;
        mutex->overtaken = false;
    } else {
        mutex->owner = NULL;
        mutex->held = false;
    }
    /* Under the lock: without it the waiter might have the mutex, go on and be gone before it is woken. */
    if (next != NULL)
        scheduler->wake(next);
    spinlock_unlock(&mutex->lock);
    rank_give(mutex);
}

bool mutex_held(const struct mutex *mutex)
{
    return __atomic_load_n(&mutex->held, __ATOMIC_RELAXED) && mutex->owner == cpu_current()->current;
}
