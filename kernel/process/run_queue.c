/* See run_queue.h. */
#include "kernel/process/run_queue.h"

#include <stddef.h>

#include "kernel/process/scheduler.h"

/* Weights of nice -20 .. 19: each step is a factor of about 1.25, so that one step is worth a tenth of the CPU between two threads
 * (Linux's table,
 * Documentation/scheduler/sched-nice-design). */
static const uint32_t weights[NICE_MAX - NICE_MIN + 1] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
    172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15,
};

/* Who has slept may run before the others by so much virtual time, not by all that it slept. */
#define SLEEPER_CREDIT INT64_C(3000000)

static int thread_compare(const struct thread *left, const struct thread *right)
{
    int64_t difference = (int64_t)(left->virtual_time - right->virtual_time);

    if (difference != 0)
        return difference < 0 ? -1 : 1;
    return left < right ? -1 : left > right;
}

RB_GENERATE_STATIC(thread_tree, thread, run_node, thread_compare)

void run_queue_init(struct run_queue *queue)
{
    *queue = (struct run_queue){.lock = SPINLOCK_INIT(LOCK_RUN_QUEUE, "run queue")};
    RB_INIT(&queue->threads);
}

void run_queue_weigh(struct thread *thread, int nice)
{
    thread->nice = nice;
    thread->weight = weights[nice - NICE_MIN];
    thread->slice = SCHEDULER_SLICE;
    if (thread->weight < RUN_QUEUE_WEIGHT_NORMAL)
        thread->slice = SCHEDULER_SLICE * thread->weight / RUN_QUEUE_WEIGHT_NORMAL;
    if (thread->slice < SCHEDULER_SLICE_LEAST)
        thread->slice = SCHEDULER_SLICE_LEAST;
}

void run_queue_insert(struct run_queue *queue, struct thread *thread)
{
    thread->state = THREAD_RUNNABLE;
    thread->queued = true;
    RB_INSERT(thread_tree, &queue->threads, thread);
    if (queue->first == NULL || thread_compare(thread, queue->first) < 0)
        queue->first = thread;
    __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_RELAXED);
}

void run_queue_take(struct run_queue *queue, struct thread *thread)
{
    if (thread == queue->first)
        queue->first = RB_NEXT(thread_tree, &queue->threads, thread);
    RB_REMOVE(thread_tree, &queue->threads, thread);
    thread->queued = false;
    __atomic_store_n(&queue->count, queue->count - 1, __ATOMIC_RELAXED);
}

void run_queue_exchange(struct run_queue *queue, struct thread *thread)
{
    struct thread *first = queue->first;

    if (queue->count > 1) {
        run_queue_take(queue, first);
        run_queue_insert(queue, thread);
        return;
    }
    /* Two that take turns: the tree is one node. */
    first->queued = false;
    thread->state = THREAD_RUNNABLE;
    thread->queued = true;
    RB_SET(thread, NULL, run_node);
    RB_COLOR(thread, run_node) = RB_BLACK;
    RB_ROOT(&queue->threads) = thread;
    queue->first = thread;
}

void run_queue_enter(struct run_queue *queue, struct thread *thread)
{
    int64_t relative = (int64_t)thread->virtual_time;

    if (relative < -SLEEPER_CREDIT)
        relative = -SLEEPER_CREDIT;
    thread->virtual_time = queue->least + (uint64_t)relative;
    __atomic_store_n(&queue->load, queue->load + thread->weight, __ATOMIC_RELAXED);
    run_queue_insert(queue, thread);
}

struct thread *run_queue_last(struct run_queue *queue)
{
    return RB_MAX(thread_tree, &queue->threads);
}

struct thread *run_queue_before(struct thread *thread)
{
    return RB_PREV(thread_tree, NULL, thread);
}
