/* Bytes become the kernel's ELF file, with a header that is mostly right: what is accepted must be safe to copy and map. A long run:
 *
 *     build/test/fuzz/efi_kernel_elf_fuzz -max_len=2048 -max_total_time=600 */

#include "efi/kernel_elf.h"
#include "paging/entry.h"
#include "paging/layout.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fields that a fuzzer would take long to guess, where the last byte of the ident says so. */
static void header_help(unsigned char *file, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof(header) || !(file[EI_NIDENT - 1] & 1))
        return;
    memcpy(&header, file, sizeof(header));
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phoff = sizeof(header);
    header.e_phnum %= 20;
    header.e_entry = KERNEL_IMAGE_BASE + (header.e_entry & 0xffff);
    memcpy(file, &header, sizeof(header));
    for (size_t at = sizeof(header); at + sizeof(Elf64_Phdr) <= size; at += sizeof(Elf64_Phdr)) {
        Elf64_Phdr program;
        memcpy(&program, file + at, sizeof(program));
        /* The physical address means nothing to the loader, so the fuzzer may use it. */
        if (program.p_paddr & 1)
            program.p_type = PT_LOAD;
        if (program.p_paddr & 2)
            program.p_vaddr = KERNEL_IMAGE_BASE + (program.p_vaddr & 0xffff);
        if (program.p_paddr & 4)
            program.p_memsz &= 0x3fff;
        if (program.p_paddr & 8)
            program.p_filesz &= 0xff;
        if (program.p_paddr & 16)
            program.p_offset &= 0xff;
        if (program.p_paddr & 32)
            program.p_flags = program.p_flags % 2 ? PF_R | PF_X : PF_R | PF_W;
        memcpy(file + at, &program, sizeof(program));
    }
}

static void check_accepted(const struct kernel_image *image, size_t size)
{
    bool entry_found = false;
    for (uint32_t i = 0; i < image->segment_count; ++i) {
        const struct kernel_segment *segment = &image->segments[i];
        vaddr_t end = segment->va + segment->size;
        if (segment->va % PAGE_SIZE || segment->size % PAGE_SIZE || segment->size == 0 || end <= segment->va)
            abort();
        if (segment->va < KERNEL_IMAGE_BASE || end > KERNEL_IMAGE_END)
            abort();
        if (segment->file_offset > size || segment->file_size > size - segment->file_offset)
            abort();
        if (segment->lead >= PAGE_SIZE || segment->lead + segment->file_size > segment->size)
            abort();
        if ((segment->perm & PTE_W) && !(segment->perm & PTE_NX))
            abort();
        if (i > 0 && segment[-1].va + segment[-1].size > segment->va)
            abort();
        if (!(segment->perm & PTE_NX) && image->entry >= segment->va && image->entry < end)
            entry_found = true;
    }
    if (!entry_found)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *file = malloc(size + 1);
    memcpy(file + 1, data, size);
    header_help(file + 1, size);
    struct kernel_image image;
    const char *reason;
    if (kernel_elf_check(file + 1, size, &image, &reason) == 0)
        check_accepted(&image, size);
    else if (!reason)
        abort();
    free(file);
    return 0;
}
