/* See scheduler.h. Who waits where is in balance.c, the order of one queue in run_queue.c. */
#include "kernel/process/scheduler.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/fpu.h"
#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/mutex.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/heap.h"
#include "kernel/process/balance.h"
#include "kernel/process/process.h"
#include "kernel/process/run_queue.h"
#include "kernel/process/thread_internal.h"
#include "kernel/process/timer.h"

/* A thread that wakes preempts one that has had this much more. */
#define WAKE_ADVANTAGE INT64_C(1000000)

static struct run_queue boot_queue;

struct thread *thread_switch(uint64_t *save_rsp, uint64_t load_rsp, struct thread *from);
void thread_switched(struct thread *from);

/* User registers that the kernel does not use itself. */
static void user_state_switch(struct thread *from, struct thread *to)
{
    if (from->fpu_live)
        fpu_save(from->fpu_state);
    if (to->fpu_state == NULL)
        return;
    if (to->fpu_live)
        fpu_load(to->fpu_state);
    wrmsr(MSR_FS_BASE, to->fs_base);
    /* Few programs have one. A program that loads the selector makes its own zero, unseen; a kernel thread leaves what it found. */
    if (from->fpu_state == NULL || (from->gs_base | to->gs_base) != 0)
        wrmsr(MSR_KERNEL_GS_BASE, to->gs_base);
}

/* Count what the running thread has run. Queue locked. Another CPU may have counted already up to a time that it read a moment later. */
static void account(struct cpu *cpu, uint64_t now)
{
    struct thread *running = cpu->current;
    uint64_t ran = now - running->time_stamp;

    if ((int64_t)ran <= 0)
        return;
    running->time_stamp = now;
    if (running == cpu->idle)
        return;
    running->run_time += ran;
    cpu->busy_time += ran;
    cpu->busy_since = now;
    running->virtual_time += run_queue_virtual(running, ran);
}

/* Bring `least` up to date: a thread that runs alone is never interrupted, and may have run for long since it was counted last. Who came to a stale `least` would
 * run until it had made up for all that. Queue locked. */
static void catch_up(struct cpu *cpu, uint64_t now)
{
    account(cpu, now);
    run_queue_advance(cpu->run_queue, cpu->current != cpu->idle ? cpu->current : NULL);
}

/* The thread to run: `from` itself when it may go on and nobody is before it. Takes it out of the queue, and puts `from` in when it gives way. */
static struct thread *choose(struct cpu *cpu, struct thread *from)
{
    struct run_queue *queue = cpu->run_queue;
    struct thread *first = queue->first;
    bool goes_on = from->state == THREAD_RUNNING && from != cpu->idle;

    if (goes_on && !cpu_mask_has(&from->affinity, cpu->id)) {
        /* It is put where it belongs when it is off its stack (thread_switched). */
        from->state = THREAD_RUNNABLE;
        run_queue_leave(queue, from);
        run_queue_detach(queue, from);
        goes_on = false;
    }
    if (first == NULL)
        return goes_on ? from : cpu->idle;
    if (goes_on && (int64_t)(from->virtual_time - first->virtual_time) <= 0)
        return from;
    if (goes_on)
        run_queue_exchange(queue, from);
    else
        run_queue_take(queue, first);
    return first;
}

/* Run the next thread. The run queue's lock is held and is released by the thread that comes; interrupts are off throughout. */
static void switch_away(struct cpu *cpu, uint64_t now)
{
    struct thread *from = cpu->current;
    struct thread *to = choose(cpu, from);

    cpu_work_done(CPU_WORK_RESCHEDULE);
    to->slice_end = now + to->slice;
    if (cpu->run_queue->count > 0)
        timer_at_latest(to->slice_end);
    if (to == from) {
        spinlock_unlock(&cpu->run_queue->lock);
        return;
    }
    to->time_stamp = now;
    cpu->busy_since = to != cpu->idle ? now : 0;
    to->state = THREAD_RUNNING;
    cpu->current = to;
    if (cpu_count > 1)
        idle_mark(cpu, to == cpu->idle);
    cpu_set_kernel_stack(to->kernel_stack_top);
    space_activate(to->space);
    user_state_switch(from, to);
    if (to->interrupted || signal_is_pending(to))
        cpu_work_add(cpu, CPU_WORK_SIGNAL);
    else
        cpu_work_done(CPU_WORK_SIGNAL);

    /* Whether interrupts were on before the lock belongs to the thread, not to the CPU. */
    uint32_t were_on = cpu->interrupts_were_on;
    from = thread_switch(&from->saved_rsp, to->saved_rsp, from);
    cpu_current()->interrupts_were_on = were_on;
    thread_switched(from);
}

/* The first thing on the new stack: `from` is not running any more. */
void thread_switched(struct thread *from)
{
    struct run_queue *queue = cpu_current()->run_queue;
    bool dead = from->state == THREAD_DEAD;
    bool homeless = from->state == THREAD_RUNNABLE && !from->queued;

    if (homeless) {
        thread_place(from, queue, clock_now());
        return;
    }
    spinlock_unlock(&queue->lock);
    if (dead)
        thread_free(from);
}

/* This CPU with its queue locked: it stays the caller's, as the kernel is not preempted. */
static struct cpu *queue_lock_here(void)
{
    struct cpu *cpu = cpu_current();

    spinlock_lock(&cpu->run_queue->lock);
    return cpu;
}

/* The queue that the thread belongs to, locked: it may move while we wait for the lock. */
static struct run_queue *queue_lock_of(struct thread *thread)
{
    for (;;) {
        struct run_queue *queue = __atomic_load_n(&thread->cpu, __ATOMIC_ACQUIRE)->run_queue;
        spinlock_lock(&queue->lock);
        if (thread->cpu->run_queue == queue)
            return queue;
        spinlock_unlock(&queue->lock);
    }
}

/* The current thread's run ends for now, as its state says. Queue locked. */
static void stop_running(struct cpu *cpu)
{
    uint64_t now = clock_now();

    catch_up(cpu, now);
    run_queue_leave(cpu->run_queue, cpu->current);
    switch_away(cpu, now);
}

static bool sleep_refused(struct thread *self)
{
    return (self->sleep == SLEEP_INTERRUPTIBLE && signal_is_pending(self)) ||
           (self->sleep == SLEEP_KILLABLE && signal_kills(self));
}

void thread_block(struct spinlock *held)
{
    ASSERT(spinlock_held(held), "a thread blocks under the lock that its waker takes");
    struct cpu *cpu = queue_lock_here();
    struct thread *self = cpu->current;

    ASSERT_EQ(cpu->locks_held, 2u, "a thread that sleeps holds no other spinlock");
    /* A signal's sender marks it first and then looks at the state under the queue's lock: one of the two sees the other. */
    if (self->wake_pending || sleep_refused(self)) {
        self->wake_pending = false;
        spinlock_unlock(&cpu->run_queue->lock);
        spinlock_unlock(held);
        return;
    }
    self->state = THREAD_BLOCKED;
    spinlock_unlock(held);
    stop_running(cpu);
}

/* Should the CPU's running thread, which has been counted, give way to one that has just come to wait? Queue locked. */
static bool preempts(const struct cpu *cpu, const struct thread *thread)
{
    return cpu->current == cpu->idle ||
           (int64_t)(cpu->current->virtual_time - thread->virtual_time) > WAKE_ADVANTAGE;
}

/* Somebody waits now: the running thread's turn is to end in time, or at once when it has had more than one. This CPU, interrupts off. */
static void slice_watch(struct cpu *cpu, uint64_t now)
{
    if (cpu->current == cpu->idle || cpu->current->slice_end <= now)
        cpu_work_add(cpu, CPU_WORK_RESCHEDULE);
    else
        timer_at_latest(cpu->current->slice_end);
}

/* Tell the CPU of a thread that came to wait in its queue, which is locked: it runs at once, or a turn is to end in time. */
static void tell(struct cpu *cpu, struct thread *thread, uint64_t now)
{
    bool here = cpu == cpu_current();

    if (preempts(cpu, thread)) {
        cpu_work_add(cpu, CPU_WORK_RESCHEDULE);
        if (!here)
            lapic_send(cpu->lapic_id, VECTOR_RESCHEDULE);
    } else if (cpu->run_queue->count == 1) {
        if (here)
            slice_watch(cpu, now);
        else
            lapic_send(cpu->lapic_id, VECTOR_RESCHEDULE);
    }
}

void thread_place(struct thread *thread, struct run_queue *locked, uint64_t now)
{
    struct cpu *cpu;

    /* Its affinity may change while no queue is locked: then another is chosen. */
    do {
        cpu = cpu_count > 1 ? cpu_choose(thread) : thread->cpu;
        if (cpu->run_queue == locked)
            break;
        thread->state = THREAD_RUNNABLE; /* from here on nobody else puts it anywhere */
        __atomic_store_n(&thread->cpu, cpu, __ATOMIC_RELEASE);
        spinlock_unlock(&locked->lock);
        locked = cpu->run_queue;
        spinlock_lock(&locked->lock);
        catch_up(cpu, now);
    } while (!cpu_mask_has(&thread->affinity, cpu->id));
    run_queue_enter(locked, thread);
    tell(cpu, thread, now);
    spinlock_unlock(&locked->lock);
}

void thread_enter(struct thread *thread)
{
    struct cpu *cpu = thread->cpu;

    spinlock_lock(&cpu->run_queue->lock);
    uint64_t now = clock_now();
    catch_up(cpu, now);
    if (!cpu_mask_has(&thread->affinity, cpu->id)) {
        thread_place(thread, cpu->run_queue, now);
        return;
    }
    run_queue_enter(cpu->run_queue, thread);
    tell(cpu, thread, now);
    spinlock_unlock(&cpu->run_queue->lock);
}

static void wake_locked(struct run_queue *queue, struct thread *thread)
{
    uint64_t now = clock_now();

    catch_up(thread->cpu, now);
    run_queue_detach(queue, thread);
    thread_place(thread, queue, now);
}

void thread_wake(struct thread *thread)
{
    struct run_queue *queue = queue_lock_of(thread);

    if (thread->state == THREAD_BLOCKED) {
        wake_locked(queue, thread);
        return;
    }
    if (thread->state != THREAD_DEAD)
        thread->wake_pending = true;
    spinlock_unlock(&queue->lock);
}

void thread_notify(struct thread *thread)
{
    if (thread == thread_current()) { /* it runs, and here */
        signal_interrupts();
        return;
    }
    struct run_queue *queue = queue_lock_of(thread);

    if (thread->state == THREAD_BLOCKED && sleep_refused(thread)) {
        wake_locked(queue, thread);
        return;
    }
    if (thread->state == THREAD_RUNNING) {
        cpu_work_add(thread->cpu, CPU_WORK_SIGNAL);
        if (thread->cpu != cpu_current())
            lapic_send(thread->cpu->lapic_id, VECTOR_RESCHEDULE);
    }
    spinlock_unlock(&queue->lock);
}

void thread_start(struct thread *thread)
{
    /* Its id is known already: others may set its affinity. */
    struct run_queue *queue = queue_lock_of(thread);
    uint64_t now = clock_now();

    catch_up(thread->cpu, now);
    thread->virtual_time = 0;
    thread_place(thread, queue, now);
}

void scheduler_reschedule(void)
{
    struct cpu *cpu = queue_lock_here();
    uint64_t now = clock_now();

    catch_up(cpu, now);
    switch_away(cpu, now);
}

void scheduler_yield(void)
{
    struct cpu *cpu = queue_lock_here();
    struct thread *self = cpu->current;
    uint64_t now = clock_now();

    account(cpu, now);
    struct thread *first = cpu->run_queue->first;
    if (first != NULL && (int64_t)(first->virtual_time - self->virtual_time) >= 0)
        self->virtual_time = first->virtual_time + 1;
    run_queue_advance(cpu->run_queue, self);
    switch_away(cpu, now);
}

void scheduler_relax(void)
{
    if (cpu_current()->work & CPU_WORK_RESCHEDULE)
        scheduler_reschedule();
}

bool scheduler_relax_killable(void)
{
    scheduler_relax();
    return !signal_killed();
}

void scheduler_exit(void)
{
    struct cpu *cpu = queue_lock_here();

    cpu->current->state = THREAD_DEAD;
    stop_running(cpu);
    __builtin_unreachable();
}

uint64_t thread_run_time(struct thread *thread)
{
    struct run_queue *queue = queue_lock_of(thread);
    uint64_t time = thread->run_time, now = clock_now();

    if (thread->state == THREAD_RUNNING && now > thread->time_stamp)
        time += now - thread->time_stamp;
    spinlock_unlock(&queue->lock);
    return time;
}

unsigned scheduler_runnable(void)
{
    return cpu_current()->run_queue->count;
}

/* At each timer interrupt: is the running thread's turn over? */
static uint64_t scheduler_tick(uint64_t now)
{
    struct cpu *cpu = cpu_current();

    if (cpu->run_queue->count == 0)
        return UINT64_MAX;
    if (cpu_count > 1)
        queue_hand_over(cpu, now);
    if (cpu->current != cpu->idle && now < cpu->current->slice_end)
        return cpu->current->slice_end;
    cpu_work_add(cpu, CPU_WORK_RESCHEDULE);
    cpu->current->slice_end = now + cpu->current->slice;
    return cpu->current->slice_end;
}

/* Another CPU put a thread into this one's queue, or work into its word: that is looked at on the way out. */
static void reschedule_interrupt(struct trap_frame *frame, void *context)
{
    struct cpu *cpu = cpu_current();

    (void)frame;
    (void)context;
    lapic_end_of_interrupt();
    if (cpu->run_queue->count > 0)
        slice_watch(cpu, clock_now());
}

/* Interrupts are off between the look at the queue and HLT, so that no wake-up is slept through. */
void scheduler_idle(void)
{
    for (;;) {
        interrupts_disable();
        struct cpu *cpu = cpu_current();
        if (cpu->run_queue->count > 0 || (cpu_count > 1 && queue_steal(cpu))) {
            interrupts_restore(true);
            scheduler_reschedule();
            continue;
        }
        interrupts_restore(true);
        if (frame_zero_ahead())
            continue;
        interrupts_disable();
        if (cpu->run_queue->count == 0) {
            if (cpu_count > 1)
                idle_mark(cpu, true);
            cpu_halt_interruptible();
        }
    }
}

int thread_set_affinity(struct thread *thread, const struct cpu_mask *affinity)
{
    uint32_t first = cpu_mask_next(affinity, 0);

    if (first >= cpu_count_now())
        return -EINVAL;
    struct run_queue *queue = queue_lock_of(thread);
    struct cpu *cpu = thread->cpu;
    thread->affinity = *affinity;
    bool moves = !cpu_mask_has(affinity, cpu->id);
    if (moves && thread->queued) {
        uint64_t now = clock_now();
        catch_up(cpu, now);
        run_queue_take(queue, thread);
        run_queue_leave(queue, thread);
        run_queue_detach(queue, thread);
        thread_place(thread, queue, now);
        return 0;
    }
    if (moves && thread->state == THREAD_RUNNING && cpu != cpu_current()) {
        cpu_work_add(cpu, CPU_WORK_RESCHEDULE);
        lapic_send(cpu->lapic_id, VECTOR_RESCHEDULE);
    }
    spinlock_unlock(&queue->lock);
    if (moves && thread == thread_current())
        scheduler_reschedule();
    return 0;
}

void thread_set_nice(struct thread *thread, int nice)
{
    struct run_queue *queue = queue_lock_of(thread);
    bool running = thread->state == THREAD_RUNNING, counted = thread->queued || running;
    uint64_t now = clock_now();

    /* What it has run it ran with the weight that it had, and the rest of its turn is one of its new weight. */
    if (running)
        account(thread->cpu, now);
    if (counted)
        run_queue_leave(queue, thread);
    run_queue_weigh(thread, nice);
    if (running && now + thread->slice < thread->slice_end) {
        thread->slice_end = now + thread->slice;
        if (queue->count > 0 && thread->cpu == cpu_current())
            timer_at_latest(thread->slice_end);
    }
    if (counted)
        __atomic_store_n(&queue->load, queue->load + thread->weight, __ATOMIC_RELAXED);
    spinlock_unlock(&queue->lock);
}

static uint64_t *current_mutex_ranks(void)
{
    return &thread_current()->mutex_ranks;
}

void scheduler_start(void)
{
    static struct thread boot_thread = {.name = "idle 0", .state = THREAD_RUNNING, .slice = SCHEDULER_SLICE};
    static const struct mutex_scheduler mutex_scheduler = {thread_block, thread_wake, current_mutex_ranks};
    struct cpu *cpu = cpu_current();

    run_queue_init(&boot_queue);
    cpu->run_queue = &boot_queue;
    boot_thread.cpu = cpu;
    boot_thread.time_stamp = clock_now();
    cpu->current = cpu->idle = &boot_thread;
    timer_start(scheduler_tick);
    mutex_set_scheduler(&mutex_scheduler);
    int error = interrupt_register(VECTOR_RESCHEDULE, reschedule_interrupt, NULL);
    ASSERT_EQ(error, 0, "nobody else has the reschedule vector");
}

int scheduler_start_cpu(struct cpu *cpu)
{
    struct thread *idle = thread_make_kernel("idle", NULL, NULL);

    cpu->run_queue = heap_alloc_zeroed(sizeof(*cpu->run_queue));
    if (idle == NULL || cpu->run_queue == NULL || timer_start_cpu(cpu) != 0)
        return -ENOMEM;
    run_queue_init(cpu->run_queue);
    snprintf(idle->name, sizeof(idle->name), "idle %u", cpu->id);
    idle->state = THREAD_RUNNING;
    idle->cpu = cpu;
    idle->time_stamp = clock_now();
    cpu->current = cpu->idle = idle;
    cpu->kernel_stack_top = idle->kernel_stack_top;
    return 0;
}
