/* The archives that the kernel unpacks: the one inside the loader, then every \quire\*.cpio of the boot volume, by name. */
#ifndef EFI_ARCHIVES_H
#define EFI_ARCHIVES_H

#include "efi/boot_info.h"
#include "efi/uefi.h"
#include "paging/types.h"

/* Read the volume's archives into memory and list all in info->ranges, in the order to unpack. `root` may be NULL. Fails, with a line,
 * when one cannot be read: a system with half its files is worse than none. */
EFI_STATUS must_check archives_load(EFI_FILE_HANDLE root, struct boot_info *info);

#endif
