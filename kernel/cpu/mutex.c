/* See mutex.h. A free mutex is taken by one compare-and-swap, and one that is only held is given up so. Who finds it held marks it as wanted before it sleeps, under the spinlock; then the
 * holder goes the long way and wakes the first waiter. A waiter stays in the list until it has the mutex, and marks it again whenever it goes back to sleep: so as long as the list is not
 * empty the mutex is marked, or its first waiter is awake. */
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

/* The mutex is this thread's from now on. */
static void take(struct mutex *mutex, struct thread *self)
{
    __atomic_store_n(&mutex->owner, self, __ATOMIC_RELAXED);
    __atomic_store_n(&mutex->taken_on, cpu_current(), __ATOMIC_RELAXED);
}

static bool state_change(struct mutex *mutex, enum mutex_state from, enum mutex_state to, int order)
{
    return __atomic_compare_exchange_n(&mutex->state, &from, to, false, order, __ATOMIC_RELAXED);
}

/* The spinlock is held. Whether it was free, and is this thread's now; else it is marked. */
static bool mark_or_take(struct mutex *mutex)
{
    return __atomic_exchange_n(&mutex->state, MUTEX_WANTED, __ATOMIC_ACQUIRE) == MUTEX_FREE;
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
    for (unsigned looks = 0; looks < LOOKS_MAX && !mutex_free(mutex) && worth_waiting(mutex); looks++)
        cpu_relax();
}

/* The spinlock is held, and the mutex marked. */
static void wait_for(struct mutex *mutex, struct thread *self)
{
    struct mutex_waiter waiter = {.thread = self};

    TAILQ_INSERT_TAIL(&mutex->waiters, &waiter, link);
    for (;;) {
        scheduler->block(&mutex->lock);
        spinlock_lock(&mutex->lock);
        if (mutex->owner == self)
            return; /* it was handed over, and the list has been seen to */
        if (mark_or_take(mutex))
            break;
        mutex->overtaken |= TAILQ_FIRST(&mutex->waiters) == &waiter;
    }
    TAILQ_REMOVE(&mutex->waiters, &waiter, link);
}

__attribute__((noinline)) static void lock_slowly(struct mutex *mutex, struct thread *self)
{
    ASSERT(self != NULL && mutex->owner != self, "mutex %s is held by its own taker", mutex->name);
    look_on(mutex);
    spinlock_lock(&mutex->lock);
    if (!mark_or_take(mutex))
        wait_for(mutex, self);
    /* Nobody comes into the list, and nobody marks, without the spinlock. */
    if (TAILQ_EMPTY(&mutex->waiters))
        __atomic_store_n(&mutex->state, MUTEX_HELD, __ATOMIC_RELAXED);
    take(mutex, self);
    spinlock_unlock(&mutex->lock);
}

void mutex_lock(struct mutex *mutex)
{
    struct cpu *cpu = cpu_current();

    ASSERT_EQ(cpu->locks_held, 0u, "mutex %s taken while holding a spinlock", mutex->name);
    ASSERT_EQ(cpu->interrupt_depth, 0u, "mutex %s taken by an interrupt handler", mutex->name);
    rank_take(mutex);
    if (__builtin_expect(state_change(mutex, MUTEX_FREE, MUTEX_HELD, __ATOMIC_ACQUIRE), 1))
        take(mutex, cpu->current);
    else
        lock_slowly(mutex, cpu->current);
    if (__builtin_expect(lock_times_on, 0)) {
        mutex->taken_time = lock_times_now();
        mutex->taken_at = __builtin_return_address(0);
    }
}

__attribute__((noinline)) static void unlock_slowly(struct mutex *mutex)
{
    spinlock_lock(&mutex->lock);
    struct mutex_waiter *first = TAILQ_FIRST(&mutex->waiters);
    struct thread *next = first != NULL ? first->thread : NULL;
    if (next != NULL && mutex->overtaken) {
        TAILQ_REMOVE(&mutex->waiters, first, link);
        mutex->owner = next;
        mutex->overtaken = false;
    } else {
        __atomic_store_n(&mutex->state, MUTEX_FREE, __ATOMIC_RELEASE);
    }
    /* Under the lock: without it the waiter might have the mutex, go on and be gone before it is woken. */
    if (next != NULL)
        scheduler->wake(next);
    spinlock_unlock(&mutex->lock);
}

void mutex_unlock(struct mutex *mutex)
{
    ASSERT(mutex_held(mutex), "mutex %s is given up by its holder", mutex->name);
    if (__builtin_expect(lock_times_on, 0)) {
        lock_times_note(LOCK_TIMES_MUTEX + mutex->rank, mutex->name, mutex->taken_time, mutex->taken_at,
                        __builtin_return_address(0));
        mutex->taken_time = 0;
    }
    __atomic_store_n(&mutex->owner, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&mutex->taken_on, NULL, __ATOMIC_RELAXED);
    if (__builtin_expect(!state_change(mutex, MUTEX_HELD, MUTEX_FREE, __ATOMIC_RELEASE), 0))
        unlock_slowly(mutex);
    rank_give(mutex);
}

bool mutex_free(const struct mutex *mutex)
{
    return __atomic_load_n(&mutex->state, __ATOMIC_RELAXED) == MUTEX_FREE;
}

bool mutex_held(const struct mutex *mutex)
{
    return !mutex_free(mutex) && __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED) == cpu_current()->current;
}
