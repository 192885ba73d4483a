/* A page-table walk told in words: for faults of processes and panics. */
#ifndef KERNEL_MEMORY_WALK_REPORT_H
#define KERNEL_MEMORY_WALK_REPORT_H

#include <stdint.h>

#include "paging/paging.h"

/* Log the walk of `address` in the tables that CR3 holds, entry by entry, with the level that refuses the access of this page-fault error code and why. Any context. */
void walk_report(vaddr_t address, uint64_t error_code);

/* Have every panic by a page fault include it. */
void walk_report_in_panics(void);

#endif
