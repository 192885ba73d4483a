#include "efi/address_space.h"

#include <asm/errno.h>

#include "paging/layout.h"

#define PERM_DEVICE      (PERM_KERNEL_RW | PERM_UNCACHED)
#define PERM_IDENTITY_RW (PTE_P | PTE_W | PTE_NX)

static uint64_t framebuffer_start(const struct boot_framebuffer *framebuffer)
{
    return ROUND_DOWN(framebuffer->base, PAGE_SIZE);
}

static uint64_t framebuffer_end(const struct boot_framebuffer *framebuffer)
{
    return ROUND_UP(framebuffer->base + framebuffer->size, PAGE_SIZE);
}

bool address_space_framebuffer_collides(const struct address_space_parts *parts)
{
    const struct boot_framebuffer *framebuffer = parts->framebuffer;
    if (framebuffer->kind == BOOT_FRAMEBUFFER_NONE)
        return false;
    uint64_t start = framebuffer_start(framebuffer);
    uint64_t end = framebuffer_end(framebuffer);
    if (start < CGA_WINDOW_END && end > CGA_WINDOW_BASE)
        return true;
    for (uint32_t i = 0; i < parts->identity_count; ++i) {
        const struct identity_mapping *identity = &parts->identities[i];
        if (start < identity->start + identity->size && end > identity->start)
            return true;
    }
    return false;
}

/* A plan that grows, in order of addresses. */
struct plan {
    struct table_mapping *mappings;
    size_t count;
};

static void plan_add(struct plan *plan, vaddr_t va, paddr_t pa, uint64_t size, uint64_t perm,
                     uint64_t largest)
{
    size_t at = plan->count++;
    for (; at > 0 && plan->mappings[at - 1].va > va; --at)
        plan->mappings[at] = plan->mappings[at - 1];
    plan->mappings[at] = (struct table_mapping){va, pa, size, perm, largest};
}

static int plan_identity(struct plan *plan, paddr_t start, uint64_t size, uint64_t perm, uint64_t largest)
{
    if (start >= USER_END || size > USER_END - start)
        return -EINVAL;
    plan_add(plan, start, start, size, perm, largest);
    return 0;
}

static int plan_low_half(struct plan *plan, const struct address_space_parts *parts)
{
    int error = plan_identity(plan, CGA_WINDOW_BASE, CGA_WINDOW_END - CGA_WINDOW_BASE,
                              PERM_IDENTITY_RW | PERM_UNCACHED, PAGE_SIZE);
    for (uint32_t i = 0; i < parts->identity_count && error == 0; ++i) {
        const struct identity_mapping *identity = &parts->identities[i];
        error = plan_identity(plan, identity->start, identity->size, identity->perm, PAGE_SIZE);
    }
    const struct boot_framebuffer *framebuffer = parts->framebuffer;
    if (framebuffer->kind != BOOT_FRAMEBUFFER_NONE && error == 0) {
        uint64_t start = framebuffer_start(framebuffer);
        error = plan_identity(plan, start, framebuffer_end(framebuffer) - start,
                              PERM_IDENTITY_RW | PERM_WRITE_COMBINING, PAGE_2M);
    }
    return error;
}

static int plan_direct_map(struct plan *plan, const struct address_space_parts *parts)
{
    for (size_t i = 0; i < parts->extent_count; ++i) {
        const struct memory_extent *extent = &parts->extents[i];
        if (extent->start >= extent->end || extent->end > DIRECT_MAP_SIZE)
            return -EINVAL;
        plan_add(plan, DIRECT_MAP_BASE + extent->start, extent->start, extent->end - extent->start,
                 PERM_KERNEL_RW, PAGE_1G);
    }
    return 0;
}

int address_space_plan(const struct address_space_parts *parts, struct table_mapping *mappings, size_t *count)
{
    struct plan plan = {mappings, 0};
    int error = plan_low_half(&plan, parts);
    if (error == 0)
        error = plan_direct_map(&plan, parts);
    if (error)
        return error;

    if (parts->lapic)
        plan_add(&plan, KERNEL_MAP_LAPIC, parts->lapic, PAGE_SIZE, PERM_DEVICE, PAGE_SIZE);
    if (parts->ioapic)
        plan_add(&plan, KERNEL_MAP_IOAPIC, parts->ioapic, PAGE_SIZE, PERM_DEVICE, PAGE_SIZE);
    for (uint32_t i = 0; i < parts->kernel->segment_count; ++i) {
        const struct kernel_segment *segment = &parts->kernel->segments[i];
        plan_add(&plan, segment->va, parts->segment_pages[i], segment->size, segment->perm, PAGE_SIZE);
    }

    for (size_t i = 1; i < plan.count; ++i)
        if (mappings[i - 1].va + mappings[i - 1].size > mappings[i].va)
            return -EEXIST;
    *count = plan.count;
    return 0;
}

static paddr_t pool_table_alloc(void *context)
{
    struct table_pool *pool = context;
    if (pool->used == pool->pages)
        return PADDR_NONE;
    return pool->base + pool->used++ * PAGE_SIZE;
}

/* Tables are only ever added. */
static void pool_table_free(void *context, paddr_t table)
{
    (void)context;
    (void)table;
}

static pte_t *pool_table_pointer(void *context, paddr_t table)
{
    struct table_pool *pool = context;
    return (pte_t *)(void *)(pool->memory + (table - pool->base));
}

static const struct paging_ops pool_ops = {
    .table_alloc = pool_table_alloc,
    .table_free = pool_table_free,
    .table_pointer = pool_table_pointer,
};

int address_space_build(struct paging *paging, struct table_pool *pool, const struct table_mapping *mappings,
                        size_t count)
{
    paging->ops = &pool_ops;
    paging->context = pool;
    int error = paging_init(paging);
    for (size_t i = 0; i < count && error == 0; ++i)
        error = paging_map(paging, mappings[i].va, mappings[i].pa, mappings[i].size, mappings[i].perm,
                           mappings[i].largest);
    return error;
}
