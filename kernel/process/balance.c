/* See balance.h. Looks at other queues are made without their locks: a wrong answer costs a detour, no more. */
#include "kernel/process/balance.h"

#include <stddef.h>

#include "kernel/process/run_queue.h"
#include "kernel/process/scheduler.h"

/* Between two looks of a busy CPU at the others. */
#define BALANCE_INTERVAL (4 * SCHEDULER_SLICE)

static struct cpu_mask idle_cpus;

void idle_mark(struct cpu *cpu, bool idle)
{
    if (cpu_mask_has(&idle_cpus, cpu->id) == idle)
        return;
    if (idle)
        cpu_mask_set(&idle_cpus, cpu->id);
    else
        cpu_mask_clear(&idle_cpus, cpu->id);
}

static uint64_t load_of(uint32_t id)
{
    return __atomic_load_n(&cpus[id]->run_queue->load, __ATOMIC_RELAXED);
}

/* Claim an idle CPU: who chooses at the same time takes another. */
static bool idle_claim(uint32_t id)
{
    return cpu_mask_has(&idle_cpus, id) && cpu_mask_clear(&idle_cpus, id);
}

static struct cpu *idle_find(const struct thread *thread)
{
    for (uint32_t id = cpu_mask_next(&idle_cpus, 0); id < CPU_MAX; id = cpu_mask_next(&idle_cpus, id + 1))
        if (cpu_mask_has(&thread->affinity, id) && idle_claim(id))
            return cpus[id];
    return NULL;
}

static struct cpu *least_busy(const struct thread *thread)
{
    uint32_t count = cpu_count_now(), best = CPU_MAX;

    for (uint32_t id = cpu_mask_next(&thread->affinity, 0); id < count;
         id = cpu_mask_next(&thread->affinity, id + 1))
        if (best == CPU_MAX || load_of(id) < load_of(best))
            best = id;
    return best < CPU_MAX ? cpus[best] : cpus[0];
}

struct cpu *cpu_choose(const struct thread *thread)
{
    uint32_t last = thread->cpu->id;
    bool allowed = cpu_mask_has(&thread->affinity, last);

    if (allowed && idle_claim(last))
        return thread->cpu;
    struct cpu *idle = idle_find(thread);
    if (idle != NULL)
        return idle;
    return allowed ? thread->cpu : least_busy(thread);
}

/* Take a waiting thread out of the queue of `from`, which is locked; it belongs to `to` then, and is in no queue. */
static void take(struct cpu *from, struct cpu *to, struct thread *thread)
{
    struct run_queue *queue = from->run_queue;

    run_queue_take(queue, thread);
    run_queue_leave(queue, thread);
    run_queue_detach(queue, thread);
    __atomic_store_n(&thread->cpu, to, __ATOMIC_RELEASE);
}

/* One that may run on `to`. NULL: none. */
static struct thread *take_for(struct cpu *from, struct cpu *to)
{
    struct run_queue *queue = from->run_queue;

    spinlock_lock(&queue->lock);
    struct thread *thread = run_queue_last(queue);
    while (thread != NULL && !cpu_mask_has(&thread->affinity, to->id))
        thread = run_queue_before(thread);
    if (thread != NULL)
        take(from, to, thread);
    spinlock_unlock(&queue->lock);
    return thread;
}

/* One that may run where less is to do, for the least busy CPU that it may use. Not each may use the least busy of all. NULL: none.
 * Also when the difference only changes sides: then those that share a CPU change, and all get the same in the long run. */
static struct thread *take_surplus(struct cpu *from)
{
    struct run_queue *queue = from->run_queue;

    spinlock_lock(&queue->lock);
    struct thread *thread = run_queue_last(queue);
    for (; thread != NULL; thread = run_queue_before(thread)) {
        struct cpu *to = least_busy(thread);
        if (to == from || load_of(to->id) + thread->weight > queue->load)
            continue;
        take(from, to, thread);
        spinlock_unlock(&queue->lock);
        return thread;
    }
    spinlock_unlock(&queue->lock);
    return NULL;
}

bool queue_steal(struct cpu *cpu)
{
    uint32_t count = cpu_count_now();

    for (uint32_t step = 1; step < count; step++) {
        struct cpu *from = cpus[(cpu->id + step) % count];
        if (__atomic_load_n(&from->run_queue->count, __ATOMIC_RELAXED) == 0)
            continue;
        struct thread *thread = take_for(from, cpu);
        if (thread == NULL)
            continue;
        thread_enter(thread);
        return true;
    }
    return false;
}

void queue_hand_over(struct cpu *cpu, uint64_t now)
{
    struct run_queue *queue = cpu->run_queue;
    uint32_t count = cpu_count_now(), best = cpu->id;

    /* Who waits while the CPU idles runs there at once. */
    if (now < queue->balance_next || cpu->current == cpu->idle)
        return;
    queue->balance_next = now + BALANCE_INTERVAL;
    for (uint32_t id = 0; id < count; id++)
        if (load_of(id) < load_of(best))
            best = id;
    struct thread *thread = best != cpu->id ? take_surplus(cpu) : NULL;
    if (thread != NULL)
        thread_enter(thread);
}
