/* Fuzz the ACPI parsers. Input: a first byte; when odd, the rest is all of physical memory from the root pointer on; when even, the rest is
 * changes to a good machine's tables (table, offset low, offset high, value), whose checksums are then made right again.
 *
 * Long run: build/test/fuzz/device_acpi_fuzz -max_total_time=3600 -max_len=4096 CORPUS */
#include <stdint.h>
#include <stdlib.h>

#include "kernel/device/acpi.h"
#include "test/unit/device_acpi_tables.h"

#define CHANGE_SIZE 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *memory;
static size_t memory_size;

static const void *memory_read(paddr_t pa, size_t size)
{
    paddr_t offset = pa - TABLE_RSDP;

    if (pa < TABLE_RSDP || offset > memory_size || size > memory_size - offset)
        return NULL;
    return memory + offset;
}

static void change(const uint8_t *what)
{
    static const paddr_t tables[] = {TABLE_RSDP, 0x123456000, 0x1000, 0x7fff0000,
                                     0x5000,     0x200000000, 0x3000};
    paddr_t pa = tables[what[0] % (sizeof(tables) / sizeof(tables[0]))];
    size_t size;
    uint8_t *bytes = table_bytes(pa, &size);

    bytes[(what[1] | what[2] << 8) % size] = what[3];
    if (pa == TABLE_RSDP) {
        checksum_fix(bytes, 20, 8);
        checksum_fix(bytes, size, 32);
    } else {
        checksum_fix(bytes, size, 9);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acpi_info info;

    if (size == 0)
        return 0;
    if (data[0] & 1) {
        memory = data + 1;
        memory_size = size - 1;
        acpi_parse(&info, TABLE_RSDP, memory_read);
    } else {
        machine_modern();
        for (size_t at = 1; at + CHANGE_SIZE <= size; at += CHANGE_SIZE)
            change(data + at);
        acpi_parse(&info, TABLE_RSDP, table_read);
    }
    if (info.cpu_count > ACPI_CPUS_MAX || info.ioapic_count > ACPI_IOAPICS_MAX ||
        info.override_count > ACPI_OVERRIDES_MAX || info.ecam_count > ACPI_ECAMS_MAX ||
        info.power.sleep_type_a > 7 || info.power.sleep_type_b > 7)
        abort();
    return 0;
}
