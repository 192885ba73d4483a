#include "test/unit/device_acpi_tables.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/debug/log.h"

#define BLOCKS_MAX 32

static struct block {
    paddr_t pa;
    uint8_t *bytes;
    size_t size;
} blocks[BLOCKS_MAX];
static unsigned block_count;

unsigned warnings_logged;

/* In place of the kernel's log. */
void log_line(enum log_level level, const char *format, ...)
{
    (void)format;
    if (level <= LOG_WARNING)
        warnings_logged++;
}

void tables_reset(void)
{
    while (block_count > 0)
        free(blocks[--block_count].bytes);
    warnings_logged = 0;
}

void table_place(paddr_t pa, const void *bytes, size_t size)
{
    struct block *block = &blocks[block_count++];

    *block = (struct block){.pa = pa, .bytes = malloc(size), .size = size};
    memcpy(block->bytes, bytes, size);
}

uint8_t *table_bytes(paddr_t pa, size_t *size)
{
    for (unsigned i = 0; i < block_count; i++) {
        if (blocks[i].pa == pa) {
            *size = blocks[i].size;
            return blocks[i].bytes;
        }
    }
    return NULL;
}

const void *table_read(paddr_t pa, size_t size)
{
    for (unsigned i = 0; i < block_count; i++) {
        const struct block *block = &blocks[i];
        if (pa >= block->pa && pa - block->pa <= block->size && size <= block->size - (pa - block->pa))
            return block->bytes + (pa - block->pa);
    }
    return NULL;
}

void put16(uint8_t *to, uint16_t value)
{
    memcpy(to, &value, sizeof(value));
}

void put32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

void put64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

void checksum_fix(uint8_t *bytes, size_t size, size_t at)
{
    uint8_t sum = 0;

    bytes[at] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

void table_finish(paddr_t pa, const char *signature, uint8_t revision, uint8_t *body, size_t size)
{
    memcpy(body, signature, 4);
    put32(body + 4, (uint32_t)size);
    body[8] = revision;
    memcpy(body + 10, "QUIRE ", 6);
    checksum_fix(body, size, 9);
    table_place(pa, body, size);
}

static void rsdp_place(uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    uint8_t rsdp[36] = "RSD PTR ";

    rsdp[15] = revision;
    put32(rsdp + 16, rsdt);
    checksum_fix(rsdp, 20, 8);
    put32(rsdp + 20, 36);
    put64(rsdp + 24, xsdt);
    checksum_fix(rsdp, 36, 32);
    table_place(TABLE_RSDP, rsdp, revision >= 2 ? 36 : 20);
}

/* \_S5 in the middle of other AML, with SLP_TYP 5 and 6. */
static void dsdt_place(paddr_t pa)
{
    static const uint8_t aml[] = {0x10, 0x05, '_',  'S',  '5',  '_',  0x08, '_',  'S',  '5',  '_',
                                  0x12, 0x07, 0x04, 0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00, 0x5b, 0x80};
    uint8_t dsdt[36 + sizeof(aml)] = {0};

    memcpy(dsdt + 36, aml, sizeof(aml));
    table_finish(pa, "DSDT", 2, dsdt, sizeof(dsdt));
}

static void gas_put(uint8_t *to, uint8_t space, uint64_t address)
{
    to[0] = space;
    to[1] = 32;
    put64(to + 4, address);
}

void machine_modern(void)
{
    uint8_t xsdt[36 + 6 * 8] = {0}, fadt[276] = {0}, hpet[56] = {0}, mcfg[60] = {0},
                          madt[44 + 8 * 3 + 16 + 12 + 10 + 12 + 6];
    uint8_t *entry = madt + 44;

    tables_reset();
    rsdp_place(2, 0, 0x123456000);
    put64(xsdt + 36, 0x1000);
    put64(xsdt + 44, 0x7fff0000);
    put64(xsdt + 52, 0x200000000);
    put64(xsdt + 60, 0x3000);
    put64(xsdt + 68, 0); /* holes occur */
    put64(xsdt + 76, 0x4000);
    table_finish(0x123456000, "XSDT", 1, xsdt, sizeof(xsdt));

    memset(madt, 0, sizeof(madt));
    put32(madt + 36, 0xfee00000);
    put32(madt + 40, 0);
    static const uint8_t lapics[3][8] = {
        {0, 8, 0, 0, 1}, {0, 8, 1, 2, 2}, {0, 8, 2, 0xff, 1}}; /* enabled, online capable, nobody */
    memcpy(entry, lapics, sizeof(lapics));
    entry += sizeof(lapics);
    entry[0] = 9, entry[1] = 16;
    put32(entry + 4, 0x1234), put32(entry + 8, 1), put32(entry + 12, 77);
    entry += 16;
    entry[0] = 1, entry[1] = 12, entry[2] = 5;
    put32(entry + 4, 0xfec00000), put32(entry + 8, 0);
    entry += 12;
    entry[0] = 2, entry[1] = 10, entry[3] = 0;
    put32(entry + 4, 2), put16(entry + 8, 0x0d);
    entry += 10;
    entry[0] = 5, entry[1] = 12;
    put64(entry + 4, 0x1fee00000);
    entry += 12;
    entry[0] = 4, entry[1] = 6; /* a local APIC NMI, of no interest */
    table_finish(0x1000, "APIC", 5, madt, sizeof(madt));

    put32(fadt + 40, 0xdead0000);
    put32(fadt + 48, 0xb2);
    fadt[52] = 2;
    put32(fadt + 64, 0x604);
    put32(fadt + 76, 0x608);
    fadt[91] = 4;
    fadt[108] = 0x32;
    put16(fadt + 109, 1 << 2);           /* no VGA, no 8042 */
    put32(fadt + 112, 1 << 8 | 1 << 10); /* 32-bit timer, reset register */
    gas_put(fadt + 116, 1, 0xcf9);
    fadt[128] = 0x0f;
    put64(fadt + 140, 0x5000);
    gas_put(fadt + 172, 1, 0x1804);
    gas_put(fadt + 208, 1, 0x1808);
    table_finish(0x7fff0000, "FACP", 6, fadt, sizeof(fadt));
    dsdt_place(0x5000);

    gas_put(hpet + 40, 0, 0xfed00000);
    table_finish(0x200000000, "HPET", 1, hpet, sizeof(hpet));
    put64(mcfg + 44, 0xb0000000);
    mcfg[44 + 11] = 0xff;
    table_finish(0x3000, "MCFG", 1, mcfg, sizeof(mcfg));
    uint8_t other[36] = {0};
    table_finish(0x4000, "WAET", 1, other, sizeof(other));
}

void machine_old(void)
{
    uint8_t rsdt[36 + 2 * 4] = {0}, fadt[116] = {0}, madt[44 + 8] = {0};

    tables_reset();
    rsdp_place(0, 0x8000, 0);
    put32(rsdt + 36, 0x1000);
    put32(rsdt + 40, 0x2000);
    table_finish(0x8000, "RSDT", 1, rsdt, sizeof(rsdt));
    put32(madt + 36, 0xfee00000);
    put32(madt + 40, 1);
    memcpy(madt + 44, (uint8_t[]){0, 8, 0, 0, 1, 0, 0, 0}, 8);
    table_finish(0x1000, "APIC", 1, madt, sizeof(madt));
    put32(fadt + 40, 0x5000);
    put32(fadt + 64, 0x404);
    put32(fadt + 68, 0x504);
    put32(fadt + 76, 0x408);
    fadt[91] = 4;
    table_finish(0x2000, "FACP", 1, fadt, sizeof(fadt));
    dsdt_place(0x5000);
}
