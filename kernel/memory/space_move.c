/* mremap: changing a mapping's size and place. Pages move by moving their entries; everything that may fail (cutting regions, table pages at the new place, the new region)
 * happens first and changes nothing that a process can see. */
#include <asm/errno.h>

#include "kernel/debug/panic.h"
#include "kernel/memory/space_internal.h"
#include "paging/layout.h"

static bool entry_used(pte_t entry)
{
    return entry & PTE_P || leaf_parked(entry);
}

/* Make the table pages that the entries of [from, from+size) will need at `to`. */
static int tables_prepare(struct address_space *space, vaddr_t from, vaddr_t to, uint64_t size)
{
    struct vmiter source, target;

    vmiter_init(&target, &space->paging, to);
    for (vmiter_init(&source, &space->paging, from); source.va < from + size; vmiter_next(&source)) {
        if (!entry_used(*source.entry))
            continue;
        vmiter_find(&target, to + (source.va - from));
        /* No page for a moment, even an empty one: another thread's processor might keep it in its TLB. */
        int error = vmiter_reach(&target);
        if (error != 0)
            return error;
    }
    return 0;
}

/* Cannot fail: the tables are there, and nothing is mapped at the new place. */
static void entries_move(struct address_space *space, vaddr_t from, vaddr_t to, uint64_t size)
{
    struct paging_flush flush = PAGING_FLUSH_NONE;
    struct vmiter source, target;

    vmiter_init(&target, &space->paging, to);
    for (vmiter_init(&source, &space->paging, from); source.va < from + size; vmiter_next(&source)) {
        pte_t entry = *source.entry;
        if (!entry_used(entry))
            continue;
        vmiter_find(&target, to + (source.va - from));
        ASSERT_EQ(target.level, 1, "the tables of the new place are there");
        *target.entry = entry;
        *source.entry = 0;
        flush.start = from;
        flush.end = from + size;
    }
    tlb_flush(space, &flush);
}

/* The region of [old, old+old_size), cut to it, is put at `to` with `new_size` bytes. */
static int region_move(struct address_space *space, const struct region *properties, vaddr_t old,
                       uint64_t old_size, vaddr_t to, uint64_t new_size)
{
    struct region moved = *properties;
    uint64_t kept = old_size < new_size ? old_size : new_size;

    moved.offset += old - properties->start;
    moved.start = to;
    moved.end = to + new_size;
    int error = space_regions_cut(space, old, old + old_size);
    if (error == 0)
        error = huge_page_split_range(space, old, old + old_size);
    if (error == 0)
        error = tables_prepare(space, old, to, kept);
    struct region *region = error == 0 ? region_insert_apart(&space->regions, &moved) : NULL;
    if (region == NULL) {
        space_tables_prune(space, to, to + new_size);
        return error ? error : -ENOMEM;
    }
    space->pages_mapped += new_size / PAGE_SIZE;
    entries_move(space, old, to, kept);
    space_regions_drop(space, old, old + old_size);
    space_tables_prune(space, old, old + old_size);
    region_merge_both(&space->regions, region);
    return 0;
}

/* Make the region that ends at old+old_size longer where it is. */
static bool region_grow(struct address_space *space, struct region *region, vaddr_t old, uint64_t old_size,
                        uint64_t new_size)
{
    vaddr_t end = old + new_size;

    if (region->end != old + old_size || end > USER_END ||
        !region_range_free(&space->regions, region->end, end))
        return false;
    space->pages_mapped += (new_size - old_size) / PAGE_SIZE;
    region->end = end;
    struct region *after = region_next(region);
    if (after != NULL)
        region_merge(&space->regions, after);
    return true;
}

static int move_locked(struct address_space *space, vaddr_t old, uint64_t old_size, uint64_t new_size,
                       unsigned how, vaddr_t *address)
{
    struct region *region = region_find(&space->regions, old);

    if (region == NULL || region->end < old + old_size)
        return -EFAULT;
    if (!(how & SPACE_FIXED)) {
        if (new_size == old_size ||
            (new_size > old_size && region_grow(space, region, old, old_size, new_size))) {
            *address = old;
            return 0;
        }
        if (new_size < old_size) {
            int error = space_regions_cut(space, old + new_size, old + old_size);
            if (error == 0)
                space_regions_drop(space, old + new_size, old + old_size);
            *address = old;
            return error;
        }
        if (!(how & SPACE_MAY_MOVE))
            return -ENOMEM;
        *address = region_find_gap(&space->regions, USER_BASE, space->map_base, new_size);
        if (*address == 0)
            return -ENOMEM;
    } else if (!region_range_free(&space->regions, *address, *address + new_size)) {
        int error = space_regions_cut(space, *address, *address + new_size);
        if (error != 0)
            return error;
        space_regions_drop(space, *address, *address + new_size);
        region = region_find(&space->regions, old);
    }
    if (!space_commit_allowed(region, new_size > old_size ? new_size - old_size : 0))
        return -ENOMEM;
    return region_move(space, region, old, old_size, *address, new_size);
}

int space_move(struct address_space *space, vaddr_t old, uint64_t old_size, uint64_t new_size, unsigned how,
               vaddr_t *address)
{
    if (PAGEOFFSET(old) != 0 || old_size == 0 || new_size == 0 || old_size > USER_END || new_size > USER_END)
        return -EINVAL;
    old_size = ROUND_UP(old_size, PAGE_SIZE);
    new_size = ROUND_UP(new_size, PAGE_SIZE);
    if (old > USER_END - old_size)
        return -EFAULT;
    if (how & SPACE_FIXED) {
        if (PAGEOFFSET(*address) != 0 || *address > USER_END || new_size > USER_END - *address)
            return -EINVAL;
        if (*address < USER_BASE)
            return -EPERM;
        if (*address < old + old_size && old < *address + new_size)
            return -EINVAL;
    }
    mutex_lock(&space->mutex);
    int error = move_locked(space, old, old_size, new_size, how, address);
    mutex_unlock(&space->mutex);
    return error;
}
