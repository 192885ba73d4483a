/* The scheduler: which thread runs on each CPU.
 *
 * Every CPU has its run queue; who has had least of it runs next, in turns of at most SCHEDULER_SLICE, each thread in proportion to its weight (nice). A thread that wakes runs where it ran last, or on an
 * idle CPU, and soon when it has had little; idle CPUs take over threads that wait elsewhere, busy ones hand over what they have too many of. A thread stops running only by its own call (block,
 * yield, exit) or on its way back to user mode: the kernel itself is not preempted, so code that does not sleep stays on its CPU. Lock: run_queue.lock (LOCK_RUN_QUEUE), held across the switch
 * and released by the thread that comes. */
#ifndef KERNEL_PROCESS_SCHEDULER_H
#define KERNEL_PROCESS_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/process/thread.h"
#include "paging/types.h"

/* Nanoseconds of a turn; less for threads of less than normal weight, which come again sooner instead. */
#define SCHEDULER_SLICE       UINT64_C(6000000)
#define SCHEDULER_SLICE_LEAST UINT64_C(1000000)

/* Make the running code the boot CPU's idle thread: it becomes a thread that may start others, but never block. Interrupts off. */
void scheduler_start(void);

/* Run queue, timers and idle thread of another CPU, before it runs; it then calls scheduler_idle() on the idle thread's stack. -ENOMEM. */
int must_check scheduler_start_cpu(struct cpu *cpu);

/* What the idle thread does for ever: halt until there is a thread to run. */
_Noreturn void scheduler_idle(void);

/* Sleep until thread_wake(): the caller has published itself to whoever will wake it, under `held`, which is released. A wake-up that came first makes this
 * return at once, and so does, as the current thread's `sleep` says, a signal. Thread context, no other lock held. */
void thread_block(struct spinlock *held);

/* Make a blocked thread runnable; for one that has not slept yet the next thread_block() returns at once. Any context. */
void thread_wake(struct thread *thread);

/* The thread has a signal to act on, or must end: wake it when its sleep allows that, or make it look soon where it runs. Any context. */
void thread_notify(struct thread *thread);

/* Put a new thread on a run queue. */
void thread_start(struct thread *thread);

/* Let the others run first. */
void scheduler_yield(void);

/* Let others run whose turn it is. */
void scheduler_reschedule(void);

/* The current thread is dead; never returns. */
_Noreturn void scheduler_exit(void);

/* Threads waiting for this CPU, the running one not counted. */
unsigned scheduler_runnable(void);

/* A long loop in the kernel calls this between steps: lets others run when the slice is over. */
void scheduler_relax(void);

/* The same; false: the thread is to end, and so is the loop. */
bool scheduler_relax_killable(void);

/* Where the thread may run from now on; moves it when it must. -EINVAL: no CPU that runs is in the set. May sleep when it is the current one. */
int must_check thread_set_affinity(struct thread *thread, const struct cpu_mask *affinity);

/* Its weight from now on: NICE_MIN .. NICE_MAX. Any context. */
void thread_set_nice(struct thread *thread, int nice);

#endif
