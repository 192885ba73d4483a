/* Where the kernel's command line comes from, and what of it is meant for the loader.
 *
 * The firmware's load options, when they hold at least one word (after our own path, which the UEFI shell puts first), are the whole
 * command line; else it is the file \quire\cmdline.txt of the boot volume, when there is one; else it is empty. With Secure Boot on
 * neither is signed, and both are ignored.
 *
 * Words for the loader, which the kernel sees too:
 *   levels=4|5     page-table levels to build, whatever the firmware uses
 *   mode=WxH       graphics mode to set
 *   loader-wait    stop before anything is loaded, until a debugger lets it go on */
#ifndef EFI_OPTIONS_H
#define EFI_OPTIONS_H

#include "efi/boot_info.h"
#include "efi/uefi.h"
#include "paging/types.h"

struct options {
    uint32_t levels;     /* 4, 5, or 0: as the firmware */
    uint32_t mode_width; /* 0: keep the mode */
    uint32_t mode_height;
    bool wait;
};

/* Fill info->secure_boot and info->command_line from the firmware and `root` (NULL: no volume), and read the loader's words. Fails, with
 * a line, for a command line file or a loader's word that cannot be understood. */
EFI_STATUS must_check options_read(EFI_FILE_HANDLE root, struct boot_info *info, struct options *options);

#endif
