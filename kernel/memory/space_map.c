/* Changing what an address space promises: map, unmap, protect, brk. Each checks everything, allocates what it needs (splitting regions changes nothing visible), then
 * commits a step that cannot fail. */
#include <asm/errno.h>

#include "kernel/debug/panic.h"
#include "kernel/memory/space_internal.h"
#include "paging/layout.h"

/* Page-align a range of the caller's. false: it is empty, misaligned or not in the user half. */
static bool range_align(vaddr_t address, uint64_t *size)
{
    if (PAGEOFFSET(address) != 0 || *size == 0 || *size > USER_END)
        return false;
    *size = ROUND_UP(*size, PAGE_SIZE);
    return address <= USER_END - *size;
}

static void range_populate(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct region *region = region_find(&space->regions, start);
    uint32_t access = region == NULL                                     ? 0
                      : region->protection & REGION_WRITE                ? REGION_WRITE
                      : region->protection & (REGION_READ | REGION_EXEC) ? REGION_READ
                                                                         : 0;

    for (vaddr_t va = start; access != 0 && va < end; va += PAGE_SIZE)
        if (space_fault(space, va, access) != SPACE_FAULT_DONE)
            return;
}

/* Where no region crosses `va`, no huge page does: each lies in one region. */
static int region_cut(struct address_space *space, vaddr_t va)
{
    const struct region *region = region_find(&space->regions, va);

    if (region == NULL || region->start == va)
        return 0;
    int error = huge_page_split_at(space, va);
    return error ? error : region_split_at(&space->regions, va);
}

int space_regions_cut(struct address_space *space, vaddr_t start, vaddr_t end)
{
    int error = region_cut(space, start);

    return error ? error : region_cut(space, end);
}

static void range_prune(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct paging_flush flush = PAGING_FLUSH_NONE;

    paging_prune(&space->paging, start, end, &flush);
    if (flush.tables == PADDR_NONE)
        return;
    if (flush.start == flush.end) {
        flush.start = start; /* any INVLPG drops the cached table entries too */
        flush.end = start + PAGE_SIZE;
    }
    tlb_flush(space, &flush);
    paging_flush_free_tables(&space->paging, &flush);
}

/* A table goes when no region touches what it covers: level by level, as long as that is so. */
void space_tables_prune(struct address_space *space, vaddr_t start, vaddr_t end)
{
    for (unsigned level = 1; level < space->paging.levels; level++) {
        uint64_t span = PAGING_SPAN(level + 1);
        vaddr_t low = ROUND_DOWN(start, span), high = ROUND_UP(end, span);
        struct region *after = region_find_from(&space->regions, end);
        struct region *before = region_find_from(&space->regions, low);
        if (before != NULL && before->start < start)
            low = ROUND_UP(start, span);
        if (after != NULL && after->start < high)
            high = ROUND_DOWN(end, span);
        if (low >= high)
            return;
        range_prune(space, low, high);
    }
}

/* The regions of [start, end), which are cut at both ends, and their pages go. Cannot fail. */
void space_regions_drop(struct address_space *space, vaddr_t start, vaddr_t end)
{
    bool dropped = space_pages_drop(space, start, end);
    for (struct region *region = region_find_from(&space->regions, start), *next;
         region != NULL && region->start < end; region = next) {
        next = region_next(region);
        ASSERT(region->start >= start && region->end <= end, "regions were cut at the edges");
        space->pages_mapped -= (region->end - region->start) / PAGE_SIZE;
        region_remove(&space->regions, region);
    }
    /* Where nothing was filled in there are no tables but those that neighbours need. */
    if (dropped)
        space_tables_prune(space, start, end);
}

/* Linux's heuristic overcommit: only what can never be had is refused, a single mapping of more private memory than the machine has. */
bool space_commit_allowed(const struct region *properties, uint64_t size)
{
    if (!(properties->protection & REGION_WRITE) || properties->flags & (REGION_SHARED | REGION_NO_RESERVE))
        return true;
    return size / PAGE_SIZE <= frame_total();
}

static int map_locked(struct address_space *space, vaddr_t address, uint64_t size, unsigned how,
                      const struct region *properties, vaddr_t *result)
{
    struct region region = *properties;

    if (!space_commit_allowed(properties, size))
        return -ENOMEM;
    if (how & SPACE_FIXED) {
        if (!region_range_free(&space->regions, address, address + size)) {
            if (how & SPACE_NO_REPLACE)
                return -EEXIST;
            int error = space_regions_cut(space, address, address + size);
            if (error != 0)
                return error;
            space_regions_drop(space, address, address + size);
        }
    } else if (address == 0 || !region_range_free(&space->regions, address, address + size)) {
        address = region_find_gap(&space->regions, USER_BASE, space->map_base, size);
        if (address == 0)
            address = region_find_gap(&space->regions, USER_BASE, USER_END, size);
        if (address == 0)
            return -ENOMEM;
    }
    region.start = address;
    region.end = address + size;
    int error = region_insert(&space->regions, &region);
    if (error == 0) {
        space->pages_mapped += size / PAGE_SIZE;
        *result = address;
    }
    return error;
}

int space_map(struct address_space *space, vaddr_t address, uint64_t size, unsigned how,
              const struct region *properties, vaddr_t *result)
{
    if (size == 0)
        return -EINVAL;
    if (size > USER_END)
        return -ENOMEM;
    size = ROUND_UP(size, PAGE_SIZE);
    if (how & SPACE_FIXED) {
        if (PAGEOFFSET(address) != 0)
            return -EINVAL;
        if (address > USER_END || size > USER_END - address)
            return -ENOMEM;
        if (address < USER_BASE)
            return -EPERM;
    } else {
        /* A hint that cannot be met is no error. */
        address = ROUND_DOWN(address, PAGE_SIZE);
        if (address < USER_BASE || size > USER_END || address > USER_END - size)
            address = 0;
    }
    mutex_lock(&space->mutex);
    int error = map_locked(space, address, size, how, properties, result);
    mutex_unlock(&space->mutex);
    if (error == 0 && how & SPACE_POPULATE)
        range_populate(space, *result, *result + size);
    return error;
}

int space_unmap(struct address_space *space, vaddr_t address, uint64_t size)
{
    if (!range_align(address, &size))
        return -EINVAL;
    mutex_lock(&space->mutex);
    int error = space_regions_cut(space, address, address + size);
    if (error == 0)
        space_regions_drop(space, address, address + size);
    mutex_unlock(&space->mutex);
    return error;
}

/* Every byte of [start, end) is in a region. */
bool space_regions_cover(struct address_space *space, vaddr_t start, vaddr_t end)
{
    for (struct region *region = region_find(&space->regions, start);
         region != NULL && region->start <= start; region = region_next(region)) {
        if (region->end >= end)
            return true;
        start = region->end;
    }
    return false;
}

/* Give the pages that are there the rights of their region's new protection. A page that may become writable is only made so when nobody shares it: else the
 * next write faults and copies. */
static void pages_protect(struct address_space *space, const struct region *region,
                          struct paging_flush *flush)
{
    struct vmiter it;

    for (vmiter_init(&it, &space->paging, region->start); it.va < region->end; vmiter_next(&it)) {
        pte_t entry = *it.entry;
        if (!(entry & PTE_P) && !leaf_parked(entry))
            continue;
        struct frame *frame = leaf_frame(&it, entry);
        bool own = region->flags & REGION_SHARED ||
                   (frame->owner == FRAME_ANONYMOUS && frame->count == 1 && frame != zero_frame);
        uint64_t perm = region_perm(region, own, !(region->protection & REGION_WRITE));
        if (!space->paging.nx)
            perm &= ~PTE_NX;
        pte_t changed = (entry & ~(PTE_P | PTE_W | PTE_U | PTE_NX | PTE_PARKED)) | perm;
        if (region->protection == 0)
            changed = (entry & ~(PTE_P | PTE_W)) | PTE_PARKED;
        if (changed == entry)
            continue;
        *it.entry = changed;
        if (entry & PTE_P) {
            if (flush->start == flush->end)
                flush->start = it.va;
            flush->end = it.va + PAGE_SIZE;
        }
    }
}

/* -ENOMEM: part of the range is in no region; -EACCES: part of it shares a file that was opened for reading only, and is to be writable. */
static int protect_check(struct address_space *space, vaddr_t start, vaddr_t end, uint32_t protection)
{
    bool read_only = false;

    for (struct region *region = region_find(&space->regions, start);; region = region_next(region)) {
        if (region == NULL || region->start > start)
            return -ENOMEM;
        if (region->flags & REGION_SHARED && region->backing != NULL && region->backing->read_only)
            read_only = true;
        start = region->end;
        if (start >= end)
            return read_only && protection & REGION_WRITE ? -EACCES : 0;
    }
}

static int protect_locked(struct address_space *space, vaddr_t start, vaddr_t end, uint32_t protection)
{
    struct paging_flush flush = PAGING_FLUSH_NONE;

    int error = protect_check(space, start, end, protection);
    if (error == 0)
        error = space_regions_cut(space, start, end);
    if (error != 0)
        return error;
    struct region *region = region_find(&space->regions, start);
    while (region != NULL && region->start < end) {
        if (region->protection != protection) {
            region->protection = protection;
            pages_protect(space, region, &flush);
        }
        region = region_next(region_merge(&space->regions, region));
    }
    if (region != NULL)
        region_merge(&space->regions, region);
    tlb_flush(space, &flush);
    return 0;
}

int space_protect(struct address_space *space, vaddr_t address, uint64_t size, uint32_t protection)
{
    if (PAGEOFFSET(address) != 0)
        return -EINVAL;
    if (size == 0)
        return 0;
    if (!range_align(address, &size))
        return -ENOMEM;
    mutex_lock(&space->mutex);
    int error = protect_locked(space, address, address + size, protection);
    mutex_unlock(&space->mutex);
    return error;
}

static bool break_move(struct address_space *space, vaddr_t end)
{
    vaddr_t old_page = ROUND_UP(space->break_end, PAGE_SIZE);
    vaddr_t new_page = ROUND_UP(end, PAGE_SIZE);
    static const struct region heap = {.protection = REGION_READ | REGION_WRITE, .name = "[heap]"};
    vaddr_t ignored;

    if (new_page > old_page)
        return map_locked(space, old_page, new_page - old_page, SPACE_FIXED | SPACE_NO_REPLACE, &heap,
                          &ignored) == 0;
    if (new_page < old_page) {
        if (space_regions_cut(space, new_page, old_page) != 0)
            return false;
        space_regions_drop(space, new_page, old_page);
    }
    return true;
}

vaddr_t space_break(struct address_space *space, vaddr_t end)
{
    mutex_lock(&space->mutex);
    if (end >= space->break_start && end < USER_END && break_move(space, end))
        space->break_end = end;
    vaddr_t result = space->break_end;
    mutex_unlock(&space->mutex);
    return result;
}
