#include "test/unit/efi_map_model.h"

#include <asm/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* Kinds from the one that allows most to the one that allows least. */
static const uint32_t by_restriction[] = {
    BOOT_MEMORY_FREE,       BOOT_MEMORY_BOOT_SERVICES, BOOT_MEMORY_LOADER,       BOOT_MEMORY_ACPI_RECLAIM,
    BOOT_MEMORY_ACPI_NVS,   BOOT_MEMORY_RUNTIME_DATA,  BOOT_MEMORY_RUNTIME_CODE, BOOT_MEMORY_SOFT_RESERVED,
    BOOT_MEMORY_PERSISTENT, BOOT_MEMORY_UNACCEPTED,    BOOT_MEMORY_RESERVED,     BOOT_MEMORY_MMIO,
    BOOT_MEMORY_BAD,
};

static int restriction(uint32_t kind)
{
    for (int i = 0; i < (int)(sizeof(by_restriction) / sizeof(by_restriction[0])); ++i)
        if (by_restriction[i] == kind)
            return i;
    return -1;
}

static uint32_t model_kind(uint32_t type, uint64_t attributes)
{
    bool ram = type == UEFI_CONVENTIONAL || (type >= UEFI_LOADER_CODE && type <= UEFI_BOOT_SERVICES_DATA);
    if (ram && (attributes & UEFI_MEMORY_RUNTIME || !(attributes & UEFI_MEMORY_WRITE_BACK)))
        return BOOT_MEMORY_RESERVED;
    if (ram && attributes & UEFI_MEMORY_SOFT_RESERVED)
        return BOOT_MEMORY_SOFT_RESERVED;
    switch (type) {
    case UEFI_CONVENTIONAL:
        return BOOT_MEMORY_FREE;
    case UEFI_LOADER_CODE:
    case UEFI_LOADER_DATA:
        return BOOT_MEMORY_LOADER;
    case UEFI_BOOT_SERVICES_CODE:
    case UEFI_BOOT_SERVICES_DATA:
        return BOOT_MEMORY_BOOT_SERVICES;
    case UEFI_RUNTIME_CODE:
        return BOOT_MEMORY_RUNTIME_CODE;
    case UEFI_RUNTIME_DATA:
        return BOOT_MEMORY_RUNTIME_DATA;
    case UEFI_ACPI_RECLAIM:
        return BOOT_MEMORY_ACPI_RECLAIM;
    case UEFI_ACPI_NVS:
        return BOOT_MEMORY_ACPI_NVS;
    case UEFI_UNUSABLE:
        return BOOT_MEMORY_BAD;
    case UEFI_MMIO:
    case UEFI_MMIO_PORTS:
        return BOOT_MEMORY_MMIO;
    case UEFI_PERSISTENT:
        return BOOT_MEMORY_PERSISTENT;
    case UEFI_UNACCEPTED:
        return BOOT_MEMORY_UNACCEPTED;
    default:
        return BOOT_MEMORY_RESERVED;
    }
}

static bool model_direct(uint32_t kind, uint64_t attributes)
{
    return kind >= BOOT_MEMORY_FREE && kind <= BOOT_MEMORY_RUNTIME_DATA &&
           attributes & UEFI_MEMORY_WRITE_BACK;
}

/* What one page is, by all descriptors: 0 when none has it. */
static uint32_t model_page(const unsigned char *raw, size_t count, size_t stride, uint64_t page)
{
    uint32_t found = 0;
    for (size_t i = 0; i < count; ++i) {
        struct uefi_memory memory;
        memcpy(&memory, raw + i * stride, sizeof(memory));
        uint32_t kind = model_kind(memory.type, memory.attributes);
        /* In 128 bits nothing wraps. */
        unsigned __int128 start = memory.physical_start;
        unsigned __int128 end = start + (unsigned __int128)memory.page_count * PAGE_SIZE;
        if (memory.page_count == 0 || start >= PHYSICAL_ADDRESS_END)
            continue;
        unsigned __int128 page_end = (unsigned __int128)page + PAGE_SIZE;
        bool inside = model_direct(kind, memory.attributes) ? start <= page && page_end <= end
                                                            : start < page_end && page < end;
        if (inside && (found == 0 || restriction(kind) > restriction(found)))
            found = kind;
    }
    return found;
}

static const struct boot_memory *entry_of(const struct boot_memory *map, size_t count, uint64_t page)
{
    for (size_t i = 0; i < count; ++i)
        if (map[i].start <= page && page - map[i].start < map[i].size)
            return &map[i];
    return NULL;
}

static void check_shape(const struct boot_memory *map, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        CHECK(map[i].start % PAGE_SIZE == 0 && map[i].size % PAGE_SIZE == 0 && map[i].size > 0);
        CHECK(map[i].start + map[i].size > map[i].start &&
              map[i].start + map[i].size <= PHYSICAL_ADDRESS_END);
        CHECK(restriction(map[i].kind) >= 0);
        if (i == 0)
            continue;
        uint64_t before_end = map[i - 1].start + map[i - 1].size;
        CHECK(before_end <= map[i].start);
        CHECK(before_end < map[i].start || map[i - 1].kind != map[i].kind ||
              map[i - 1].uefi_type != map[i].uefi_type || map[i - 1].attributes != map[i].attributes);
    }
}

static uint64_t model_address(unsigned page)
{
    return page < MODEL_PAGES ? page * PAGE_SIZE
                              : PHYSICAL_ADDRESS_END - (2 * MODEL_PAGES - page) * PAGE_SIZE;
}

static void check_extents(const struct boot_memory *map, size_t count, const struct memory_extent *extents,
                          size_t extent_count, uint64_t limit)
{
    for (size_t i = 1; i < extent_count; ++i)
        CHECK(extents[i - 1].end < extents[i].start);
    for (unsigned page = 0; page < 2 * MODEL_PAGES; ++page) {
        uint64_t at = model_address(page);
        const struct boot_memory *entry = entry_of(map, count, at);
        bool wanted = entry && memory_direct_mapped(entry) && at < limit;
        CHECK(memory_extents_cover(extents, extent_count, at, PAGE_SIZE) == wanted);
    }
}

/* After reserving, what was direct-mapped in the range is reserved; everything else is as it was. */
static void check_reserved(const struct boot_memory *before, size_t before_count,
                           const struct boot_memory *after, size_t after_count, uint64_t start, uint64_t end)
{
    check_shape(after, after_count);
    for (unsigned page = 0; page < 2 * MODEL_PAGES; ++page) {
        uint64_t at = model_address(page);
        const struct boot_memory *old = entry_of(before, before_count, at);
        const struct boot_memory *new = entry_of(after, after_count, at);
        CHECK((old == NULL) == (new == NULL));
        if (!old)
            continue;
        bool hit = at >= start && at < end && memory_direct_mapped(old);
        CHECK(new->kind == (hit ? BOOT_MEMORY_RESERVED : old->kind));
        CHECK(new->uefi_type == old->uefi_type &&new->attributes == old->attributes);
    }
}

/* A number that depends on the input, for choosing ranges. */
static uint64_t digest(const unsigned char *raw, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; ++i)
        sum = (sum ^ raw[i]) * UINT64_C(0x100000001b3);
    return sum;
}

void map_model_check(const void *raw, size_t raw_size, size_t stride)
{
    size_t descriptors = stride >= UEFI_MEMORY_DESCRIPTOR_LEAST ? raw_size / stride : 0;
    size_t entries = MEMORY_MAP_ENTRIES(descriptors);
    size_t capacity = entries + 2 * (entries + 2);
    size_t cuts = MEMORY_MAP_BOUNDARIES(descriptors);
    /* Exactly as large as promised to be enough, so that the sanitizer sees one entry too many. */
    struct boot_memory *map = malloc(entries * sizeof(*map));
    struct boot_memory *changed = malloc(capacity * sizeof(*changed));
    uint64_t *boundaries = malloc(cuts * sizeof(*boundaries));
    struct memory_extent *extents = malloc(entries * sizeof(*extents));
    size_t count = 0;
    int error = memory_map_clean(raw, raw_size, stride, map, entries, boundaries, cuts, &count);
    CHECK(error == (stride < UEFI_MEMORY_DESCRIPTOR_LEAST ? -EINVAL : 0));

    check_shape(map, count);
    for (unsigned page = 0; page < 2 * MODEL_PAGES && error == 0; ++page) {
        uint64_t at = model_address(page);
        const struct boot_memory *entry = entry_of(map, count, at);
        CHECK((entry ? entry->kind : 0) == model_page(raw, descriptors, stride, at));
    }

    uint64_t chosen = digest(raw, raw_size);
    uint64_t limit = chosen & 1 ? PHYSICAL_ADDRESS_END : (chosen >> 8) % MODEL_PAGES * PAGE_SIZE;
    size_t extent_count = memory_map_extents(map, count, limit, extents);
    check_extents(map, count, extents, extent_count, limit);

    uint64_t start = (chosen >> 16) % MODEL_PAGES * PAGE_SIZE;
    uint64_t end = start + (chosen >> 32) % MODEL_PAGES * PAGE_SIZE;
    size_t changed_count = count;
    memcpy(changed, map, count * sizeof(*map));
    CHECK(memory_map_reserve(changed, &changed_count, capacity, start, end) == 0);
    check_reserved(map, count, changed, changed_count, start, end);

    changed_count = count;
    memcpy(changed, map, count * sizeof(*map));
    CHECK(memory_map_limit(changed, &changed_count, capacity, extents, extent_count) == 0);
    check_reserved(map, count, changed, changed_count, limit, PHYSICAL_ADDRESS_END);

    free(map);
    free(changed);
    free(boundaries);
    free(extents);
}
