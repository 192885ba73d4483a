/* See scheduler.h. */
#include "kernel/process/scheduler.h"

#include <stddef.h>

#include "kernel/cpu/fpu.h"
#include "kernel/cpu/mutex.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/clock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"
#include "kernel/process/process.h"
#include "kernel/process/run_queue.h"
#include "kernel/process/thread_internal.h"
#include "kernel/process/timer.h"

static struct run_queue boot_queue;

struct thread *thread_switch(uint64_t *save_rsp, uint64_t load_rsp, struct thread *from);
void thread_switched(struct thread *from);

static void queue_add(struct run_queue *queue, struct thread *thread)
{
    thread->state = THREAD_RUNNABLE;
    TAILQ_INSERT_TAIL(&queue->threads, thread, run_link);
    queue->count++;
}

static struct thread *queue_take(struct run_queue *queue)
{
    struct thread *thread = TAILQ_FIRST(&queue->threads);

    if (thread != NULL) {
        TAILQ_REMOVE(&queue->threads, thread, run_link);
        queue->count--;
    }
    return thread;
}

/* User registers that the kernel does not use itself. */
static void user_state_switch(struct thread *from, struct thread *to)
{
    if (from->fpu_state != NULL)
        fpu_save(from->fpu_state);
    if (to->fpu_state == NULL)
        return;
    fpu_load(to->fpu_state);
    wrmsr(MSR_FS_BASE, to->fs_base);
    wrmsr(MSR_KERNEL_GS_BASE, to->gs_base);
}

/* Run the next thread. The run queue's lock is held and is released by the thread that comes; interrupts are off throughout. */
static void switch_away(struct cpu *cpu)
{
    struct thread *from = cpu->current;
    struct thread *to = queue_take(cpu->run_queue);
    uint64_t now = clock_now();

    if (to == NULL)
        to = from->state == THREAD_RUNNING ? from : cpu->idle;
    cpu->work &= ~CPU_WORK_RESCHEDULE;
    to->slice_end = now + SCHEDULER_SLICE;
    if (cpu->run_queue->count > 0 || to != cpu->idle)
        timer_at_latest(cpu->run_queue->count > 0 ? to->slice_end : UINT64_MAX);
    if (to == from) {
        spinlock_unlock(&cpu->run_queue->lock);
        return;
    }
    if (from->state == THREAD_RUNNING && from != cpu->idle)
        queue_add(cpu->run_queue, from);
    from->run_time += now - from->time_stamp;
    to->time_stamp = now;
    to->state = THREAD_RUNNING;
    to->cpu = cpu;
    cpu->current = to;
    cpu_set_kernel_stack(to->kernel_stack_top);
    space_activate(to->process != NULL ? to->process->space : NULL);
    user_state_switch(from, to);
    if (signal_is_pending(to))
        cpu->work |= CPU_WORK_SIGNAL;
    else
        cpu->work &= ~CPU_WORK_SIGNAL;

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

    spinlock_unlock(&queue->lock);
    if (dead)
        thread_free(from);
}

static struct cpu *queue_lock_here(void)
{
    bool enabled = interrupts_disable();
    struct cpu *cpu = cpu_current();

    spinlock_lock(&cpu->run_queue->lock);
    if (enabled && cpu->locks_held == 1)
        cpu->interrupts_were_on = true;
    return cpu;
}

void thread_block(struct spinlock *held)
{
    ASSERT(spinlock_held(held), "a thread blocks under the lock that its waker takes");
    struct cpu *cpu = queue_lock_here();
    struct thread *self = cpu->current;

    ASSERT_EQ(cpu->locks_held, 2u, "a thread that sleeps holds no other spinlock");
    if (self->wake_pending) {
        self->wake_pending = false;
        spinlock_unlock(&cpu->run_queue->lock);
        spinlock_unlock(held);
        return;
    }
    self->state = THREAD_BLOCKED;
    spinlock_unlock(held);
    switch_away(cpu);
}

void thread_wake(struct thread *thread)
{
    struct run_queue *queue = thread->cpu->run_queue;

    spinlock_lock(&queue->lock);
    if (thread->state == THREAD_BLOCKED) {
        queue_add(queue, thread);
        if (queue->count == 1)
            timer_at_latest(thread->cpu->current->slice_end);
    } else if (thread->state != THREAD_DEAD) {
        thread->wake_pending = true;
    }
    spinlock_unlock(&queue->lock);
}

void thread_start(struct thread *thread)
{
    struct cpu *cpu = queue_lock_here();

    thread->cpu = cpu;
    queue_add(cpu->run_queue, thread);
    if (cpu->run_queue->count == 1)
        timer_at_latest(cpu->current->slice_end);
    spinlock_unlock(&cpu->run_queue->lock);
}

void scheduler_yield(void)
{
    switch_away(queue_lock_here());
}

void scheduler_relax(void)
{
    if (cpu_current()->work & CPU_WORK_RESCHEDULE)
        scheduler_yield();
}

void scheduler_exit(void)
{
    struct cpu *cpu = queue_lock_here();

    cpu->current->state = THREAD_DEAD;
    switch_away(cpu);
    __builtin_unreachable();
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
    if (cpu->current != cpu->idle && now < cpu->current->slice_end)
        return cpu->current->slice_end;
    cpu->work |= CPU_WORK_RESCHEDULE;
    cpu->current->slice_end = now + SCHEDULER_SLICE;
    return cpu->current->slice_end;
}

/* Interrupts are off between the look at the queue and HLT, so that no wake-up is slept through. */
void scheduler_idle(void)
{
    for (;;) {
        interrupts_disable();
        if (cpu_current()->run_queue->count > 0) {
            interrupts_restore(true);
            scheduler_yield();
            continue;
        }
        interrupts_restore(true);
        if (frame_zero_ahead())
            continue;
        interrupts_disable();
        if (cpu_current()->run_queue->count == 0)
            cpu_halt_interruptible();
    }
}

static uint64_t *current_mutex_ranks(void)
{
    return &thread_current()->mutex_ranks;
}

void scheduler_start(void)
{
    static struct thread boot_thread = {.name = "idle 0", .state = THREAD_RUNNING};
    static const struct mutex_scheduler mutex_scheduler = {thread_block, thread_wake, current_mutex_ranks};
    struct cpu *cpu = cpu_current();

    boot_queue.lock = SPINLOCK_INIT(LOCK_RUN_QUEUE, "run queue");
    TAILQ_INIT(&boot_queue.threads);
    cpu->run_queue = &boot_queue;
    boot_thread.cpu = cpu;
    boot_thread.time_stamp = clock_now();
    cpu->current = cpu->idle = &boot_thread;
    timer_start(scheduler_tick);
    mutex_set_scheduler(&mutex_scheduler);
}
