/* memory_check(): one walk over every page table, region and frame that proves that nothing is lost and nothing is shared that should not be.
 *
 * It verifies: each frame's reference count equals the mappings and holders that exist; user pages are only anonymous, shared or file frames; no page is writable and executable, or
 * has more rights than its region; every page lies in a region; page tables are owned as such and reached once; free frames are in the free lists and nowhere else; counters of
 * address spaces are exact; slabs add up. What it finds is logged. */
#ifndef KERNEL_MEMORY_MEMORY_CHECK_H
#define KERNEL_MEMORY_MEMORY_CHECK_H

#include <stdbool.h>

/* The number of violations, or -EAGAIN when some address space was being changed, or another CPU checks. Thread context, no spinlock held; other CPUs are made to stand still. */
int memory_check(void);

#endif
