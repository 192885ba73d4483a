/* One CPU's run queue; private to the scheduler's files. */
#ifndef KERNEL_PROCESS_RUN_QUEUE_H
#define KERNEL_PROCESS_RUN_QUEUE_H

#include <sys/queue.h>

#include "kernel/debug/spinlock.h"

struct thread;

struct run_queue {
    struct spinlock lock;
    TAILQ_HEAD(, thread) threads;
    unsigned count;
};

#endif
