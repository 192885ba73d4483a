/* From the firmware's memory map to the kernel's: boot_memory entries that are sorted, page-aligned, not empty, not overlapping, with
 * equal neighbours merged. Firmware maps are none of these (UEFI.org promises little, and machines keep less).
 *
 * Pure: no firmware call, no allocation, no state. The loader runs it after ExitBootServices, where nothing may fail for want of
 * memory, so the caller brings buffers that the worst case fits into. */
#ifndef EFI_MEMORY_MAP_H
#define EFI_MEMORY_MAP_H

#include "efi/boot_info.h"
#include "paging/types.h"

/* EFI_MEMORY_DESCRIPTOR, version 1 (UEFI 2.10, 7.2.3). Firmware strides by its own DescriptorSize, which may be larger. */
struct uefi_memory {
    uint32_t type;
    uint32_t padding;
    uint64_t physical_start;
    uint64_t virtual_start;
    uint64_t page_count;
    uint64_t attributes;
};
#define UEFI_MEMORY_DESCRIPTOR_LEAST 40
_Static_assert(sizeof(struct uefi_memory) == UEFI_MEMORY_DESCRIPTOR_LEAST, "the layout of the specification");

/* EFI_MEMORY_TYPE. */
#define UEFI_RESERVED_MEMORY      0
#define UEFI_LOADER_CODE          1
#define UEFI_LOADER_DATA          2
#define UEFI_BOOT_SERVICES_CODE   3
#define UEFI_BOOT_SERVICES_DATA   4
#define UEFI_RUNTIME_CODE         5
#define UEFI_RUNTIME_DATA         6
#define UEFI_CONVENTIONAL         7
#define UEFI_UNUSABLE             8
#define UEFI_ACPI_RECLAIM         9
#define UEFI_ACPI_NVS             10
#define UEFI_MMIO                 11
#define UEFI_MMIO_PORTS           12
#define UEFI_PAL_CODE             13
#define UEFI_PERSISTENT           14
#define UEFI_UNACCEPTED           15

/* Attributes. */
#define UEFI_MEMORY_WRITE_BACK    UINT64_C(0x0000000000000008)
#define UEFI_MEMORY_SOFT_RESERVED UINT64_C(0x0000000000040000)
#define UEFI_MEMORY_RUNTIME       UINT64_C(0x8000000000000000)

/* No physical address has more bits (SDM vol. 3A, 4.1.4). */
#define PHYSICAL_ADDRESS_END      (UINT64_C(1) << 52)

/* A piece of physical memory: [start, end). */
struct memory_extent {
    paddr_t start;
    paddr_t end;
};

/* How many entries and boundaries memory_map_clean() can need for `descriptors` of them. */
#define MEMORY_MAP_ENTRIES(descriptors)    (3 * (descriptors) + 1)
#define MEMORY_MAP_BOUNDARIES(descriptors) (2 * (descriptors) + 1)

/* Clean `raw_size` bytes of descriptors, `stride` bytes apart. Where descriptors overlap, the kind that allows less wins. `map` and
 * `boundaries` (scratch) have room for MEMORY_MAP_ENTRIES and MEMORY_MAP_BOUNDARIES of raw_size / stride. -EINVAL for a stride below
 * 40; -ENOSPC when a buffer is too small. */
int must_check memory_map_clean(const void *raw, size_t raw_size, size_t stride, struct boot_memory *map,
                                size_t map_capacity, uint64_t *boundaries, size_t boundary_capacity,
                                size_t *count);

/* Is this entry in the direct map? The kinds that boot_info.h lists, where write-back. */
bool memory_direct_mapped(const struct boot_memory *memory);

/* The pieces of `map` (cleaned) below `limit` that the direct map holds, adjacent ones joined whatever their kind. At most `count`
 * extents; returns how many. */
size_t memory_map_extents(const struct boot_memory *map, size_t count, paddr_t limit,
                          struct memory_extent *extents);

/* Turn what is direct-mapped of [start, end) into BOOT_MEMORY_RESERVED; the rest of the map stays. Needs room for two more entries:
 * -ENOSPC otherwise, and nothing changed. */
int must_check memory_map_reserve(struct boot_memory *map, size_t *count, size_t capacity, paddr_t start,
                                  paddr_t end);

/* Reserve all direct-mapped memory that is outside `extents` (sorted): the tables that are built already do not show it. Needs room for
 * 2 * (extent_count + 1) more entries. */
int must_check memory_map_limit(struct boot_memory *map, size_t *count, size_t capacity,
                                const struct memory_extent *extents, size_t extent_count);

/* Does one of the extents hold all of [start, start + size)? */
bool memory_extents_cover(const struct memory_extent *extents, size_t count, paddr_t start, uint64_t size);

#endif
