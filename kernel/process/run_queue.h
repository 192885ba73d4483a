/* One CPU's run queue: the threads that wait for it, by virtual run time; private to the scheduler's files.
 *
 * Virtual run time grows as a thread runs, the slower the higher its weight; who has least runs next. `least` only grows: it is where a thread that has slept begins. Lock: lock
 * (LOCK_RUN_QUEUE); two queues are never locked at once. */
#ifndef KERNEL_PROCESS_RUN_QUEUE_H
#define KERNEL_PROCESS_RUN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/debug/spinlock.h"
#include "kernel/lib/tree.h"
#include "kernel/process/thread.h"

#define RUN_QUEUE_WEIGHT_NORMAL 1024u /* of nice 0 */

RB_HEAD(thread_tree, thread);

struct run_queue {
    struct spinlock lock;
    struct thread_tree threads;
    struct thread *first; /* of them, who runs next; NULL: none */
    uint32_t count;       /* of them; others may look without the lock */
    uint64_t load;        /* their weights and the running thread's; likewise */
    uint64_t least;
    uint64_t balance_next; /* clock_now() when to look at the other queues */
};

void run_queue_init(struct run_queue *queue);

/* A thread that is in no queue, with its virtual time relative to `least`. Who was behind for long gets a little of it back, not all. */
void run_queue_enter(struct run_queue *queue, struct thread *thread);

/* Between the queue and its CPU: the thread runs or has stopped running; its virtual time is the queue's. */
void run_queue_insert(struct run_queue *queue, struct thread *thread);
void run_queue_take(struct run_queue *queue, struct thread *thread);

/* The first is taken to run, and the thread that ran waits in its place. */
void run_queue_exchange(struct run_queue *queue, struct thread *thread);

/* A thread sleeps or goes: its weight counts here no more. */
static inline void run_queue_leave(struct run_queue *queue, const struct thread *thread)
{
    __atomic_store_n(&queue->load, queue->load - thread->weight, __ATOMIC_RELAXED);
}

/* A thread that has left: make its virtual time relative, so that it can enter this or another queue. */
static inline void run_queue_detach(const struct run_queue *queue, struct thread *thread)
{
    thread->virtual_time -= queue->least;
}

/* The waiting thread that would run last, and the one that runs before another. NULL: none. */
struct thread *run_queue_last(struct run_queue *queue);
struct thread *run_queue_before(struct thread *thread);

/* `least` follows the running thread (NULL: idle) and the first one waiting. */
static inline void run_queue_advance(struct run_queue *queue, const struct thread *running)
{
    const struct thread *least = queue->first;

    if (least == NULL || (running != NULL && (int64_t)(running->virtual_time - least->virtual_time) <= 0))
        least = running;
    if (least != NULL && (int64_t)(least->virtual_time - queue->least) > 0)
        queue->least = least->virtual_time;
}

/* Nanoseconds of running as virtual time of this thread. */
static inline uint64_t run_queue_virtual(const struct thread *thread, uint64_t nanoseconds)
{
    return thread->weight == RUN_QUEUE_WEIGHT_NORMAL ? nanoseconds
                                                     : nanoseconds * RUN_QUEUE_WEIGHT_NORMAL / thread->weight;
}

#define NICE_MIN (-20)
#define NICE_MAX 19

/* Set nice, and the weight and the slice that follow from it. The thread runs and waits nowhere, or its queue is locked and adjusted by the caller. */
void run_queue_weigh(struct thread *thread, int nice);

#endif
