/* The files of /proc about the whole machine, in Linux's formats (proc(5)): cpuinfo, meminfo, stat, uptime. */
#ifndef KERNEL_FILE_PROC_MACHINE_H
#define KERNEL_FILE_PROC_MACHINE_H

#include <stddef.h>

#include "paging/types.h"

struct node;

/* The file of that name: a new node with one reference; -ENOENT, -ENOMEM. */
int must_check proc_machine_lookup(const char *name, size_t length, struct node **child);

/* The name of the file at `index`, counted from 0; NULL beyond the last. */
const char *proc_machine_name(uint64_t index);

#endif
