/* Translation look-aside buffers: making a change of page tables seen before the old frames are used again.
 *
 * One interface for all: what paging/ reports in struct paging_flush is made true on every CPU that may hold stale entries. Thread context or interrupts off. */
#ifndef KERNEL_MEMORY_TLB_H
#define KERNEL_MEMORY_TLB_H

#include "paging/paging.h"

struct address_space;

/* Flush user pages of `space` (NULL: kernel pages, everywhere). After it returns no CPU uses an old translation. Resets `flush` but for `tables`. */
void tlb_flush(struct address_space *space, struct paging_flush *flush);

#endif
