/* Program files: what is understood of a good one, and every way to refuse a bad one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/elf.h>

#include "kernel/process/elf.h"
#include "paging/layout.h"
#include "paging/paging.h"

#define FILE_SIZE 0x3000
#define BASE      UINT64_C(0x400000)
#define HEADERS   8

/* A program like a linker makes it: headers and code, constants, data with more memory than file. */
struct program_file {
    Elf64_Ehdr header;
    Elf64_Phdr segment[HEADERS];
    uint8_t rest[FILE_SIZE - sizeof(Elf64_Ehdr) - HEADERS * sizeof(Elf64_Phdr)];
};
_Static_assert(sizeof(struct program_file) == FILE_SIZE, "nothing between");

static Elf64_Phdr load(uint32_t flags, uint64_t offset, uint64_t address, uint64_t file, uint64_t memory)
{
    return (Elf64_Phdr){.p_type = PT_LOAD,
                        .p_flags = flags,
                        .p_offset = offset,
                        .p_vaddr = address,
                        .p_paddr = address,
                        .p_filesz = file,
                        .p_memsz = memory,
                        .p_align = PAGE_SIZE};
}

static void file_make(struct program_file *file)
{
    memset(file, 0, sizeof(*file));
    memcpy(file->header.e_ident, ELFMAG, SELFMAG);
    file->header.e_ident[EI_CLASS] = ELFCLASS64;
    file->header.e_ident[EI_DATA] = ELFDATA2LSB;
    file->header.e_ident[EI_VERSION] = EV_CURRENT;
    file->header.e_type = ET_EXEC;
    file->header.e_machine = EM_X86_64;
    file->header.e_version = EV_CURRENT;
    file->header.e_entry = BASE + 0x500;
    file->header.e_phoff = offsetof(struct program_file, segment);
    file->header.e_ehsize = sizeof(Elf64_Ehdr);
    file->header.e_phentsize = sizeof(Elf64_Phdr);
    file->header.e_phnum = 4;
    file->segment[0] = load(PF_R | PF_X, 0, BASE, 0x1000, 0x1000);
    file->segment[1] = load(PF_R, 0x1000, BASE + 0x1000, 0x800, 0x800);
    file->segment[2] = load(PF_R | PF_W, 0x1e00, BASE + 0x2e00, 0x300, 0x5000);
    file->segment[3] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

static int read_copy(const struct program_file *file, size_t size, struct elf_program *program,
                     const char **reason)
{
    /* Exactly as long as told, so that the sanitizer sees a look behind the end. */
    void *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, file, size);
    int error = elf_read(copy, size, program, reason);
    free(copy);
    return error;
}

static void good_file_is_described(void **state)
{
    struct program_file file;
    struct elf_program program;
    const char *reason;

    (void)state;
    file_make(&file);
    assert_int_equal(read_copy(&file, sizeof(file), &program, &reason), 0);
    assert_null(reason);
    assert_false(program.relocatable);
    assert_false(program.executable_stack);
    assert_int_equal(program.entry, BASE + 0x500);
    assert_int_equal(program.header_address, BASE + sizeof(Elf64_Ehdr));
    assert_int_equal(program.header_count, 4);
    assert_int_equal(program.header_size, sizeof(Elf64_Phdr));
    assert_int_equal(program.low, BASE);
    assert_int_equal(program.high, BASE + 0x8000);
    assert_int_equal(program.segment_count, 3);
    assert_int_equal(program.segment[0].protection, 5);
    assert_int_equal(program.segment[1].protection, 1);
    const struct elf_segment *data = &program.segment[2];
    assert_int_equal(data->address, BASE + 0x2e00);
    assert_int_equal(data->offset, 0x1e00);
    assert_int_equal(data->file_size, 0x300);
    assert_int_equal(data->memory_size, 0x5000);
    assert_int_equal(data->protection, 3);
}

static void other_good_files(void **state)
{
    struct program_file file;
    struct elf_program program;
    const char *reason;

    (void)state;
    /* A static PIE begins at 0. */
    file_make(&file);
    file.header.e_type = ET_DYN;
    file.header.e_entry -= BASE;
    for (unsigned i = 0; i < 3; i++)
        file.segment[i].p_vaddr -= BASE;
    assert_int_equal(read_copy(&file, sizeof(file), &program, &reason), 0);
    assert_true(program.relocatable);
    assert_int_equal(program.low, 0);
    /* The stack may be asked to be executable. */
    file_make(&file);
    file.segment[3].p_flags |= PF_X;
    assert_int_equal(read_copy(&file, sizeof(file), &program, &reason), 0);
    assert_true(program.executable_stack);
    /* Headers in no segment have no address; empty segments do not count; memory up to the last byte. */
    file_make(&file);
    file.segment[0] = load(PF_R | PF_X, 0x1000, BASE, 0x1000, 0x1000);
    file.segment[1] = load(PF_R, 0x123, UINT64_MAX, 0, 0);
    file.segment[2] = load(PF_R | PF_W, 0, USER_END - PAGE_SIZE, 0, PAGE_SIZE);
    assert_int_equal(read_copy(&file, sizeof(file), &program, &reason), 0);
    assert_int_equal(program.header_address, 0);
    assert_int_equal(program.segment_count, 2);
    assert_int_equal(program.high, USER_END);
}

struct refusal {
    const char *reason;
    void (*change)(struct program_file *file);
    size_t size; /* 0: the whole file */
};

#define CHANGE(name, ...)                                                                                    \
    static void name(struct program_file *file)                                                              \
    {                                                                                                        \
        __VA_ARGS__;                                                                                         \
    }

CHANGE(nothing, (void)file)
CHANGE(no_magic_0, file->header.e_ident[EI_MAG0]++)
CHANGE(no_magic_1, file->header.e_ident[EI_MAG1]++)
CHANGE(no_magic_2, file->header.e_ident[EI_MAG2]++)
CHANGE(no_magic_3, file->header.e_ident[EI_MAG3]++)
CHANGE(class_32, file->header.e_ident[EI_CLASS] = ELFCLASS32)
CHANGE(big_endian, file->header.e_ident[EI_DATA] = ELFDATA2MSB)
CHANGE(other_machine, file->header.e_machine = EM_386)
CHANGE(object_file, file->header.e_type = ET_REL)
CHANGE(core_file, file->header.e_type = ET_CORE)
CHANGE(small_headers, file->header.e_phentsize = sizeof(Elf64_Phdr) - 8)
CHANGE(large_headers, file->header.e_phentsize = sizeof(Elf64_Phdr) + 8)
CHANGE(no_headers, file->header.e_phnum = 0)
CHANGE(headers_beyond, file->header.e_phoff = FILE_SIZE + 8)
CHANGE(headers_far_beyond, file->header.e_phoff = UINT64_MAX - 7)
CHANGE(headers_over_the_end, file->header.e_phoff = FILE_SIZE - 3 * sizeof(Elf64_Phdr))
CHANGE(headers_misaligned, file->header.e_phoff += 4)
CHANGE(headers_too_many, file->header.e_phnum = UINT16_MAX)
CHANGE(interpreter, file->segment[3].p_type = PT_INTERP)
CHANGE(file_over_memory, file->segment[2].p_memsz = 0x2ff)
CHANGE(offset_beyond, file->segment[1].p_offset = FILE_SIZE + 0x1000)
CHANGE(size_beyond, file->segment[1].p_filesz = file->segment[1].p_memsz = FILE_SIZE - 0x1000 + 1)
CHANGE(size_wraps, file->segment[1].p_filesz = file->segment[1].p_memsz = UINT64_MAX - 0xfff)
CHANGE(address_beyond, file->segment[2].p_vaddr = USER_END + 0xe00)
CHANGE(address_kernel, file->segment[2].p_vaddr = DIRECT_MAP_BASE + 0xe00)
CHANGE(memory_beyond, file->segment[2].p_memsz = USER_END)
CHANGE(memory_wraps, file->segment[2].p_memsz = UINT64_MAX)
CHANGE(not_congruent, file->segment[2].p_vaddr += 8)
CHANGE(low_address, file->segment[0].p_vaddr = 0)
CHANGE(low_address_edge, file->segment[0].p_vaddr = USER_BASE - PAGE_SIZE)
CHANGE(out_of_order, file->segment[1].p_vaddr = BASE - 0x1000)
CHANGE(overlap, file->segment[0].p_memsz = 0x1001)
CHANGE(same_page, file->segment[2].p_vaddr = BASE + 0x1e00; file->segment[1].p_memsz = 0x801)
CHANGE(nothing_to_load, for (unsigned i = 0; i < 3; i++) file->segment[i].p_type = PT_NOTE)
CHANGE(entry_nowhere, file->header.e_entry = 0)
CHANGE(entry_in_data, file->header.e_entry = BASE + 0x3000)
CHANGE(entry_behind_code, file->header.e_entry = BASE + 0x1000)
CHANGE(entry_far, file->header.e_entry = UINT64_MAX)

static const struct refusal refusals[] = {
    {"shorter than an ELF header", nothing, sizeof(Elf64_Ehdr) - 1},
    {"shorter than an ELF header", nothing, 1},
    {"no ELF file", no_magic_0, 0},
    {"no ELF file", no_magic_1, 0},
    {"no ELF file", no_magic_2, 0},
    {"no ELF file", no_magic_3, 0},
    {"not 64-bit little-endian", class_32, 0},
    {"not 64-bit little-endian", big_endian, 0},
    {"not for x86-64", other_machine, 0},
    {"not an executable", object_file, 0},
    {"not an executable", core_file, 0},
    {"program headers of a strange size", small_headers, 0},
    {"program headers of a strange size", large_headers, 0},
    {"no program headers", no_headers, 0},
    {"program headers outside the file", headers_beyond, 0},
    {"program headers outside the file", headers_far_beyond, 0},
    {"program headers outside the file", headers_over_the_end, 0},
    {"program headers outside the file", headers_misaligned, 0},
    {"program headers outside the file", headers_too_many, 0},
    {"program headers outside the file", nothing, sizeof(Elf64_Ehdr)},
    {"program headers outside the file", nothing, sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr) - 1},
    {"needs an interpreter: only static programs run here", interpreter, 0},
    {"segment larger in the file than in memory", file_over_memory, 0},
    {"segment outside the file", offset_beyond, 0},
    {"segment outside the file", size_beyond, 0},
    {"segment outside the file", size_wraps, 0},
    {"segment outside the file", nothing, 0x2000},
    {"segment outside user memory", address_beyond, 0},
    {"segment outside user memory", address_kernel, 0},
    {"segment outside user memory", memory_beyond, 0},
    {"segment outside user memory", memory_wraps, 0},
    {"segment not congruent with its place in the file", not_congruent, 0},
    {"segment in the first 64 KiB", low_address, 0},
    {"segment in the first 64 KiB", low_address_edge, 0},
    {"segments overlap or are not in order", out_of_order, 0},
    {"segments overlap or are not in order", overlap, 0},
    {"segments overlap or are not in order", same_page, 0},
    {"nothing to load", nothing_to_load, 0},
    {"entry point in no executable segment", entry_nowhere, 0},
    {"entry point in no executable segment", entry_in_data, 0},
    {"entry point in no executable segment", entry_behind_code, 0},
    {"entry point in no executable segment", entry_far, 0},
};

static void bad_files_are_refused_with_the_reason(void **state)
{
    struct elf_program program;
    const char *reason;

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct program_file file;
        file_make(&file);
        refusals[i].change(&file);
        size_t size = refusals[i].size ? refusals[i].size : sizeof(file);
        int error = read_copy(&file, size, &program, &reason);
        if (error == 0 || reason == NULL || strcmp(reason, refusals[i].reason) != 0)
            fail_msg("row %zu: wanted \"%s\", got %d \"%s\"", i, refusals[i].reason, error,
                     reason ? reason : "");
        assert_int_equal(error, -ENOEXEC);
    }
}

/* Many segments: as many as there is room for, and not one more. */
static void segments_have_a_limit(void **state)
{
    enum { MANY = ELF_SEGMENTS_MAX + 1 };
    size_t size = sizeof(Elf64_Ehdr) + MANY * sizeof(Elf64_Phdr);
    struct program_file simple;
    struct elf_program program;
    const char *reason;

    (void)state;
    file_make(&simple);
    for (unsigned count = MANY - 1; count <= MANY; count++) {
        uint8_t *file = calloc(1, size);
        simple.header.e_phnum = (uint16_t)count;
        memcpy(file, &simple.header, sizeof(simple.header));
        Elf64_Phdr *segments = (Elf64_Phdr *)(file + sizeof(Elf64_Ehdr));
        for (unsigned i = 0; i < count; i++)
            segments[i] = load(PF_R | PF_X, 0, BASE + i * 0x1000, 0, 0x1000);
        int error = elf_read(file, size, &program, &reason);
        free(file);
        assert_int_equal(error, count == MANY ? -ENOEXEC : 0);
        if (error != 0)
            assert_string_equal(reason, "too many segments");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file_is_described),
        cmocka_unit_test(other_good_files),
        cmocka_unit_test(bad_files_are_refused_with_the_reason),
        cmocka_unit_test(segments_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
