#include "efi/tables.h"

#include "efi/address_space.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "paging/layout.h"

#define PERM_IDENTITY_CODE PTE_P
#define PERM_IDENTITY_DATA (PTE_P | PTE_W | PTE_NX)

static void parts_identities(struct address_space_parts *parts, const struct handoff *handoff)
{
    paddr_t page = (paddr_t)(uintptr_t)handoff->page;
    parts->identities[parts->identity_count++] =
        (struct identity_mapping){handoff->code, SWITCH_PAGE_SIZE, PERM_IDENTITY_CODE};
    parts->identities[parts->identity_count++] =
        (struct identity_mapping){page, SWITCH_PAGE_SIZE, PERM_IDENTITY_DATA};
    if (handoff->toggle)
        parts->identities[parts->identity_count++] =
            (struct identity_mapping){handoff->trampoline, SWITCH_PAGE_SIZE, PERM_IDENTITY_CODE};
}

static struct address_space_parts parts_gather(const struct tables_request *request,
                                               const struct boot_info *info)
{
    struct address_space_parts parts = {
        .extents = request->map->extents,
        .extent_count = request->map->extent_count,
        .kernel = request->kernel,
        .segment_pages = request->segment_pages,
        .framebuffer = &info->framebuffer,
        .lapic = info->firmware.apic_base & APIC_BASE_MASK,
        .ioapic = IOAPIC_DEFAULT,
    };
    parts_identities(&parts, request->handoff);
    return parts;
}

/* The memory that the tables will show, from the map as it is now. */
static EFI_STATUS extents_find(struct map_buffers *map, const struct processor *processor,
                               const struct boot_info *info)
{
    if (map_clean(map, &info->framebuffer) != 0)
        return failure("memory map", "cannot be cleaned", EFI_LOAD_ERROR);
    paddr_t limit = UINT64_C(1) << processor->physical_width;
    if (limit > DIRECT_MAP_SIZE)
        limit = DIRECT_MAP_SIZE;
    map->extent_count = memory_map_extents(map->clean, map->clean_count, limit, map->extents);
    return EFI_SUCCESS;
}

/* The kernel reads all of its ranges through the direct map. */
static EFI_STATUS ranges_check(const struct map_buffers *map, const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->range_count; ++i) {
        const struct boot_range *range = &info->ranges[i];
        if (!memory_extents_cover(map->extents, map->extent_count, range->start, range->size)) {
            MESSAGE(range->name, ": the firmware put it at ", HEXADECIMAL(range->start),
                    ", which it does not call RAM");
            return EFI_LOAD_ERROR;
        }
    }
    return EFI_SUCCESS;
}

static EFI_STATUS build(const struct tables_request *request, const struct table_mapping *mappings,
                        size_t count, struct boot_info *info)
{
    const struct processor *processor = request->processor;
    struct paging paging = {
        .levels = (uint8_t)info->levels,
        .physical_width = processor->physical_width,
        .nx = processor->nx,
        .global = processor->pge,
        .pages_1g = processor->pages_1g,
        .pat = processor->pat,
    };
    struct table_pool pool = {.pages = table_size_pages(mappings, count, info->levels, processor->pages_1g)};
    EFI_STATUS status =
        pages_allocate(pool.pages * PAGE_SIZE, request->handoff->toggle ? MEMORY_4G : MEMORY_ANYWHERE,
                       "page tables", &pool.base);
    if (!EFI_ERROR(status))
        status = range_add(info, BOOT_RANGE_TABLES, pool.base, pool.pages * PAGE_SIZE, "page tables");
    if (EFI_ERROR(status))
        return status;
    pool.memory = physical_pointer(pool.base);
    int error = address_space_build(&paging, &pool, mappings, count);
    if (error) {
        MESSAGE("page tables: error ", DECIMAL((uint64_t)-error), " after ", DECIMAL(pool.used), " of ",
                DECIMAL(pool.pages), " pages");
        return EFI_LOAD_ERROR;
    }
    info->page_tables = paging.root;
    return EFI_SUCCESS;
}

/* The root that the firmware's number of levels can load: to go up, the low half of ours; to go down, the bridge over ours. */
static paddr_t first_root_make(const struct handoff *handoff, const struct boot_info *info)
{
    const pte_t *root = physical_pointer(info->page_tables);
    if (!handoff->toggle)
        return info->page_tables;
    if (!handoff->bridge)
        return root[0] & PTE_ADDRESS_MASK;
    pte_t *bridge = physical_pointer(handoff->bridge);
    bridge[0] = info->page_tables | PTE_P | PTE_W;
    return handoff->bridge;
}

EFI_STATUS tables_build(const struct tables_request *request, struct boot_info *info, paddr_t *first_root)
{
    struct map_buffers *map = request->map;
    EFI_STATUS status = range_add(info, BOOT_RANGE_MEMORY_MAP, (paddr_t)(uintptr_t)map->clean,
                                  map->clean_capacity * sizeof(map->clean[0]), "memory map");
    if (EFI_ERROR(status))
        return status;
    info->memory_map = (uint64_t)(uintptr_t)map->clean;

    struct address_space_parts parts = parts_gather(request, info);
    if (address_space_framebuffer_collides(&parts)) {
        MESSAGE("screen: its framebuffer lies over other things, not used");
        info->framebuffer = (struct boot_framebuffer){.kind = BOOT_FRAMEBUFFER_NONE};
    }
    status = extents_find(map, request->processor, info);
    if (EFI_ERROR(status))
        return status;
    parts.extent_count = map->extent_count;

    paddr_t pages = 0;
    status = pages_allocate(ADDRESS_SPACE_MAPPINGS(map->extent_count) * sizeof(struct table_mapping),
                            MEMORY_ANYWHERE, "address space", &pages);
    if (EFI_ERROR(status))
        return status;
    struct table_mapping *mappings = physical_pointer(pages);
    size_t count;
    int error = address_space_plan(&parts, mappings, &count);
    if (error) {
        MESSAGE("address space: error ", DECIMAL((uint64_t)-error));
        return EFI_LOAD_ERROR;
    }
    status = build(request, mappings, count, info);
    pages_free(pages);
    if (!EFI_ERROR(status))
        status = ranges_check(map, info);
    if (!EFI_ERROR(status))
        *first_root = first_root_make(request->handoff, info);
    return status;
}
