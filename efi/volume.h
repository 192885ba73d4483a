/* The volume that the loader was started from, and reading files of it.
 *
 * Only the volume of our own image's device is used, or of the program that started us when our image has none (a boot menu may load
 * us from memory); never just any volume that is there. Booted from the network there is none. */
#ifndef EFI_VOLUME_H
#define EFI_VOLUME_H

#include "efi/uefi.h"
#include "paging/types.h"

/* Open the root directory. NULL when there is no volume. The caller closes it. */
EFI_FILE_HANDLE volume_open(void);

/* Open a file or directory to read; EFI_NOT_FOUND without a line when it is not there, other failures with one. */
EFI_STATUS must_check file_open(EFI_FILE_HANDLE directory, CHAR16 *name, const char *shown_name,
                                EFI_FILE_HANDLE *file);

/* Read a whole file of at most `most` bytes into pages of its own (pages_free). An empty file gives no pages. Failures print a line. */
EFI_STATUS must_check file_read(EFI_FILE_HANDLE file, uint64_t most, const char *shown_name, paddr_t *pages,
                                uint64_t *size);

#endif
