/* /proc/PID: a process as files, in Linux's formats (proc(5)): cmdline, comm, exe, maps, stat, statm, status. */
#ifndef KERNEL_FILE_PROC_PROCESS_H
#define KERNEL_FILE_PROC_PROCESS_H

#include "paging/types.h"

struct node;

/* The directory of process `pid`, which exists. A new node with one reference; -ENOMEM. */
int must_check proc_process_create(struct node *parent, int pid, struct node **directory);

#endif
