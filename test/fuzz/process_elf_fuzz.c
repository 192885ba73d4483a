/* Fuzz program files: what is accepted can be mapped without another look at its numbers.
 *
 * Long run: build/test/fuzz/process_elf_fuzz -max_total_time=3600 -max_len=4096 CORPUS, with small static programs as CORPUS. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/elf.h>

#include "kernel/process/elf.h"
#include "paging/layout.h"
#include "paging/paging.h"

#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void program_check(const struct elf_program *program, size_t size)
{
    vaddr_t end = 0;
    unsigned holds_entry = 0;

    REQUIRE(program->segment_count > 0 && program->segment_count <= ELF_SEGMENTS_MAX);
    REQUIRE(program->low < program->high && PAGEOFFSET(program->low | program->high) == 0);
    REQUIRE(program->high <= USER_END && (program->relocatable || program->low >= USER_BASE));
    for (unsigned i = 0; i < program->segment_count; i++) {
        const struct elf_segment *segment = &program->segment[i];
        REQUIRE(ROUND_DOWN(segment->address, PAGE_SIZE) >= end);
        REQUIRE(segment->memory_size > 0 && segment->file_size <= segment->memory_size);
        REQUIRE(segment->offset <= size && segment->file_size <= size - segment->offset);
        REQUIRE(PAGEOFFSET(segment->offset) == PAGEOFFSET(segment->address));
        REQUIRE(segment->memory_size <= program->high - segment->address);
        REQUIRE((segment->protection & ~7u) == 0);
        end = ROUND_UP(segment->address + segment->memory_size, PAGE_SIZE);
        holds_entry += program->entry >= segment->address && segment->protection & 4 &&
                       program->entry - segment->address < segment->memory_size;
    }
    REQUIRE(end == program->high && holds_entry == 1);
    REQUIRE(program->header_address == 0 ||
            (program->header_address >= program->low && program->header_address < program->high));
}

/* Numbers that nearly fit; the field that a loader never reads says which are helped. */
static void segment_lend(Elf64_Phdr *segment, size_t size, vaddr_t *next)
{
    unsigned help = (unsigned)(segment->p_paddr & 7);

    if (help < 6)
        segment->p_type = PT_LOAD;
    if (help < 5) {
        segment->p_offset %= size + 1;
        segment->p_filesz %= size - segment->p_offset + 1;
        segment->p_memsz = segment->p_filesz + segment->p_memsz % (3 * PAGE_SIZE);
    }
    if (help < 4)
        segment->p_vaddr = ROUND_UP(*next + segment->p_vaddr % (4 * PAGE_SIZE) - PAGE_SIZE / 2, PAGE_SIZE) +
                           PAGEOFFSET(segment->p_offset);
    *next = segment->p_vaddr + segment->p_memsz;
}

/* Random bytes are no ELF file: what every one has in common is given, most of the time. */
static void header_lend(uint8_t *file, size_t size)
{
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    vaddr_t next = USER_BASE;

    if (size < sizeof(*header) || (header->e_ident[EI_PAD] & 3) == 3)
        return;
    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_machine = EM_X86_64;
    header->e_type = header->e_type & 1 ? ET_EXEC : ET_DYN;
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_phoff = header->e_phoff % 256 & ~UINT64_C(7);
    header->e_phnum %= 40;
    for (uint64_t at = header->e_phoff, i = 0; i < header->e_phnum && at + sizeof(Elf64_Phdr) <= size; i++) {
        segment_lend((Elf64_Phdr *)(file + at), size, &next);
        at += sizeof(Elf64_Phdr);
    }
    /* Somewhere among the segments. */
    if (header->e_ident[EI_PAD] & 4 && next > USER_BASE)
        header->e_entry = USER_BASE + header->e_entry % (next - USER_BASE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_program program;
    const char *reason;
    uint8_t *file = malloc(size > 0 ? size : 1);

    memcpy(file, data, size);
    header_lend(file, size);
    int error = elf_read(file, size, &program, &reason);
    REQUIRE((error == 0) == (reason == NULL));
    if (error == 0)
        program_check(&program, size);
    free(file);
    return 0;
}
