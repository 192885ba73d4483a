/* The kernel's ELF file, checked before a byte of it is believed: a static ET_EXEC for x86-64, linked into the kernel image's region of
 * paging/layout.h. Physical addresses in the file mean nothing; the loader chooses the pages.
 *
 * Pure: no firmware call, no allocation, no state. */
#ifndef EFI_KERNEL_ELF_H
#define EFI_KERNEL_ELF_H

#include "paging/types.h"

#define KERNEL_SEGMENTS_MAX 16

/* Where the image must end: the last page of the address space stays empty, so that no range of it wraps. */
#define KERNEL_IMAGE_END    UINT64_C(0xfffffffffffff000)

/* One PT_LOAD segment, in whole pages. */
struct kernel_segment {
    vaddr_t va;           /* page-aligned */
    uint64_t size;        /* multiple of the page */
    uint64_t file_offset; /* the bytes to copy ... */
    uint64_t file_size;
    uint64_t lead; /* ... to this offset in the first page; everything else is zero */
    uint64_t perm; /* PERM_KERNEL_RX, _R or _RW */
};

struct kernel_image {
    vaddr_t entry;
    uint32_t segment_count;
    struct kernel_segment segments[KERNEL_SEGMENTS_MAX]; /* by address */
};

/* Check `file` (any alignment) and describe its segments. -ENOEXEC, with `*reason` an English phrase for the message. Refused are: what
 * is not an ELF64 little-endian x86-64 ET_EXEC, headers or segments outside the file, an interpreter or dynamic section, segments
 * outside [KERNEL_IMAGE_BASE, KERNEL_IMAGE_END), sharing a page, writable and executable at once, or not readable; an entry point
 * that is not in an executable segment's bytes. */
int must_check kernel_elf_check(const void *file, size_t size, struct kernel_image *image,
                                const char **reason);

#endif
