#include "efi/kernel_load.h"

#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/payload.h"
#include "efi/runtime.h"
#include "paging/entry.h"

static const char *segment_name(const struct kernel_segment *segment)
{
    if (segment->perm == PERM_KERNEL_RX)
        return "kernel code";
    return segment->perm == PERM_KERNEL_RW ? "kernel data" : "kernel constants";
}

static EFI_STATUS segment_load(const struct kernel_segment *segment, paddr_t *pages, struct boot_info *info)
{
    EFI_STATUS status = pages_allocate(segment->size, MEMORY_ANYWHERE, segment_name(segment), pages);
    if (EFI_ERROR(status))
        return status;
    memcpy(physical_pointer(*pages + segment->lead), payload_kernel + segment->file_offset,
           segment->file_size);
    return range_add(info, BOOT_RANGE_KERNEL, *pages, segment->size, segment_name(segment));
}

EFI_STATUS kernel_load(struct kernel_image *kernel, paddr_t pages[KERNEL_SEGMENTS_MAX],
                       struct boot_info *info)
{
    const char *reason;
    if (kernel_elf_check(payload_kernel, payload_kernel_size(), kernel, &reason) != 0)
        return failure("built-in kernel", reason, EFI_LOAD_ERROR);
    EFI_STATUS status = range_add(info, BOOT_RANGE_KERNEL_FILE, (paddr_t)(uintptr_t)payload_kernel,
                                  payload_kernel_size(), "kernel file");
    for (uint32_t i = 0; i < kernel->segment_count && !EFI_ERROR(status); ++i)
        status = segment_load(&kernel->segments[i], &pages[i], info);
    return status;
}
