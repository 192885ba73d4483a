/* AllocatePages that fails, FreePages that counts. */

#include "test/boot/hostile/hostile.h"

#define LOW_MEMORY_END UINT64_C(0x100000)

static EFI_ALLOCATE_PAGES real_allocate;
static EFI_FREE_PAGES real_free;
static const EFI_LOADED_IMAGE *loader;
static uint32_t calls, failing_call;
static int64_t kept;

bool hostile_from_loader(const void *return_address)
{
    return loader && (uintptr_t)return_address - (uintptr_t)loader->ImageBase < loader->ImageSize;
}

static EFI_STATUS EFIAPI allocate_pages(EFI_ALLOCATE_TYPE type, EFI_MEMORY_TYPE memory_type, UINTN count,
                                        EFI_PHYSICAL_ADDRESS *memory)
{
    bool armed = hostile_from_loader(__builtin_return_address(0));
    hostile_rule_check("AllocatePages");
    /* What is wanted below 1 MiB may be missing without harm: that is another mischief. */
    bool low = type == AllocateMaxAddress && *memory < LOW_MEMORY_END;
    if (armed && !low && ++calls == failing_call)
        return EFI_OUT_OF_RESOURCES;
    if (armed && low && mischief.no_low_memory)
        return EFI_OUT_OF_RESOURCES;
    if (armed && memory_type != EfiLoaderData && memory_type != EfiLoaderCode) {
        report("hostile: the loader allocated an unusual type of memory\n");
        hostile_exit(EXIT_RULE);
    }
    EFI_STATUS status = real_allocate(type, memory_type, count, memory);
    if (armed && !EFI_ERROR(status)) {
        kept += (int64_t)count;
        /* What was there before is nobody's promise. */
        uint64_t *words = (uint64_t *)(uintptr_t)*memory;
        for (UINTN i = 0; i < count * EFI_PAGE_SIZE / sizeof(*words); ++i)
            words[i] = UINT64_C(0xa5a5a5a5a5a5a5a5);
    }
    return status;
}

static EFI_STATUS EFIAPI free_pages(EFI_PHYSICAL_ADDRESS memory, UINTN count)
{
    bool armed = hostile_from_loader(__builtin_return_address(0));
    hostile_rule_check("FreePages");
    EFI_STATUS status = real_free(memory, count);
    if (armed && !EFI_ERROR(status))
        kept -= (int64_t)count;
    return status;
}

void hostile_allocation(void)
{
    real_allocate = hostile_services->AllocatePages;
    real_free = hostile_services->FreePages;
    hostile_services->AllocatePages = allocate_pages;
    hostile_services->FreePages = free_pages;
}

void hostile_allocation_arm(const EFI_LOADED_IMAGE *image, uint32_t failing)
{
    loader = image;
    calls = 0;
    kept = 0;
    failing_call = failing;
}

int64_t hostile_allocation_kept(void)
{
    loader = NULL;
    return kept;
}
