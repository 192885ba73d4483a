/* The firmware's memory map, and leaving the firmware. */
#ifndef EFI_LEAVE_H
#define EFI_LEAVE_H

#include "efi/boot_info.h"
#include "efi/memory_map.h"
#include "efi/uefi.h"

/* Buffers for reading and cleaning the map, large enough for it to grow while the loader goes on working. */
struct map_buffers {
    paddr_t raw;
    size_t raw_capacity; /* bytes */
    size_t raw_size;     /* bytes filled by the last reading */
    size_t stride;       /* of its descriptors */
    UINTN key;
    struct boot_memory *clean;
    size_t clean_capacity;
    size_t clean_count;
    uint64_t *boundaries;
    size_t boundary_capacity;
    struct memory_extent *extents; /* the direct map, from the last cleaning before the tables were made */
    size_t extent_count;
};

/* Allocate the buffers and read the map for the first time. Failures print a line. */
EFI_STATUS must_check map_prepare(struct map_buffers *map);

/* Clean what was read. No firmware call. The framebuffer's pages, where they lie in RAM, are reserved. */
int must_check map_clean(struct map_buffers *map, const struct boot_framebuffer *framebuffer);

/* Read the map and exit boot services, again and again with a fresh key while the firmware refuses, and nothing else in between. On
 * success the firmware is gone: no call, no message. *attempts counts calls of ExitBootServices. */
EFI_STATUS must_check firmware_leave(struct map_buffers *map, uint32_t *attempts);

#endif
