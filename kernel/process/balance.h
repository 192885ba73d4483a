/* Which CPU's queue a thread waits in; between the scheduler's files. */
#ifndef KERNEL_PROCESS_BALANCE_H
#define KERNEL_PROCESS_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct run_queue;
struct thread;

/* The CPU to run a thread on that runs and waits nowhere: the one it ran on when that is idle, another idle one, or the least busy that it may use. */
struct cpu *cpu_choose(const struct thread *thread);

/* Put a thread that runs and waits nowhere, its virtual time relative, into a queue. `locked`: the queue of thread->cpu, counted up to `now`; it is released. In scheduler.c. */
void thread_place(struct thread *thread, struct run_queue *locked, uint64_t now);

/* Put it into the queue of thread->cpu, whatever others have to do, unless it may not run there any more. In scheduler.c. */
void thread_enter(struct thread *thread);

/* A CPU is about to idle, or runs a thread. Its own, interrupts off. */
void idle_mark(struct cpu *cpu, bool idle);

/* An idle CPU takes over a thread that waits for another one. Interrupts off; false: none does. */
bool queue_steal(struct cpu *cpu);

/* From time to time a busy CPU hands a waiting thread over to one that has less to do. Timer interrupt. */
void queue_hand_over(struct cpu *cpu, uint64_t now);

#endif
