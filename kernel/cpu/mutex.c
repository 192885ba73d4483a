/* See mutex.h. The spinlock inside guards owner, held and waiters; an unlock hands the mutex to the first waiter, so nobody overtakes. */
#include "kernel/cpu/mutex.h"

#include "kernel/debug/cpu_local.h"
#include "kernel/debug/panic.h"

struct mutex_waiter {
    TAILQ_ENTRY(mutex_waiter) link;
    struct thread *thread;
};

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

void mutex_lock(struct mutex *mutex)
{
    struct thread *self = cpu_current()->current;
    struct mutex_waiter waiter = {.thread = self};

    ASSERT_EQ(cpu_current()->locks_held, 0u, "mutex %s taken while holding a spinlock", mutex->name);
    ASSERT_EQ(cpu_current()->interrupt_depth, 0u, "mutex %s taken by an interrupt handler", mutex->name);
    rank_take(mutex);
    spinlock_lock(&mutex->lock);
    if (!mutex->held) {
        mutex->held = true;
        mutex->owner = self;
        spinlock_unlock(&mutex->lock);
        return;
    }
    ASSERT(self != NULL && mutex->owner != self, "mutex %s is held by its own taker", mutex->name);
    TAILQ_INSERT_TAIL(&mutex->waiters, &waiter, link);
    while (mutex->owner != self) {
        scheduler->block(&mutex->lock);
        spinlock_lock(&mutex->lock);
    }
    spinlock_unlock(&mutex->lock);
}

void mutex_unlock(struct mutex *mutex)
{
    spinlock_lock(&mutex->lock);
    ASSERT(mutex->held && mutex->owner == cpu_current()->current, "mutex %s is given up by its holder",
           mutex->name);
    struct mutex_waiter *first = TAILQ_FIRST(&mutex->waiters);
    struct thread *next = NULL;
    if (first != NULL) {
        TAILQ_REMOVE(&mutex->waiters, first, link);
        next = first->thread;
    }
    mutex->owner = next;
    mutex->held = next != NULL;
    /* Under the lock: without it the new owner might see that it is, go on and be gone before it is woken. */
    if (next != NULL)
        scheduler->wake(next);
    spinlock_unlock(&mutex->lock);
    rank_give(mutex);
}

bool mutex_held(const struct mutex *mutex)
{
    return __atomic_load_n(&mutex->held, __ATOMIC_RELAXED) && mutex->owner == cpu_current()->current;
}
