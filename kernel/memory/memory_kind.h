/* What each physical address is by the firmware's map, before anybody used it: for the memory viewer. */
#ifndef KERNEL_MEMORY_MEMORY_KIND_H
#define KERNEL_MEMORY_MEMORY_KIND_H

#include "efi/boot_info.h"
#include "paging/types.h"

/* Remember the memory map. Once, at start-up. */
void memory_kind_start(const struct boot_info *boot);

/* What a physical address is before anybody used it. */
enum memory_kind {
    MEMORY_KIND_NOTHING,  /* no memory, as far as the firmware said */
    MEMORY_KIND_USABLE,   /* RAM that the frame allocator has, or will take into use */
    MEMORY_KIND_RESERVED, /* RAM that is the firmware's for good, or bad, or of a kind that is left alone */
    MEMORY_KIND_DEVICE,   /* registers */
    MEMORY_KIND_CONSOLE,  /* where pictures come from: the CGA window and the framebuffer */
};

/* The kind at `pa`; *end is where it ends at the latest. */
enum memory_kind memory_kind_at(paddr_t pa, paddr_t *end);

/* The end of the highest RAM. */
paddr_t memory_kind_end(void);

#endif
