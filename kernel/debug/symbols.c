#include "kernel/debug/symbols.h"

#include <asm/errno.h>
#include <linux/elf.h>
#include <stdbool.h>

#include "kernel/lib/format.h"
#include "kernel/lib/string.h"

/* The kernel's, checked: every symbol is inside the file and `strings` ends with a terminator. */
static struct symbol_table kernel_symbols;

/* What of the file is looked at. Sections may lie at any offset, so structures are copied out, not pointed at. */
struct file {
    const uint8_t *bytes;
    size_t size;
    Elf64_Ehdr header;
};

static bool file_range(const struct file *file, uint64_t offset, uint64_t size)
{
    return offset <= file->size && size <= file->size - offset;
}

static bool header_read(struct file *file)
{
    if (!file_range(file, 0, sizeof(file->header)))
        return false;
    memcpy(&file->header, file->bytes, sizeof(file->header));
    return memcmp(file->header.e_ident, ELFMAG, SELFMAG) == 0 &&
           file->header.e_ident[EI_CLASS] == ELFCLASS64 && file->header.e_ident[EI_DATA] == ELFDATA2LSB &&
           file->header.e_shentsize == sizeof(Elf64_Shdr) &&
           file_range(file, file->header.e_shoff, (uint64_t)file->header.e_shnum * sizeof(Elf64_Shdr));
}

/* Section `index`, when it exists, has that type and lies inside the file. */
static bool section_read(const struct file *file, uint32_t index, uint32_t type, Elf64_Shdr *out)
{
    if (index >= file->header.e_shnum)
        return false;
    memcpy(out, file->bytes + file->header.e_shoff + index * sizeof(*out), sizeof(*out));
    return out->sh_type == type && file_range(file, out->sh_offset, out->sh_size);
}

/* Section `index` is a symbol table whose strings are usable too. */
static bool table_take(struct symbol_table *table, const struct file *file, uint32_t index)
{
    Elf64_Shdr symbols, strings;

    if (!section_read(file, index, SHT_SYMTAB, &symbols) || symbols.sh_entsize != sizeof(Elf64_Sym))
        return false;
    if (!section_read(file, symbols.sh_link, SHT_STRTAB, &strings) || strings.sh_size == 0)
        return false;
    if (file->bytes[strings.sh_offset + strings.sh_size - 1] != '\0')
        return false;
    table->symbols = file->bytes + symbols.sh_offset;
    table->count = symbols.sh_size / sizeof(Elf64_Sym);
    table->strings = (const char *)file->bytes + strings.sh_offset;
    table->strings_size = strings.sh_size;
    return true;
}

int symbol_table_open(struct symbol_table *table, const void *bytes, size_t size)
{
    struct file file = {.bytes = bytes, .size = size};

    table->count = 0;
    if (!header_read(&file))
        return -ENOEXEC;
    for (uint32_t index = 0; index < file.header.e_shnum; index++) {
        if (table_take(table, &file, index))
            return 0;
    }
    return -ENOEXEC;
}

int symbols_start(const void *bytes, size_t size)
{
    return symbol_table_open(&kernel_symbols, bytes, size);
}

/* Symbol `index`, when it is code with a name; assembly labels have no type. */
static bool symbol_read(const struct symbol_table *table, size_t index, Elf64_Sym *out, const char **name)
{
    memcpy(out, table->symbols + index * sizeof(*out), sizeof(*out));
    unsigned type = ELF_ST_TYPE(out->st_info);
    if ((type != STT_FUNC && type != STT_NOTYPE) || out->st_shndx == SHN_UNDEF ||
        out->st_shndx >= SHN_LORESERVE || out->st_name >= table->strings_size)
        return false;
    *name = table->strings + out->st_name;
    return **name != '\0';
}

/* A sized symbol that covers the address beats a bare label before it; then the nearer one counts. */
const char *symbol_table_find(const struct symbol_table *table, uint64_t address, uint64_t *offset)
{
    const char *best = NULL;
    uint64_t best_value = 0;
    bool best_sized = false;

    for (size_t i = 0; i < table->count; i++) {
        Elf64_Sym symbol;
        const char *name;
        if (!symbol_read(table, i, &symbol, &name) || symbol.st_value > address)
            continue;
        bool sized = symbol.st_size != 0;
        if (sized && address - symbol.st_value >= symbol.st_size)
            continue;
        if (best != NULL && (best_sized != sized ? best_sized : symbol.st_value < best_value))
            continue;
        best = name;
        best_value = symbol.st_value;
        best_sized = sized;
    }
    if (best != NULL)
        *offset = address - best_value;
    return best;
}

const char *symbol_name(uint64_t address, uint64_t *offset)
{
    return symbol_table_find(&kernel_symbols, address, offset);
}

const char *symbol_text(uint64_t address, char *to, size_t size)
{
    uint64_t offset = 0;
    const char *name = symbol_name(address, &offset);

    if (name != NULL)
        snprintf(to, size, "%s+%#lx", name, offset);
    else
        snprintf(to, size, "%#lx", address);
    return to;
}

uint64_t symbol_address(const char *wanted)
{
    for (size_t i = 0; i < kernel_symbols.count; i++) {
        Elf64_Sym symbol;
        const char *name;
        if (symbol_read(&kernel_symbols, i, &symbol, &name) && strcmp(name, wanted) == 0)
            return symbol.st_value;
    }
    return 0;
}
