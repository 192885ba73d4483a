/* The kernel: from the ELF file inside the loader to pages of its own. */
#ifndef EFI_KERNEL_LOAD_H
#define EFI_KERNEL_LOAD_H

#include "efi/boot_info.h"
#include "efi/kernel_elf.h"
#include "efi/uefi.h"

/* Check the carried kernel, copy its segments to fresh pages (`pages[i]` for segment i), and list them and the file itself in
 * info->ranges. Failures print a line. */
EFI_STATUS must_check kernel_load(struct kernel_image *kernel, paddr_t pages[KERNEL_SEGMENTS_MAX],
                                  struct boot_info *info);

#endif
