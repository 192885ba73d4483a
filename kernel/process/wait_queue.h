/* Wait queues: threads sleeping until something becomes true.
 *
 * The condition is read and changed under one spinlock of the caller; a waiter queues itself before it lets go of that lock, so no wake-up is
 * lost. Lock: queue.lock (LOCK_WAIT_QUEUE), taken inside; wakers may be in interrupt context. */
#ifndef KERNEL_PROCESS_WAIT_QUEUE_H
#define KERNEL_PROCESS_WAIT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/debug/spinlock.h"
#include "kernel/process/thread.h"

struct wait_entry {
    TAILQ_ENTRY(wait_entry) link;
    struct thread *thread;
    bool queued;
};

struct wait_queue {
    struct spinlock lock;
    TAILQ_HEAD(, wait_entry) waiters;
};

void wait_queue_init(struct wait_queue *queue);

/* For static queues. */
#define WAIT_QUEUE_INIT(queue)                                                                               \
    {                                                                                                        \
        .lock = SPINLOCK_INIT(LOCK_WAIT_QUEUE, "wait queue"),                                                \
        .waiters = TAILQ_HEAD_INITIALIZER((queue).waiters)                                                   \
    }

/* Wake the threads (all, or the one that waits longest); what they wait for must be true already. Any context. */
void wait_queue_wake_all(struct wait_queue *queue);
void wait_queue_wake_one(struct wait_queue *queue);

/* The three steps of a sleep; use wait_event(). wait_sleep() releases `lock`, sleeps unless it was woken already, takes `lock` again. `sleep` says
 * which signals wake it too; `deadline` is a clock_now() value, UINT64_MAX for none. */
void wait_begin(struct wait_queue *queue, struct wait_entry *entry);
void wait_sleep(struct spinlock *lock, uint64_t deadline, enum thread_sleep sleep);
void wait_end(struct wait_queue *queue, struct wait_entry *entry);

/* A signal is pending that the current thread must act on before it sleeps any longer. */
bool wait_interrupted(void);

/* Sleep until `condition`, read with `lock` (a struct spinlock *, held by the caller) held. 0; -EINTR when a signal came first; -ETIMEDOUT. The lock is held
 * again in every case. Thread context; no other spinlock held. */
#define wait_event_until(queue, lock, condition, deadline)                                                   \
    ({                                                                                                       \
        struct wait_entry wait_entry_ = {0};                                                                 \
        int wait_error_ = 0;                                                                                 \
        while (!(condition)) {                                                                               \
            if (wait_interrupted()) {                                                                        \
                wait_error_ = -EINTR;                                                                        \
                break;                                                                                       \
            }                                                                                                \
            if (wait_deadline_passed(deadline)) {                                                            \
                wait_error_ = -ETIMEDOUT;                                                                    \
                break;                                                                                       \
            }                                                                                                \
            wait_begin(queue, &wait_entry_);                                                                 \
            wait_sleep(lock, deadline, SLEEP_INTERRUPTIBLE);                                                 \
            wait_end(queue, &wait_entry_);                                                                   \
        }                                                                                                    \
        wait_error_;                                                                                         \
    })
#define wait_event(queue, lock, condition) wait_event_until(queue, lock, condition, UINT64_MAX)

bool wait_deadline_passed(uint64_t deadline);

/* The sleep alone, for who keeps a list of his own: releases `lock`, under which he has entered himself, and does not take it again. */
void wait_block(struct spinlock *lock, uint64_t deadline, enum thread_sleep sleep);

#endif
