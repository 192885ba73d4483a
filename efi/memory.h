/* The loader's own memory: pages of the firmware, zeroed, all of type EfiLoaderData (firmware was seen to fail over custom types), and
 * the list in boot_info of what is where. */
#ifndef EFI_MEMORY_H
#define EFI_MEMORY_H

#include "efi/boot_info.h"
#include "efi/uefi.h"
#include "paging/types.h"

/* `below` of pages_allocate() when any address will do, and the end of what 32-bit code can reach. */
#define MEMORY_ANYWHERE UINT64_MAX
#define MEMORY_4G       (UINT64_C(1) << 32)

/* Take zeroed pages for `size` bytes that end at or below `below`. On failure a line about `what` was printed. */
EFI_STATUS must_check pages_allocate(uint64_t size, uint64_t below, const char *what, paddr_t *pages);

/* The same without a message, for what the boot can do without. */
EFI_STATUS must_check pages_try_allocate(uint64_t size, uint64_t below, paddr_t *pages);

/* Give back one allocation, or all that this program ever made: the boot has failed. */
void pages_free(paddr_t pages);
void pages_free_all(void);

/* Tell the kernel about memory. Fails, with a line, when the list is full. */
EFI_STATUS must_check range_add(struct boot_info *info, uint32_t kind, paddr_t start, uint64_t size,
                                const char *name);

/* The firmware maps all memory one to one. */
static inline void *physical_pointer(paddr_t address)
{
    return (void *)(uintptr_t)address;
}

#endif
