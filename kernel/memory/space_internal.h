/* Between the files of address spaces; the space's mutex is held everywhere. */
#ifndef KERNEL_MEMORY_SPACE_INTERNAL_H
#define KERNEL_MEMORY_SPACE_INTERNAL_H

#include "kernel/memory/address_space.h"
#include "kernel/memory/tlb.h"
#include "paging/vmiter.h"

/* A page that is there but may not be used at all (PROT_NONE) is parked: not present for the processor, with its address and this mark in the entry, so that neither user mode
 * nor the kernel on its behalf can touch it. */
#define PTE_PARKED PTE_SOFT0

static inline bool leaf_parked(pte_t entry)
{
    return (entry & (PTE_P | PTE_PARKED)) == PTE_PARKED;
}

/* All address spaces there are, for the survey. */
LIST_HEAD(space_list, address_space);
extern struct space_list spaces;
extern struct spinlock spaces_lock;

/* The address bits of a leaf of `size` bytes. */
static inline pte_t leaf_address_mask(uint64_t size)
{
    return PTE_ADDRESS_MASK & ~(size - 1);
}

/* The first frame of a leaf at `it`, present or parked. */
static inline struct frame *leaf_frame(const struct vmiter *it, pte_t entry)
{
    return frame_of(entry & leaf_address_mask(vmiter_size(it)));
}

/* --- huge pages: 2 MiB of private anonymous memory that nobody shares, one block of frames and one leaf (huge_page.c) --- */

/* Fill the 2 MiB around `it`, where nothing is mapped, with one huge page, where the region and the table have room for it and a block is free. false: use small pages; the iterator
 * stays. */
bool huge_page_fill(struct address_space *space, const struct region *region, struct vmiter *it);

/* Make small pages of the huge pages that cross `va`, or of all in [start, end): before regions are cut, moved, discarded in part, or shared. -ENOMEM, then some are still huge. */
int must_check huge_page_split_at(struct address_space *space, vaddr_t va);
int must_check huge_page_split_range(struct address_space *space, vaddr_t start, vaddr_t end);

/* Frames taken out of a table, to be given back after the TLB flush that covers them. */
#define UNMAP_BATCH 64
struct unmap_batch {
    struct address_space *space;
    struct paging_flush flush;
    unsigned count;
    struct frame *frame[UNMAP_BATCH];
};

/* Not by an initialiser, which would clear the whole array. */
static inline void unmap_batch_start(struct unmap_batch *batch, struct address_space *space)
{
    batch->space = space;
    batch->flush = (struct paging_flush)PAGING_FLUSH_NONE;
    batch->count = 0;
}

/* The leaf of `size` bytes at `va` has changed. */
void space_flush_add(struct paging_flush *flush, vaddr_t va, uint64_t size);

void unmap_batch_add(struct unmap_batch *batch, struct frame *frame);
void unmap_batch_finish(struct unmap_batch *batch);

/* Take every page of [start, end) out of the table and give back the frames; whether there were any. Large leaves at the edges have been split. The table pages stay. */
bool space_pages_drop(struct address_space *space, vaddr_t start, vaddr_t end);

/* Give back every page, and every table but the root, of a space that no CPU has loaded. The regions stay. */
void space_drop_all(struct address_space *space);

/* Give back the table pages that only [start, end), where no region is any more, needed. */
void space_tables_prune(struct address_space *space, vaddr_t start, vaddr_t end);

/* Cut regions at both ends of a range: -ENOMEM, then nothing that can be seen has changed. Remove the regions of a range that is cut so, with their pages. Every byte of a
 * range is in a region. */
int must_check space_regions_cut(struct address_space *space, vaddr_t start, vaddr_t end);
void space_regions_drop(struct address_space *space, vaddr_t start, vaddr_t end);
bool space_regions_cover(struct address_space *space, vaddr_t start, vaddr_t end);

/* So much more private memory may be promised. */
bool space_commit_allowed(const struct region *properties, uint64_t size);

/* One frame that reads as zeroes, shared by all who have not written yet; not counted. */
extern struct frame *zero_frame;
void zero_frame_make(void);

static inline void page_frame_get(struct frame *frame)
{
    if (frame != zero_frame)
        frame_get(frame);
}

static inline void page_frame_put(struct frame *frame)
{
    if (frame != zero_frame)
        frame_put(frame);
}

/* The leaf bits for a page of the region that is mapped writable (`write`), executable or readable as the region allows. */
uint64_t region_perm(const struct region *region, bool write, bool execute);

#endif
