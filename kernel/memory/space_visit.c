/* See space_visit.h. */
#include "kernel/memory/space_visit.h"

#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"
#include "paging/layout.h"
#include "paging/ptiter.h"
#include "paging/vmiter.h"

static const struct boot_info *boot;

void space_visit_start(const struct boot_info *info)
{
    boot = info;
}

/* --- physical --- */

static enum memory_kind kind_of(uint32_t boot_kind)
{
    switch (boot_kind) {
    case BOOT_MEMORY_FREE:
    case BOOT_MEMORY_BOOT_SERVICES:
    case BOOT_MEMORY_LOADER:
        return MEMORY_KIND_USABLE;
    case BOOT_MEMORY_MMIO:
        return MEMORY_KIND_DEVICE;
    default:
        return MEMORY_KIND_RESERVED;
    }
}

/* Is `pa` in [start, start+size)? *end comes down to the next edge of that range. */
static bool range_holds(paddr_t start, uint64_t size, paddr_t pa, paddr_t *end)
{
    paddr_t edge = pa < start ? start : start + size;

    if (edge > pa && edge < *end)
        *end = edge;
    return pa >= start && pa - start < size;
}

enum memory_kind memory_kind_at(paddr_t pa, paddr_t *end)
{
    const struct boot_memory *map = direct_map(boot->memory_map);
    const struct boot_framebuffer *screen = &boot->framebuffer;
    enum memory_kind kind = MEMORY_KIND_NOTHING;

    *end = PADDR_NONE;
    for (uint32_t i = 0; i < boot->memory_map_count; i++) {
        if (range_holds(map[i].start, map[i].size, pa, end))
            kind = kind_of(map[i].kind);
        else if (map[i].start > pa)
            break;
    }
    if (range_holds(CGA_WINDOW_BASE, CGA_WINDOW_END - CGA_WINDOW_BASE, pa, end) && kind != MEMORY_KIND_USABLE)
        kind = MEMORY_KIND_CONSOLE;
    if (screen->kind != BOOT_FRAMEBUFFER_NONE && range_holds(screen->base, screen->size, pa, end))
        kind = MEMORY_KIND_CONSOLE;
    return kind;
}

paddr_t memory_kind_end(void)
{
    const struct boot_memory *map = direct_map(boot->memory_map);

    for (uint32_t i = boot->memory_map_count; i-- > 0;)
        if (kind_of(map[i].kind) == MEMORY_KIND_USABLE)
            return map[i].start + map[i].size;
    return 0;
}

/* --- virtual --- */

static void tables_visit(const struct paging *paging, unsigned first, unsigned last,
                         const struct space_visitor *visitor)
{
    struct visited_table table = {.table = paging->root, .level = paging->levels};
    struct ptiter it;

    visitor->table(visitor->context, &table);
    for (ptiter_init(&it, paging, first, last); ptiter_active(&it); ptiter_next(&it)) {
        table = (struct visited_table){ptiter_table(&it), it.level, ptiter_va(&it)};
        visitor->table(visitor->context, &table);
    }
}

static void leaf_visit(const struct vmiter *it, const struct region *region,
                       const struct space_visitor *visitor)
{
    pte_t entry = pte_read(it->entry);
    struct visited_page page = {.va = it->va, .size = vmiter_size(it), .region = region};

    if (entry & PTE_P) {
        page.pa = vmiter_pa(it);
        page.perm = vmiter_perm(it);
    } else if (leaf_parked(entry)) {
        page.pa = entry & PTE_ADDRESS_MASK;
        page.parked = true;
    } else {
        return;
    }
    visitor->page(visitor->context, &page);
}

static void leaves_visit(struct paging *paging, vaddr_t start, vaddr_t end, const struct region *region,
                         const struct space_visitor *visitor)
{
    struct vmiter it;

    for (vmiter_init(&it, paging, start); it.va < end; vmiter_next(&it))
        leaf_visit(&it, region, visitor);
}

/* Regions and the holes between them, where no leaf should be. */
static void space_leaves_visit(struct address_space *space, vaddr_t start, vaddr_t end,
                               const struct space_visitor *visitor)
{
    vaddr_t at = start;

    for (struct region *region = region_find_from(&space->regions, start);
         region != NULL && region->start < end; region = region_next(region)) {
        vaddr_t low = region->start > at ? region->start : at, high = region->end < end ? region->end : end;
        if (visitor->page != NULL)
            leaves_visit(&space->paging, at, low, NULL, visitor);
        if (visitor->region != NULL)
            visitor->region(visitor->context, region);
        if (visitor->page != NULL)
            leaves_visit(&space->paging, low, high, region, visitor);
        at = high;
    }
    if (visitor->page != NULL)
        leaves_visit(&space->paging, at, end, NULL, visitor);
}

void space_visit(struct address_space *space, vaddr_t start, vaddr_t end, const struct space_visitor *visitor)
{
    mutex_lock(&space->mutex);
    if (visitor->table != NULL && start == 0)
        tables_visit(&space->paging, 0, kernel_space_first_index() - 1, visitor);
    space_leaves_visit(space, start, end, visitor);
    mutex_unlock(&space->mutex);
}

void kernel_visit(const struct space_visitor *visitor)
{
    if (visitor->table != NULL)
        tables_visit(&kernel_paging, kernel_space_first_index(), PAGING_TABLE_ENTRIES - 1, visitor);
    if (visitor->page == NULL)
        return;
    leaves_visit(&kernel_paging, KERNEL_MAP_BASE, FRAME_MAP_BASE, NULL, visitor);
    leaves_visit(&kernel_paging, KERNEL_IMAGE_BASE, VMITER_END, NULL, visitor);
}
