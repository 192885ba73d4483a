/* See elf.h. Every number of the file is checked before it is used for anything, sums by subtraction so that nothing can wrap. */
#include "kernel/process/elf.h"

#include <asm/errno.h>
#include <linux/elf.h>

#include "paging/layout.h"
#include "paging/paging.h"

/* Values of REGION_*, which are Linux's PROT_*. */
#define READ  1u
#define WRITE 2u
#define EXEC  4u

static const char *header_check(const Elf64_Ehdr *header, size_t size)
{
    if (size < sizeof(*header))
        return "shorter than an ELF header";
    if (header->e_ident[EI_MAG0] != ELFMAG0 || header->e_ident[EI_MAG1] != ELFMAG1 ||
        header->e_ident[EI_MAG2] != ELFMAG2 || header->e_ident[EI_MAG3] != ELFMAG3)
        return "no ELF file";
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
        return "not 64-bit little-endian";
    if (header->e_machine != EM_X86_64)
        return "not for x86-64";
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return "not an executable";
    if (header->e_phentsize != sizeof(Elf64_Phdr))
        return "program headers of a strange size";
    if (header->e_phnum == 0)
        return "no program headers";
    if (header->e_phoff > size || header->e_phnum > (size - header->e_phoff) / sizeof(Elf64_Phdr) ||
        header->e_phoff % 8 != 0)
        return "program headers outside the file";
    return NULL;
}

static uint32_t protection_of(uint32_t flags)
{
    return (flags & PF_R ? READ : 0) | (flags & PF_W ? WRITE : 0) | (flags & PF_X ? EXEC : 0);
}

static const char *segment_check(const Elf64_Phdr *header, size_t size, const struct elf_program *program)
{
    if (header->p_filesz > header->p_memsz)
        return "segment larger in the file than in memory";
    if (header->p_offset > size || header->p_filesz > size - header->p_offset)
        return "segment outside the file";
    if (header->p_vaddr >= USER_END || header->p_memsz > USER_END - header->p_vaddr)
        return "segment outside user memory";
    if (PAGEOFFSET(header->p_vaddr) != PAGEOFFSET(header->p_offset))
        return "segment not congruent with its place in the file";
    if (!program->relocatable && header->p_vaddr < USER_BASE)
        return "segment in the first 64 KiB";
    if (program->segment_count == ELF_SEGMENTS_MAX)
        return "too many segments";
    if (program->segment_count > 0 && ROUND_DOWN(header->p_vaddr, PAGE_SIZE) < program->high)
        return "segments overlap or are not in order";
    return NULL;
}

static void segment_add(struct elf_program *program, const Elf64_Phdr *header)
{
    if (program->segment_count == 0)
        program->low = ROUND_DOWN(header->p_vaddr, PAGE_SIZE);
    program->high = ROUND_UP(header->p_vaddr + header->p_memsz, PAGE_SIZE);
    program->segment[program->segment_count++] = (struct elf_segment){
        .address = header->p_vaddr,
        .memory_size = header->p_memsz,
        .offset = header->p_offset,
        .file_size = header->p_filesz,
        .protection = protection_of(header->p_flags),
    };
}

static const char *headers_read(const uint8_t *file, size_t size, const Elf64_Ehdr *header,
                                struct elf_program *program)
{
    const Elf64_Phdr *headers = (const Elf64_Phdr *)(file + header->e_phoff);

    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (headers[i].p_type == PT_INTERP)
            return "needs an interpreter: only static programs run here";
        if (headers[i].p_type == PT_GNU_STACK)
            program->executable_stack = headers[i].p_flags & PF_X;
        if (headers[i].p_type != PT_LOAD || headers[i].p_memsz == 0)
            continue;
        const char *wrong = segment_check(&headers[i], size, program);
        if (wrong != NULL)
            return wrong;
        segment_add(program, &headers[i]);
        if (header->e_phoff >= headers[i].p_offset &&
            header->e_phoff - headers[i].p_offset < headers[i].p_filesz)
            program->header_address = headers[i].p_vaddr + (header->e_phoff - headers[i].p_offset);
    }
    return program->segment_count == 0 ? "nothing to load" : NULL;
}

static bool entry_executable(const struct elf_program *program)
{
    for (unsigned i = 0; i < program->segment_count; i++) {
        const struct elf_segment *segment = &program->segment[i];
        if (segment->protection & EXEC && program->entry >= segment->address &&
            program->entry - segment->address < segment->memory_size)
            return true;
    }
    return false;
}

int elf_read(const void *file, size_t size, struct elf_program *program, const char **reason)
{
    const Elf64_Ehdr *header = file;

    *program = (struct elf_program){0};
    *reason = header_check(header, size);
    if (*reason != NULL)
        return -ENOEXEC;
    program->relocatable = header->e_type == ET_DYN;
    program->entry = header->e_entry;
    program->header_count = header->e_phnum;
    program->header_size = header->e_phentsize;
    *reason = headers_read(file, size, header, program);
    if (*reason == NULL && !entry_executable(program))
        *reason = "entry point in no executable segment";
    return *reason == NULL ? 0 : -ENOEXEC;
}
