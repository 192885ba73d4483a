/* A process as ps tells of it: one moment, copied out. */
#ifndef KERNEL_PROCESS_PROCESS_STATUS_H
#define KERNEL_PROCESS_PROCESS_STATUS_H

#include <stdint.h>

#include "kernel/process/process.h"

struct process_status {
    int pid, parent, group, session;
    char state; /* R runs or could, S sleeps, D sleeps and no signal ends it, T stopped, Z ended */
    uint32_t threads;
    int nice;
    uint32_t cpu;        /* where its main thread runs or ran last */
    uint64_t start_time; /* clock_now() */
    uint64_t run_time;   /* nanoseconds, of all its threads */
    uint64_t child_time; /* nanoseconds, of descendants that were waited for */
    signal_set pending, blocked, ignored, caught;
    char name[PROCESS_NAME_MAX];
};

/* Takes process_tree_lock and the process's lock. */
void process_status(struct process *process, struct process_status *status);

#endif
