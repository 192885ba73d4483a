/* See wait_queue.h. */
#include "kernel/process/wait_queue.h"

#include <stddef.h>

#include "kernel/device/clock.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/process/timer.h"

void wait_queue_init(struct wait_queue *queue)
{
    queue->lock = SPINLOCK_INIT(LOCK_WAIT_QUEUE, "wait queue");
    TAILQ_INIT(&queue->waiters);
}

/* Take the first waiter off and wake it; its entry is on its own stack and may go as soon as the lock is released. */
static bool wake_first(struct wait_queue *queue)
{
    struct wait_entry *entry = TAILQ_FIRST(&queue->waiters);

    if (entry == NULL)
        return false;
    TAILQ_REMOVE(&queue->waiters, entry, link);
    entry->queued = false;
    thread_wake(entry->thread);
    return true;
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    spinlock_lock(&queue->lock);
    wake_first(queue);
    spinlock_unlock(&queue->lock);
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    spinlock_lock(&queue->lock);
    while (wake_first(queue))
        ;
    spinlock_unlock(&queue->lock);
}

void wait_begin(struct wait_queue *queue, struct wait_entry *entry)
{
    entry->thread = thread_current();
    entry->queued = true;
    spinlock_lock(&queue->lock);
    TAILQ_INSERT_TAIL(&queue->waiters, entry, link);
    spinlock_unlock(&queue->lock);
}

void wait_end(struct wait_queue *queue, struct wait_entry *entry)
{
    spinlock_lock(&queue->lock);
    if (entry->queued)
        TAILQ_REMOVE(&queue->waiters, entry, link);
    spinlock_unlock(&queue->lock);
}

struct wake_timer {
    struct timer timer;
    struct thread *thread;
};

static void wake_timer_expired(struct timer *timer)
{
    thread_wake(((struct wake_timer *)timer)->thread);
}

void wait_block(struct spinlock *lock, uint64_t deadline, enum thread_sleep sleep)
{
    struct thread *self = thread_current();
    struct wake_timer timer = {.timer.expired = wake_timer_expired, .thread = self};

    self->sleep = sleep;
    if (deadline != UINT64_MAX)
        timer_add(&timer.timer, deadline);
    thread_block(lock);
    if (deadline != UINT64_MAX)
        timer_remove(&timer.timer);
    self->sleep = SLEEP_DEEP;
}

void wait_sleep(struct spinlock *lock, uint64_t deadline, enum thread_sleep sleep)
{
    wait_block(lock, deadline, sleep);
    spinlock_lock(lock);
}

bool wait_interrupted(void)
{
    if (!signal_is_pending(thread_current()))
        return false;
    signal_interrupts();
    return true;
}

bool wait_deadline_passed(uint64_t deadline)
{
    return deadline != UINT64_MAX && clock_now() >= deadline;
}
