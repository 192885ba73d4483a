/* Threads: a kernel stack, saved registers and a place in the scheduler.
 *
 * A thread belongs to a process, or to the kernel alone (process == NULL). Only the thread itself changes its fields, but for those whose
 * comment names a lock. */
#ifndef KERNEL_PROCESS_THREAD_H
#define KERNEL_PROCESS_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/cpu/cpus.h"
#include "kernel/debug/trap_frame.h"
#include "kernel/lib/tree.h"
#include "kernel/process/signal.h"
#include "kernel/process/thread_files.h"
#include "paging/types.h"

struct address_space;
struct process;

enum thread_state {
    THREAD_RUNNABLE, /* on a run queue, or on its way to one */
    THREAD_RUNNING,
    THREAD_BLOCKED, /* waits for thread_wake() */
    THREAD_DEAD,    /* never runs again; freed by whoever runs next on its CPU */
};

enum thread_sleep {
    SLEEP_DEEP,          /* nothing else */
    SLEEP_KILLABLE,      /* the end of its process, and SIGKILL (signal_kills) */
    SLEEP_INTERRUPTIBLE, /* any signal that it must act on */
};

/* A system call whose wait goes on after a stop (syscalls/restart.h). */
struct thread_restart {
    uint64_t number;   /* 0: none */
    uint64_t deadline; /* clock_now() */
    bool now;          /* it is being made again */
};

struct thread {
    int tid;
    struct process *process;
    struct address_space *space; /* what is loaded when it runs; NULL: the kernel's own tables */
    TAILQ_ENTRY(thread) sibling; /* process->lock */
    LIST_ENTRY(thread) by_tid;   /* process_tree_lock; of kernel threads in thread.c */

    /* The lock of its CPU's run queue. */
    enum thread_state state;
    bool queued;              /* in the queue's tree */
    bool wake_pending;        /* woken before it slept: the next block returns at once */
    enum thread_sleep sleep;  /* what ends its sleep beside thread_wake() */
    struct cpu *cpu;          /* whose queue it is on or runs on, or ran on last */
    struct cpu_mask affinity; /* where it may run */
    RB_ENTRY(thread) run_node;
    uint64_t virtual_time; /* run_queue.h */
    uint32_t weight;
    int nice;
    uint64_t slice;     /* nanoseconds of a turn, from the weight */
    int policy;         /* SCHED_OTHER, SCHED_BATCH or SCHED_IDLE */
    uint64_t slice_end; /* clock_now() when its turn is over */

    /* Switched by thread_switch(). */
    vaddr_t kernel_stack; /* lowest address, above the guard */
    vaddr_t kernel_stack_top;
    uint64_t saved_rsp;
    uint64_t fs_base, gs_base; /* of user mode */
    void *fpu_state;           /* NULL: kernel thread */
    bool fpu_live;             /* the CPU's registers are the state while it runs; false: fpu_state is */

    struct thread_files files;
    struct signal_state signals; /* process->lock */
    bool interrupted; /* its system call returns because of a signal: signal_deliver() decides what */
    struct thread_restart restart;
    uint64_t clear_child_tid; /* user address: zeroed and woken at exit, 0: none */
    uint64_t robust_list;     /* user address */
    uint64_t mutex_ranks;     /* ranks of the mutexes it holds (kernel/cpu/mutex.h) */

    uint64_t run_time;   /* nanoseconds it has run */
    uint64_t time_stamp; /* clock_now() when it began to run */
    char name[16];
};

static inline struct thread *thread_current(void)
{
    struct thread *thread;
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(CPU_CURRENT));
    return thread;
}

/* A kernel thread that runs function(argument); ready to run at once. NULL when memory is exhausted. */
struct thread *thread_create_kernel(const char *name, void (*function)(void *argument), void *argument);

/* Nanoseconds that the thread has run; it may be running. Takes its run queue's lock; in scheduler.c. */
uint64_t thread_run_time(struct thread *thread);

#endif
