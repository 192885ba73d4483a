/* What the ACPI parsers share: little-endian loads at any alignment, and one function per table.
 *
 * A table handed to a parser is readable for `length` bytes, at least ACPI_HEADER_SIZE of them, and its checksum is right. */
#ifndef KERNEL_DEVICE_ACPI_TABLE_H
#define KERNEL_DEVICE_ACPI_TABLE_H

#include "kernel/device/acpi.h"
#include "kernel/lib/string.h"

/* System description table header (ACPI 6.4, 5.2.6). */
enum {
    ACPI_HEADER_SIGNATURE = 0,
    ACPI_HEADER_LENGTH = 4,
    ACPI_HEADER_REVISION = 8,
    ACPI_HEADER_SIZE = 36,
};

/* Generic address structure (5.2.3.2). */
enum { GAS_SPACE = 0, GAS_ADDRESS = 4, GAS_SIZE = 12 };
enum { GAS_SPACE_MEMORY = 0, GAS_SPACE_IO = 1, GAS_SPACE_PCI = 2 };

struct acpi_table {
    const uint8_t *bytes;
    size_t length;
};

static inline uint16_t load16(const uint8_t *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint32_t load32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint64_t load64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

/* Find the table at `pa` with that signature (NULL: any) and check it. False, with a log line, when it is not usable. */
bool acpi_table_find(acpi_read *read, paddr_t pa, const char *signature, struct acpi_table *out);

void acpi_madt_parse(struct acpi_info *info, const struct acpi_table *madt);
void acpi_fadt_parse(struct acpi_info *info, const struct acpi_table *fadt, acpi_read *read);

/* Look for \_S5 in a block of AML and take its sleep types, unless they are known. */
void acpi_sleep_find(struct acpi_power *power, const struct acpi_table *aml);

#endif
