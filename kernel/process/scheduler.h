/* The scheduler: which thread runs on each CPU.
 *
 * Every CPU has its run queue; threads take turns of SCHEDULER_SLICE. A thread stops running only by its own call (block, yield, exit) or on its way back to
 * user mode: the kernel itself is not preempted. Lock: run_queue.lock (LOCK_RUN_QUEUE), held across the switch and released by the thread that comes. */
#ifndef KERNEL_PROCESS_SCHEDULER_H
#define KERNEL_PROCESS_SCHEDULER_H

#include <stdint.h>

#include "kernel/process/thread.h"

#define SCHEDULER_SLICE UINT64_C(10000000) /* nanoseconds */

/* Make the running code the boot CPU's idle thread: it becomes a thread that may start others, but never block. Interrupts off. */
void scheduler_start(void);

/* What the idle thread does for ever: halt until there is a thread to run. */
_Noreturn void scheduler_idle(void);

/* Sleep until thread_wake(): the caller has published itself to whoever will wake it, under `held`, which is released. A wake-up that came first makes this
 * return at once. Thread context, no other lock held. */
void thread_block(struct spinlock *held);

/* Make a blocked thread runnable; for one that has not slept yet the next thread_block() returns at once. Any context. */
void thread_wake(struct thread *thread);

/* Put a new thread on a run queue. */
void thread_start(struct thread *thread);

/* Let the others run first. */
void scheduler_yield(void);

/* The current thread is dead; never returns. */
_Noreturn void scheduler_exit(void);

/* Threads waiting for this CPU, the running one not counted. */
unsigned scheduler_runnable(void);

/* A long loop in the kernel calls this between steps: lets others run when the slice is over. */
void scheduler_relax(void);

#endif
