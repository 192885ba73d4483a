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

/* A leaf: a page that is present or, of a process, parked (PROT_NONE). */
struct surveyed_page {
    vaddr_t va;
    paddr_t pa;
    uint64_t size;         /* 4 KiB, 2 MiB or 1 GiB */
    pte_t entry;           /* the leaf's own */
    uint64_t perm;         /* effective P, W, U, NX over all levels, A and D of the leaf; 0 when parked */
    struct region *region; /* that promises it; NULL: there is none */
};

/* What is visited; any may be NULL. `space` is NULL for the kernel's own tables. */
struct survey {
    /* A page-table page; `level` is its level, the root included. */
    void (*table)(struct survey *survey, struct address_space *space, paddr_t table, unsigned level);
    /* A region, before its pages. */
    void (*region)(struct survey *survey, struct address_space *space, struct region *region);
    /* A page of a process. */
    void (*page)(struct survey *survey, struct address_space *space, const struct surveyed_page *page);
    /* A page of the kernel's half, but for the direct map and the frame array. */
    void (*kernel_page)(struct survey *survey, const struct surveyed_page *page);
    /* A frame that the shared backing behind a region holds; once for each backing. */
    void (*shared)(struct survey *survey, struct frame *frame);
};

/* Visit all spaces. false: some space is being changed just now; nothing was visited. */
bool survey_spaces(struct survey *survey);

#endif
