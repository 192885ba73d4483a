/* madvise, mincore and msync: hints and questions about mappings. */
#include <asm/errno.h>

#include "kernel/memory/heap.h"
#include "kernel/memory/space_internal.h"
#include "kernel/memory/user_copy.h"
#include "paging/layout.h"

/* Give back the pages of one region's part: private ones read as zeroes (or as the file) again, shared ones stay with their backing. */
static int part_discard(struct address_space *space, struct region *region, vaddr_t start, vaddr_t end,
                        enum space_advice advice)
{
    if (advice == SPACE_FREE && (region->backing != NULL || region->flags & REGION_SHARED))
        return -EINVAL;
    int error = huge_page_split_at(space, start);
    if (error == 0)
        error = huge_page_split_at(space, end);
    if (error == 0)
        space_pages_drop(space, start, end);
    return error;
}

/* Set or clear a flag of the regions of [start, end). */
static int page_size_advise(struct address_space *space, vaddr_t start, vaddr_t end, bool small)
{
    int error = space_regions_cut(space, start, end);

    if (error != 0)
        return error;
    struct region *region = region_find_from(&space->regions, start);
    for (; region != NULL && region->start < end; region = region_next(region)) {
        region->flags = small ? region->flags | REGION_SMALL_PAGES : region->flags & ~REGION_SMALL_PAGES;
        region = region_merge(&space->regions, region);
    }
    if (region != NULL)
        region_merge(&space->regions, region);
    return 0;
}

int space_advise(struct address_space *space, vaddr_t address, uint64_t size, enum space_advice advice)
{
    vaddr_t end = address + ROUND_UP(size, PAGE_SIZE), at = address;
    int error = 0;
    bool hole = false;

    if (PAGEOFFSET(address) != 0 || end < address || (size != 0 && end == address))
        return -EINVAL;
    mutex_lock(&space->mutex);
    if ((advice == SPACE_SMALL_PAGES || advice == SPACE_HUGE_PAGES) && address != end && end <= USER_END)
        error = page_size_advise(space, address, end, advice == SPACE_SMALL_PAGES);
    for (struct region *region = region_find_from(&space->regions, address);
         region != NULL && region->start < end && error == 0; region = region_next(region)) {
        vaddr_t from = region->start > at ? region->start : at;
        vaddr_t to = region->end < end ? region->end : end;
        hole |= region->start > at;
        if (advice == SPACE_DISCARD || advice == SPACE_FREE)
            error = part_discard(space, region, from, to, advice);
        at = to;
    }
    mutex_unlock(&space->mutex);
    return error != 0 ? error : hole || at < end ? -ENOMEM : 0;
}

bool space_range_mapped(struct address_space *space, vaddr_t address, uint64_t size)
{
    mutex_lock(&space->mutex);
    bool mapped = space_regions_cover(space, address, address + size);
    mutex_unlock(&space->mutex);
    return mapped;
}

/* One byte for each page: 1 when it is there. A file's page is: all files are in memory. */
static void residency(struct address_space *space, vaddr_t start, uint8_t *to, size_t pages)
{
    struct vmiter it;

    vmiter_init(&it, &space->paging, start);
    for (size_t i = 0; i < pages; i++) {
        vaddr_t va = start + i * PAGE_SIZE;
        const struct region *region = region_find(&space->regions, va);
        vmiter_find(&it, va);
        to[i] = vmiter_present(&it) || leaf_parked(*it.entry) ||
                (region != NULL && region->backing != NULL &&
                 !(region->flags & REGION_SHARED && region->backing->operations->each_frame != NULL));
    }
}

#define RESIDENCY_PIECE 256 /* pages at a time */

int space_residency(struct address_space *space, vaddr_t address, uint64_t size, uint8_t __user *to)
{
    uint8_t bytes[RESIDENCY_PIECE];

    if (PAGEOFFSET(address) != 0)
        return -EINVAL;
    if (!user_range(address, size))
        return -ENOMEM;
    for (uint64_t pages = ROUND_UP(size, PAGE_SIZE) / PAGE_SIZE, done = 0; done < pages;) {
        size_t piece = pages - done < RESIDENCY_PIECE ? pages - done : RESIDENCY_PIECE;
        vaddr_t at = address + done * PAGE_SIZE;
        mutex_lock(&space->mutex);
        bool mapped = space_regions_cover(space, at, at + piece * PAGE_SIZE);
        if (mapped)
            residency(space, at, bytes, piece);
        mutex_unlock(&space->mutex);
        if (!mapped)
            return -ENOMEM;
        if (copy_to_user(to + done, bytes, piece) != 0)
            return -EFAULT;
        done += piece;
    }
    return 0;
}
