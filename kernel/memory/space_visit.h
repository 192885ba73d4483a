/* Visits of one address space at a time while others run, and what each physical address is: for the memory viewer. (memory_check() looks at all spaces at one moment:
 * survey.h.)
 *
 * Three questions, each answered by visiting: what is there at each physical address, which table pages and mappings the kernel's own half has, and which
 * a process's space has. What is visited comes once, in ascending order. Nothing is changed, not even accessed and dirty bits. */
#ifndef KERNEL_MEMORY_SPACE_VISIT_H
#define KERNEL_MEMORY_SPACE_VISIT_H

#include <stdbool.h>
#include <stdint.h>

#include "efi/boot_info.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/region.h"

/* Remember the memory map. Once, at start-up. */
void space_visit_start(const struct boot_info *boot);

/* What a physical address is before anybody used it. */
enum memory_kind {
    MEMORY_KIND_NOTHING,  /* no memory, as far as the firmware said */
    MEMORY_KIND_USABLE,   /* RAM that the frame allocator has, or will take into use */
    MEMORY_KIND_RESERVED, /* RAM that is the firmware's for good, or bad, or of a kind that is left alone */
    MEMORY_KIND_DEVICE,   /* registers */
    MEMORY_KIND_CONSOLE,  /* where pictures come from: the CGA window and the framebuffer */
};

/* The kind at `pa`; *end is where it ends at the latest. */
enum memory_kind memory_kind_at(paddr_t pa, paddr_t *end);

/* The end of the highest RAM. */
paddr_t memory_kind_end(void);

/* One table page. The root comes too, first, with `va` 0 and the highest level. */
struct visited_table {
    paddr_t table;
    unsigned level;
    vaddr_t va; /* first address that it decides */
};

/* One leaf, or one page that a process has and may not use at all (PROT_NONE: not present for the processor). */
struct visited_page {
    vaddr_t va;
    paddr_t pa;
    uint64_t size; /* 4 KiB, 2 MiB or 1 GiB */
    uint64_t perm; /* effective P, W, U, NX over all levels; A and D of the leaf; 0 when parked */
    bool parked;
    const struct region
        *region; /* that promises it; NULL in the kernel's half, and where a page is without one */
};

struct space_visitor {
    void (*table)(void *context, const struct visited_table *table);
    void (*page)(void *context, const struct visited_page *page);
    void (*region)(void *context, const struct region *region); /* before its pages */
    void *context;
};

/* Visit a process's own half of [start, end): regions, leaves, and with `start` 0 the table pages (each function may be NULL). The space's mutex is taken, so visitors
 * take no mutex of its rank or below, and no other CPU changes the space meanwhile. */
void space_visit(struct address_space *space, vaddr_t start, vaddr_t end,
                 const struct space_visitor *visitor);

/* Visit the tables and leaves of the kernel's half, which all spaces share, but for the leaves of the direct map and of the frame array. Takes no lock: a mapping that is
 * made or undone meanwhile comes or does not. */
void kernel_visit(const struct space_visitor *visitor);

#endif
