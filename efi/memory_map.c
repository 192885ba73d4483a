#include "efi/memory_map.h"

#include <asm/errno.h>

/* What a UEFI type means for the kernel, before attributes are looked at. */
static const uint32_t kind_of_type[] = {
    [UEFI_RESERVED_MEMORY] = BOOT_MEMORY_RESERVED,
    [UEFI_LOADER_CODE] = BOOT_MEMORY_LOADER,
    [UEFI_LOADER_DATA] = BOOT_MEMORY_LOADER,
    [UEFI_BOOT_SERVICES_CODE] = BOOT_MEMORY_BOOT_SERVICES,
    [UEFI_BOOT_SERVICES_DATA] = BOOT_MEMORY_BOOT_SERVICES,
    [UEFI_RUNTIME_CODE] = BOOT_MEMORY_RUNTIME_CODE,
    [UEFI_RUNTIME_DATA] = BOOT_MEMORY_RUNTIME_DATA,
    [UEFI_CONVENTIONAL] = BOOT_MEMORY_FREE,
    [UEFI_UNUSABLE] = BOOT_MEMORY_BAD,
    [UEFI_ACPI_RECLAIM] = BOOT_MEMORY_ACPI_RECLAIM,
    [UEFI_ACPI_NVS] = BOOT_MEMORY_ACPI_NVS,
    [UEFI_MMIO] = BOOT_MEMORY_MMIO,
    [UEFI_MMIO_PORTS] = BOOT_MEMORY_MMIO,
    [UEFI_PAL_CODE] = BOOT_MEMORY_RESERVED,
    [UEFI_PERSISTENT] = BOOT_MEMORY_PERSISTENT,
    [UEFI_UNACCEPTED] = BOOT_MEMORY_UNACCEPTED,
};

/* How little may be done with a kind: of two that claim the same page, the higher one wins. */
static const uint8_t restriction_of_kind[] = {
    [BOOT_MEMORY_FREE] = 0,         [BOOT_MEMORY_BOOT_SERVICES] = 1, [BOOT_MEMORY_LOADER] = 2,
    [BOOT_MEMORY_ACPI_RECLAIM] = 3, [BOOT_MEMORY_ACPI_NVS] = 4,      [BOOT_MEMORY_RUNTIME_DATA] = 5,
    [BOOT_MEMORY_RUNTIME_CODE] = 6, [BOOT_MEMORY_SOFT_RESERVED] = 7, [BOOT_MEMORY_PERSISTENT] = 8,
    [BOOT_MEMORY_UNACCEPTED] = 9,   [BOOT_MEMORY_RESERVED] = 10,     [BOOT_MEMORY_MMIO] = 11,
    [BOOT_MEMORY_BAD] = 12,
};

static uint32_t memory_kind(uint32_t type, uint64_t attributes)
{
    /* OEM, OS-vendor and future types: whatever they are, not RAM to hand out. */
    if (type >= sizeof(kind_of_type) / sizeof(kind_of_type[0]))
        return BOOT_MEMORY_RESERVED;

    uint32_t kind = kind_of_type[type];
    if (kind == BOOT_MEMORY_FREE || kind == BOOT_MEMORY_BOOT_SERVICES || kind == BOOT_MEMORY_LOADER) {
        /* Memory that the runtime services keep, whatever they call it, or that cannot be cached. */
        if ((attributes & UEFI_MEMORY_RUNTIME) || !(attributes & UEFI_MEMORY_WRITE_BACK))
            return BOOT_MEMORY_RESERVED;
        if (attributes & UEFI_MEMORY_SOFT_RESERVED)
            return BOOT_MEMORY_SOFT_RESERVED;
    }
    return kind;
}

static uint64_t memory_end(const struct boot_memory *memory)
{
    return memory->start + memory->size;
}

/* The higher of two claims wins; of the same kind, the one that cannot be in the direct map. */
static unsigned claim_rank(const struct boot_memory *memory)
{
    return 2u * restriction_of_kind[memory->kind] + (memory_direct_mapped(memory) ? 0 : 1);
}

static bool memory_same_sort(const struct boot_memory *left, const struct boot_memory *right)
{
    return left->kind == right->kind && left->uefi_type == right->uefi_type &&
           left->attributes == right->attributes;
}

/* A descriptor as an entry, whole pages below the end of physical memory. False when nothing is left of it. */
static bool descriptor_read(const unsigned char *raw, struct boot_memory *memory)
{
    struct uefi_memory descriptor;
    __builtin_memcpy(&descriptor, raw, sizeof(descriptor));

    uint64_t start = descriptor.physical_start;
    if (start >= PHYSICAL_ADDRESS_END)
        return false;
    uint64_t pages = descriptor.page_count;
    bool beyond = pages > (PHYSICAL_ADDRESS_END - start) >> PAGE_SHIFT;
    uint64_t end = beyond ? PHYSICAL_ADDRESS_END : start + (pages << PAGE_SHIFT);

    memory->kind = memory_kind(descriptor.type, descriptor.attributes);
    memory->uefi_type = descriptor.type;
    memory->attributes = descriptor.attributes;
    /* A misaligned start is against the specification: usable memory shrinks to whole pages, forbidden memory grows. */
    if (memory_direct_mapped(memory)) {
        start = ROUND_UP(start, PAGE_SIZE);
        end = ROUND_DOWN(end, PAGE_SIZE);
    } else {
        start = ROUND_DOWN(start, PAGE_SIZE);
        end = ROUND_UP(end, PAGE_SIZE);
    }
    if (pages == 0 || start >= end)
        return false;
    memory->start = start;
    memory->size = end - start;
    return true;
}

/* Entries by start. Insertion sort: maps come nearly sorted, and are a few hundred entries long. */
static void entries_sort(struct boot_memory *map, size_t count)
{
    for (size_t i = 1; i < count; ++i) {
        struct boot_memory moving = map[i];
        size_t to = i;
        for (; to > 0 && map[to - 1].start > moving.start; --to)
            map[to] = map[to - 1];
        map[to] = moving;
    }
}

static void boundaries_sort(uint64_t *boundaries, size_t count)
{
    for (size_t i = 1; i < count; ++i) {
        uint64_t moving = boundaries[i];
        size_t to = i;
        for (; to > 0 && boundaries[to - 1] > moving; --to)
            boundaries[to] = boundaries[to - 1];
        boundaries[to] = moving;
    }
}

static bool entries_overlap(const struct boot_memory *map, size_t count)
{
    for (size_t i = 1; i < count; ++i)
        if (memory_end(&map[i - 1]) > map[i].start)
            return true;
    return false;
}

/* The entry that decides what the memory at `at` is; NULL when none covers it. */
static const struct boot_memory *entry_at(const struct boot_memory *map, size_t count, uint64_t at)
{
    const struct boot_memory *winner = NULL;
    for (size_t i = 0; i < count && map[i].start <= at; ++i) {
        if (memory_end(&map[i]) <= at)
            continue;
        if (!winner || claim_rank(&map[i]) > claim_rank(winner))
            winner = &map[i];
    }
    return winner;
}

/* Resolve overlaps: cut the address space at every start and end, and let each piece have the most restrictive of its claimants. The
 * pieces are written behind the claims, which are needed until the last one, and then moved down. */
static int entries_resolve(struct boot_memory *map, size_t *count, size_t capacity, uint64_t *boundaries)
{
    size_t claims = *count;
    size_t cuts = 0;
    for (size_t i = 0; i < claims; ++i) {
        boundaries[cuts++] = map[i].start;
        boundaries[cuts++] = memory_end(&map[i]);
    }
    boundaries_sort(boundaries, cuts);

    size_t written = claims;
    for (size_t i = 0; i + 1 < cuts; ++i) {
        if (boundaries[i] == boundaries[i + 1])
            continue;
        const struct boot_memory *winner = entry_at(map, claims, boundaries[i]);
        if (!winner)
            continue;
        if (written == capacity)
            return -ENOSPC;
        map[written] = *winner;
        map[written].start = boundaries[i];
        map[written].size = boundaries[i + 1] - boundaries[i];
        ++written;
    }
    *count = written - claims;
    for (size_t i = 0; i < *count; ++i)
        map[i] = map[claims + i];
    return 0;
}

static void entries_merge(struct boot_memory *map, size_t *count)
{
    size_t merged = 0;
    for (size_t i = 0; i < *count; ++i) {
        if (merged > 0 && memory_end(&map[merged - 1]) == map[i].start &&
            memory_same_sort(&map[merged - 1], &map[i]))
            map[merged - 1].size += map[i].size;
        else
            map[merged++] = map[i];
    }
    *count = merged;
}

int memory_map_clean(const void *raw, size_t raw_size, size_t stride, struct boot_memory *map,
                     size_t map_capacity, uint64_t *boundaries, size_t boundary_capacity, size_t *count)
{
    *count = 0;
    if (stride < UEFI_MEMORY_DESCRIPTOR_LEAST)
        return -EINVAL;
    size_t descriptors = raw_size / stride;
    if (map_capacity < MEMORY_MAP_ENTRIES(descriptors) ||
        boundary_capacity < MEMORY_MAP_BOUNDARIES(descriptors))
        return -ENOSPC;

    size_t entries = 0;
    for (size_t i = 0; i < descriptors; ++i)
        if (descriptor_read((const unsigned char *)raw + i * stride, &map[entries]))
            ++entries;
    entries_sort(map, entries);
    if (entries_overlap(map, entries)) {
        int error = entries_resolve(map, &entries, map_capacity, boundaries);
        if (error)
            return error;
    }
    entries_merge(map, &entries);
    *count = entries;
    return 0;
}

bool memory_direct_mapped(const struct boot_memory *memory)
{
    switch (memory->kind) {
    case BOOT_MEMORY_FREE:
    case BOOT_MEMORY_BOOT_SERVICES:
    case BOOT_MEMORY_LOADER:
    case BOOT_MEMORY_ACPI_RECLAIM:
    case BOOT_MEMORY_ACPI_NVS:
    case BOOT_MEMORY_RUNTIME_CODE:
    case BOOT_MEMORY_RUNTIME_DATA:
        return (memory->attributes & UEFI_MEMORY_WRITE_BACK) != 0;
    default:
        return false;
    }
}

size_t memory_map_extents(const struct boot_memory *map, size_t count, paddr_t limit,
                          struct memory_extent *extents)
{
    size_t found = 0;
    for (size_t i = 0; i < count && map[i].start < limit; ++i) {
        if (!memory_direct_mapped(&map[i]))
            continue;
        uint64_t end = memory_end(&map[i]) < limit ? memory_end(&map[i]) : limit;
        if (found > 0 && extents[found - 1].end == map[i].start)
            extents[found - 1].end = end;
        else
            extents[found++] = (struct memory_extent){map[i].start, end};
    }
    return found;
}

/* Cut the entry that `at` lies inside of, so that one begins there. The caller made sure of the room. */
static void entries_cut(struct boot_memory *map, size_t *count, paddr_t at)
{
    for (size_t i = 0; i < *count && map[i].start < at; ++i) {
        uint64_t end = memory_end(&map[i]);
        if (end <= at || !memory_direct_mapped(&map[i]))
            continue;
        for (size_t to = *count; to > i + 1; --to)
            map[to] = map[to - 1];
        map[i + 1] = map[i];
        map[i].size = at - map[i].start;
        map[i + 1].start = at;
        map[i + 1].size = end - at;
        ++*count;
        return;
    }
}

int memory_map_reserve(struct boot_memory *map, size_t *count, size_t capacity, paddr_t start, paddr_t end)
{
    if (start >= end)
        return 0;
    if (capacity - *count < 2)
        return -ENOSPC;
    entries_cut(map, count, start);
    entries_cut(map, count, end);
    for (size_t i = 0; i < *count && map[i].start < end; ++i)
        if (map[i].start >= start && memory_direct_mapped(&map[i]))
            map[i].kind = BOOT_MEMORY_RESERVED;
    entries_merge(map, count);
    return 0;
}

int memory_map_limit(struct boot_memory *map, size_t *count, size_t capacity,
                     const struct memory_extent *extents, size_t extent_count)
{
    paddr_t start = 0;
    for (size_t i = 0; i <= extent_count; ++i) {
        paddr_t end = i < extent_count ? ROUND_DOWN(extents[i].start, PAGE_SIZE) : PHYSICAL_ADDRESS_END;
        int error = memory_map_reserve(map, count, capacity, start, end);
        if (error)
            return error;
        if (i < extent_count)
            start = ROUND_UP(extents[i].end, PAGE_SIZE);
    }
    return 0;
}

bool memory_extents_cover(const struct memory_extent *extents, size_t count, paddr_t start, uint64_t size)
{
    for (size_t i = 0; i < count; ++i)
        if (start >= extents[i].start && start <= extents[i].end && size <= extents[i].end - start)
            return true;
    return false;
}
