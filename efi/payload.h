/* What the loader carries inside itself, in pages of its own in its read-only data: payload.S puts it there. */
#ifndef EFI_PAYLOAD_H
#define EFI_PAYLOAD_H

#include <stdint.h>

extern const unsigned char payload_kernel[]; /* the kernel's ELF file, with .symtab */
extern const unsigned char payload_kernel_end[];
extern const unsigned char payload_archive[]; /* cpio "newc"; may be empty */
extern const unsigned char payload_archive_end[];

static inline uint64_t payload_kernel_size(void)
{
    return (uint64_t)(payload_kernel_end - payload_kernel);
}

static inline uint64_t payload_archive_size(void)
{
    return (uint64_t)(payload_archive_end - payload_archive);
}

#endif
