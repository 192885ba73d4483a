/* Make the kernel's first page tables, in pages of the firmware's. */
#ifndef EFI_TABLES_H
#define EFI_TABLES_H

#include "efi/boot_info.h"
#include "efi/handoff.h"
#include "efi/kernel_elf.h"
#include "efi/leave.h"
#include "efi/processor.h"

struct tables_request {
    const struct processor *processor;
    const struct kernel_image *kernel;
    const paddr_t *segment_pages;
    struct handoff *handoff;
    struct map_buffers *map; /* read; cleaned here, and its extents filled */
};

/* Build them: info->page_tables, and the root to load first, which has the firmware's number of levels. A framebuffer that cannot be
 * mapped is taken out of `info`. Failures print a line. */
EFI_STATUS must_check tables_build(const struct tables_request *request, struct boot_info *info,
                                   paddr_t *first_root);

#endif
