#include "efi/memory.h"

#include "efi/firmware.h"
#include "efi/runtime.h"

/* Every allocation is one of: a range of boot_info, or a scratch buffer of a few. */
#define ALLOCATIONS_MAX (BOOT_RANGES_MAX + 16)

struct allocation {
    paddr_t start; /* 0: unused */
    uint64_t pages;
};
static struct allocation allocations[ALLOCATIONS_MAX];

static struct allocation *allocation_find(paddr_t start)
{
    for (unsigned i = 0; i < ALLOCATIONS_MAX; ++i)
        if (allocations[i].start == start)
            return &allocations[i];
    return NULL;
}

static EFI_STATUS pages_take(uint64_t pages, uint64_t below, paddr_t *start)
{
    EFI_PHYSICAL_ADDRESS address = below == MEMORY_ANYWHERE ? 0 : below - 1;
    EFI_STATUS status = firmware.services->AllocatePages(
        below == MEMORY_ANYWHERE ? AllocateAnyPages : AllocateMaxAddress, EfiLoaderData, pages, &address);
    *start = address;
    return status;
}

EFI_STATUS pages_try_allocate(uint64_t size, uint64_t below, paddr_t *pages)
{
    struct allocation *free_slot = allocation_find(0);
    if (!free_slot)
        return EFI_OUT_OF_RESOURCES;
    uint64_t count = ROUND_UP(size, PAGE_SIZE) / PAGE_SIZE;
    EFI_STATUS status = pages_take(count, below, pages);
    if (!EFI_ERROR(status) && *pages == 0) {
        /* Page 0 is no place for anything: a null pointer must point at nothing. Keep it, and take others. */
        status = pages_take(count, below, pages);
        firmware.services->FreePages(0, count);
    }
    if (EFI_ERROR(status))
        return status;
    *free_slot = (struct allocation){*pages, count};
    memset(physical_pointer(*pages), 0, count * PAGE_SIZE);
    return EFI_SUCCESS;
}

EFI_STATUS pages_allocate(uint64_t size, uint64_t below, const char *what, paddr_t *pages)
{
    EFI_STATUS status = pages_try_allocate(size, below, pages);
    if (EFI_ERROR(status))
        MESSAGE(what, ": no memory for ", DECIMAL(size), " bytes: ", STATUS(status));
    return status;
}

void pages_free(paddr_t pages)
{
    struct allocation *allocation = pages ? allocation_find(pages) : NULL;
    if (!allocation)
        return;
    firmware.services->FreePages(allocation->start, allocation->pages);
    *allocation = (struct allocation){0, 0};
}

void pages_free_all(void)
{
    for (unsigned i = 0; i < ALLOCATIONS_MAX; ++i)
        pages_free(allocations[i].start);
}

EFI_STATUS range_add(struct boot_info *info, uint32_t kind, paddr_t start, uint64_t size, const char *name)
{
    if (info->range_count == BOOT_RANGES_MAX)
        return failure(name, "the list of memory ranges is full", EFI_OUT_OF_RESOURCES);
    struct boot_range *range = &info->ranges[info->range_count++];
    *range = (struct boot_range){.start = start, .size = size, .kind = kind};
    for (size_t i = 0; i + 1 < sizeof(range->name) && name[i]; ++i)
        range->name[i] = name[i];
    return EFI_SUCCESS;
}
