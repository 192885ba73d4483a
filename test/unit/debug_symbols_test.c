/* Symbols from an ELF file that is whole, and from one that is damaged in every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/debug/symbols.h"

static const char strings[] = "\0alpha\0beta\0label\0data";

static const Elf64_Sym symbols[] = {
    {0},
    {.st_name = 1,
     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
     .st_shndx = 1,
     .st_value = 0x1000,
     .st_size = 0x20},
    {.st_name = 7,
     .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
     .st_shndx = 1,
     .st_value = 0x1040,
     .st_size = 0x10},
    {.st_name = 12, .st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE), .st_shndx = 1, .st_value = 0x1048},
    {.st_name = 18,
     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
     .st_shndx = 1,
     .st_value = 0x1060,
     .st_size = 8},
};

static struct {
    Elf64_Ehdr header;
    Elf64_Shdr sections[3];
    Elf64_Sym symbols[sizeof(symbols) / sizeof(symbols[0])];
    char strings[sizeof(strings)];
} whole;

static void whole_make(void)
{
    memcpy(whole.header.e_ident, ELFMAG, SELFMAG);
    whole.header.e_ident[EI_CLASS] = ELFCLASS64;
    whole.header.e_ident[EI_DATA] = ELFDATA2LSB;
    whole.header.e_shentsize = sizeof(Elf64_Shdr);
    whole.header.e_shnum = 3;
    whole.header.e_shoff = offsetof(__typeof__(whole), sections);
    whole.sections[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                                     .sh_offset = offsetof(__typeof__(whole), symbols),
                                     .sh_size = sizeof(whole.symbols),
                                     .sh_entsize = sizeof(Elf64_Sym),
                                     .sh_link = 2};
    whole.sections[2] = (Elf64_Shdr){
        .sh_type = SHT_STRTAB, .sh_offset = offsetof(__typeof__(whole), strings), .sh_size = sizeof(strings)};
    memcpy(whole.symbols, symbols, sizeof(symbols));
    memcpy(whole.strings, strings, sizeof(strings));
}

static void expect(uint64_t address, const char *name, uint64_t offset)
{
    uint64_t found = ~0ull;
    const char *found_name = symbol_name(address, &found);

    if (name == NULL) {
        assert_null(found_name);
        return;
    }
    assert_non_null(found_name);
    assert_string_equal(found_name, name);
    assert_int_equal(found, offset);
}

static void addresses_get_names(void **state)
{
    (void)state;
    assert_int_equal(symbols_start(&whole, sizeof(whole)), 0);
    expect(0xfff, NULL, 0);
    expect(0x1000, "alpha", 0);
    expect(0x101f, "alpha", 0x1f);
    expect(0x1020, NULL, 0);
    expect(0x1047, "beta", 7);
    expect(0x104c, "beta", 12); /* the function, not the label inside it */
    expect(0x1050, "label", 8); /* behind the function only the label is left */
    assert_int_equal(symbol_address("beta"), 0x1040);
    assert_int_equal(symbol_address("data"), 0);
    assert_int_equal(symbol_address(""), 0);
}

/* A copy of exactly `size` bytes, so that the sanitizer sees every byte beyond. */
static void try_file(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    uint64_t offset;

    memcpy(copy, bytes, size);
    if (symbols_start(copy, size) == 0) {
        for (uint64_t address = 0xff0; address < 0x1080; address += 4)
            (void)symbol_name(address, &offset);
        (void)symbol_name(UINT64_MAX, &offset);
        (void)symbol_address("nothing");
    } else {
        assert_null(symbol_name(0x1000, &offset));
    }
    free(copy);
}

static void cut_files_are_refused_or_safe(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(whole); size++)
        try_file(&whole, size);
    assert_int_equal(symbols_start("", 0), -ENOEXEC);
}

static void damaged_files_are_refused_or_safe(void **state)
{
    static const uint8_t damage[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    uint8_t copy[sizeof(whole)];

    (void)state;
    for (size_t at = 0; at < sizeof(whole); at++) {
        for (size_t i = 0; i < sizeof(damage); i++) {
            memcpy(copy, &whole, sizeof(whole));
            copy[at] = damage[i];
            try_file(copy, sizeof(copy));
        }
    }
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(copy, &whole, sizeof(whole));
        for (unsigned i = 0; i < 6; i++)
            copy[(size_t)rand() % sizeof(copy)] = (uint8_t)rand();
        try_file(copy, sizeof(copy));
    }
}

static void unterminated_strings_are_refused(void **state)
{
    (void)state;
    whole.strings[sizeof(strings) - 1] = 'x';
    assert_int_equal(symbols_start(&whole, sizeof(whole)), -ENOEXEC);
    whole.strings[sizeof(strings) - 1] = '\0';

    /* No strings at all, at the very beginning of the file: there is no byte before it to look at. */
    Elf64_Shdr good = whole.sections[2];
    whole.sections[2].sh_offset = whole.sections[2].sh_size = 0;
    try_file(&whole, sizeof(whole));
    assert_int_equal(symbols_start(&whole, sizeof(whole)), -ENOEXEC);
    whole.sections[2] = good;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_get_names),
        cmocka_unit_test(cut_files_are_refused_or_safe),
        cmocka_unit_test(damaged_files_are_refused_or_safe),
        cmocka_unit_test(unterminated_strings_are_refused),
    };

    srand(1);
    whole_make();
    return cmocka_run_group_tests_name("debug_symbols", tests, NULL, NULL);
}
