/* What each processor keeps for itself, reached through GS in kernel mode.
 *
 * Fields are used by their own CPU only, with interrupts off or in code that cannot move to another CPU, except where said. The first
 * fields' offsets are known to assembly (CPU_* below, asserted). */
#ifndef KERNEL_DEBUG_CPU_LOCAL_H
#define KERNEL_DEBUG_CPU_LOCAL_H

#define CPU_SELF             0
#define CPU_USER_RSP         8
#define CPU_KERNEL_STACK_TOP 16
#define CPU_CURRENT          24
#define CPU_WORK             32

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

struct thread;
struct spinlock;
struct trap_recovery;

#define CPU_LOCKS_HELD_MAX 8

struct cpu {
    struct cpu *self;
    uint64_t user_rsp;         /* the caller's RSP during the first instructions of a system call */
    uint64_t kernel_stack_top; /* of the current thread: where entries from user mode start */
    struct thread *current;    /* the running thread; NULL until the scheduler starts */
    uint32_t
        work; /* CPU_WORK_*: to be done before going back to user mode; any CPU may add to it: atomic (kernel/cpu/cpus.h) */
    uint32_t id; /* 0 is the boot CPU; dense */
    uint32_t lapic_id;
    uint32_t interrupt_depth; /* nested interrupt handlers; 0 in thread context */

    uint32_t locks_held;
    uint32_t interrupts_were_on; /* IF before the outermost spinlock_lock() */
    struct spinlock *lock[CPU_LOCKS_HELD_MAX];

    struct thread *idle;
    struct cpu_tables *tables;   /* kernel/cpu: GDT, TSS and interrupt stacks */
    struct run_queue *run_queue; /* kernel/process */
    struct timer_base *timers;   /* kernel/process: timers that fire here */
    uint64_t timer_armed;        /* kernel/process: when the local timer fires, UINT64_MAX: not set */
    struct frame_cache *frames;  /* kernel/memory: per-CPU free frames */
    struct address_space *space; /* kernel/memory: whose tables CR3 holds; NULL: the kernel's own */
    struct trap_recovery
        *recovery; /* kernel/cpu/trap.c: where to go on when foreign code faults; NULL: a panic */
    uint64_t interrupts_off_since; /* kernel/debug/lock_times.c */
    const void *interrupts_off_at;
    uint64_t syscalls; /* counters for the viewer */
    uint64_t interrupts;
    uint64_t busy_time;  /* nanoseconds that its threads but the idle one have run; others may look */
    uint64_t busy_since; /* clock_now() when the one that runs now was counted last; 0: idle */
};

#define CPU_WORK_RESCHEDULE (1u << 0)
#define CPU_WORK_SIGNAL     (1u << 1)

_Static_assert(offsetof(struct cpu, self) == CPU_SELF, "known to assembly");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "known to assembly");
_Static_assert(offsetof(struct cpu, kernel_stack_top) == CPU_KERNEL_STACK_TOP, "known to assembly");
_Static_assert(offsetof(struct cpu, current) == CPU_CURRENT, "known to assembly");
_Static_assert(offsetof(struct cpu, work) == CPU_WORK, "known to assembly");

/* This CPU's block. Meaningful for as long as the caller cannot be moved. */
static inline struct cpu *cpu_current(void)
{
    struct cpu *cpu;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(CPU_SELF));
    return cpu;
}

#endif
#endif
