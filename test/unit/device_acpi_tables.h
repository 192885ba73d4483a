/* ACPI tables made by hand, as a firmware of each age writes them, in a fake physical memory of separate blocks: a parser that reads one
 * byte beyond a table is seen by the sanitizer. Offsets are written from ACPI 6.4, not taken from the parser's names. */
#ifndef TEST_UNIT_DEVICE_ACPI_TABLES_H
#define TEST_UNIT_DEVICE_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

#define TABLE_RSDP 0xe0000u

/* Warnings that the parser logged since tables_reset(). */
extern unsigned warnings_logged;

void tables_reset(void);

/* Put a copy of `bytes` at `pa`. */
void table_place(paddr_t pa, const void *bytes, size_t size);

/* What stands at `pa`, to be damaged, and its size. */
uint8_t *table_bytes(paddr_t pa, size_t *size);

/* The acpi_read callback. */
const void *table_read(paddr_t pa, size_t size);

void put16(uint8_t *to, uint16_t value);
void put32(uint8_t *to, uint32_t value);
void put64(uint8_t *to, uint64_t value);

/* Header, length and checksum over `body`, which includes room for the header; then placed. */
void table_finish(paddr_t pa, const char *signature, uint8_t revision, uint8_t *body, size_t size);

/* Make the byte sum of `size` bytes zero by setting bytes[at]. */
void checksum_fix(uint8_t *bytes, size_t size, size_t at);

/* A whole modern machine: RSDP 2, XSDT, MADT, FADT 6, HPET, MCFG, DSDT; and an old one: RSDP 0, RSDT, MADT, FADT 1, DSDT. */
void machine_modern(void);
void machine_old(void);

#endif
