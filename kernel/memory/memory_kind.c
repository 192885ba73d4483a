/* See memory_kind.h. */
#include "kernel/memory/memory_kind.h"

#include <stdbool.h>

#include "kernel/lib/direct_map.h"
#include "paging/layout.h"

static const struct boot_info *boot;

void memory_kind_start(const struct boot_info *info)
{
    boot = info;
}

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
