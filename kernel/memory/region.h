/* Regions: what an address space promises about each range of addresses, whether pages are there yet or not.
 *
 * Regions are page-aligned, not empty, do not overlap, and lie in the user half. Neighbours that could be one are merged. Lock: the address space's mutex. */
#ifndef KERNEL_MEMORY_REGION_H
#define KERNEL_MEMORY_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/tree.h"
#include "kernel/memory/backing.h"
#include "paging/types.h"

/* Protection, the values of Linux's PROT_*. */
#define REGION_READ        1u
#define REGION_WRITE       2u
#define REGION_EXEC        4u

/* Flags. */
#define REGION_SHARED      (1u << 0) /* writes are seen by all who map the backing */
#define REGION_GROWS_DOWN  (1u << 1) /* a stack */
#define REGION_NO_RESERVE  (1u << 2) /* may promise more memory than there is */
#define REGION_SMALL_PAGES (1u << 3) /* no huge pages from now on */

struct region {
    RB_ENTRY(region) node;
    vaddr_t start, end;
    uint32_t protection;
    uint32_t flags;
    struct backing *backing; /* NULL: anonymous, private */
    uint64_t offset;         /* in the backing, of `start` */
    const char *name;        /* "[heap]", "[stack]", or NULL; static text */
};

RB_HEAD(region_tree, region);

/* The region that holds `va`; or the first that ends above it. NULL when there is none. */
struct region *region_find(struct region_tree *tree, vaddr_t va);
struct region *region_find_from(struct region_tree *tree, vaddr_t va);
struct region *region_next(struct region *region);
struct region *region_previous(struct region *region);

/* Add a region with these properties; the tree takes a reference to its backing. It is merged with its neighbours when they fit. -ENOMEM. */
int must_check region_insert(struct region_tree *tree, const struct region *properties);

/* The same, but not merged: cuts made before stay until region_merge_both(). NULL: no memory. */
must_check struct region *region_insert_apart(struct region_tree *tree, const struct region *properties);
void region_merge_both(struct region_tree *tree, struct region *region);

/* Cut regions so that none crosses `va`. -ENOMEM, then nothing changed. */
int must_check region_split_at(struct region_tree *tree, vaddr_t va);

/* Remove one region and its reference. */
void region_remove(struct region_tree *tree, struct region *region);

/* Merge `region` with its predecessor when they fit; the region that now holds it. */
struct region *region_merge(struct region_tree *tree, struct region *region);

/* The highest free range of `size` bytes in [low, high), or 0. */
vaddr_t region_find_gap(struct region_tree *tree, vaddr_t low, vaddr_t high, uint64_t size);

/* No region touches [start, end). */
bool region_range_free(struct region_tree *tree, vaddr_t start, vaddr_t end);

#endif
