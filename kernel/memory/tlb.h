/* Translation look-aside buffers: making a change of page tables seen before the old frames are used again.
 *
 * One interface for all: what paging/ reports in struct paging_flush is made true on every CPU that may hold stale entries. CPUs that have the space loaded get an
 * interrupt and are waited for; others find the space's generation changed when they load it and drop what they have of it (tlb_tag.h), so an idle CPU is never disturbed. Thread context or interrupts off; the caller holds
 * no spinlock, because a CPU that is waited for may be spinning for it. */
#ifndef KERNEL_MEMORY_TLB_H
#define KERNEL_MEMORY_TLB_H

#include <stdbool.h>

#include "kernel/memory/tlb_tag.h"
#include "paging/paging.h"

struct address_space;

/* Give a new space the identity that translations of it are known by. */
void tlb_version_start(struct tlb_version *version);

/* Load the tables of `space` (NULL: the kernel's own) into CR3, with a flush or without as what this CPU's TLB still has of it demands. The CPU is in the space's active set already.
 * Interrupts off. */
void tlb_load(struct address_space *space);

/* Take the flush interrupt; once, before another CPU is started. */
void tlb_start(void);

/* Do what other CPUs have asked of this one, for who waits with interrupts off. */
void tlb_serve(void);

/* Flush user pages of `space` (NULL: kernel pages, everywhere). After it returns no CPU uses an old translation. Resets `flush` but for `tables`. */
void tlb_flush(struct address_space *space, struct paging_flush *flush);

#endif
