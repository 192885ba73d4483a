/* Names for kernel addresses, from the .symtab of the kernel's own ELF file, which the loader keeps (BOOT_RANGE_KERNEL_FILE).
 * The file is checked before use; without it addresses stay numbers. Any context, never sleeps, no lock (written once at boot). */
#ifndef KERNEL_DEBUG_SYMBOLS_H
#define KERNEL_DEBUG_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

/* The symbols of any ELF file: pointers into it. */
struct symbol_table {
    const uint8_t *symbols;
    size_t count;
    const char *strings;
    size_t strings_size;
};

/* 0, or -ENOEXEC when `bytes`, which must stay while the table is used, are no ELF file with a usable symbol table. */
int symbol_table_open(struct symbol_table *table, const void *bytes, size_t size);

/* The function that holds `address` as the file counts, and how far into it; NULL when unknown. */
const char *symbol_table_find(const struct symbol_table *table, uint64_t address, uint64_t *offset);

/* --- the kernel's own --- */

/* `file`: the whole ELF file in memory, which must stay. 0, or -ENOEXEC when it has no usable symbol table. */
int symbols_start(const void *file, size_t size);

/* The function that holds `address`, and how far into it; NULL when unknown. */
const char *symbol_name(uint64_t address, uint64_t *offset);

/* "NAME+0xOFFSET", or "0xADDRESS" when it has no name, into `to`; gives `to`. Room for SYMBOL_TEXT_MAX bytes suffices for usual names, longer ones are
 * cut. */
#define SYMBOL_TEXT_MAX 80
const char *symbol_text(uint64_t address, char *to, size_t size);

/* The address of a symbol by name, 0 when unknown. */
uint64_t symbol_address(const char *name);

#endif
