/* The survey: visit everything that memory is used for, once. The consistency check and the memory viewer are both made of it.
 *
 * A survey looks at all address spaces at one moment: interrupts are off for its whole length, no space's mutex may be held by anyone, and other CPUs must not change memory
 * meanwhile. It never sleeps and allocates nothing. */
#ifndef KERNEL_MEMORY_SURVEY_H
#define KERNEL_MEMORY_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"

/* What is visited; any may be NULL. `space` is NULL for the kernel's own tables. */
struct survey {
    /* A page-table page; `level` is its level, the root included. */
    void (*table)(struct survey *survey, struct address_space *space, paddr_t table, unsigned level);
    /* A region, before its pages. */
    void (*region)(struct survey *survey, struct address_space *space, struct region *region);
    /* A page of a process: `entry` at `va`, a leaf of `size` bytes, present or parked (PROT_NONE). `region` is NULL when there is none for it. */
    void (*page)(struct survey *survey, struct address_space *space, struct region *region, vaddr_t va,
                 pte_t entry, uint64_t size);
    /* A frame that the shared backing behind a region holds; once for each backing. */
    void (*shared)(struct survey *survey, struct frame *frame);
};

/* Visit all spaces. false: some space is being changed just now; nothing was visited. */
bool survey_spaces(struct survey *survey);

#endif
