/* The ACPI parsers on good machines, on old ones, and on tables that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/device/acpi.h"
#include "test/unit/device_acpi_tables.h"

static struct acpi_info info;

static void parse(void)
{
    acpi_parse(&info, TABLE_RSDP, table_read);
}

static void modern_machine(void **state)
{
    (void)state;
    machine_modern();
    parse();
    assert_int_equal(warnings_logged, 0);
    assert_true(info.present);
    assert_int_equal(info.cpu_count, 3);
    assert_true(info.cpu[0].enabled && !info.cpu[0].x2apic);
    assert_int_equal(info.cpu[1].apic_id, 2);
    assert_true(!info.cpu[1].enabled && info.cpu[1].online_capable);
    assert_int_equal(info.cpu[2].apic_id, 0x1234);
    assert_int_equal(info.cpu[2].acpi_uid, 77);
    assert_true(info.cpu[2].x2apic);
    assert_int_equal(info.ioapic_count, 1);
    assert_int_equal(info.ioapic[0].id, 5);
    assert_int_equal(info.ioapic[0].address, 0xfec00000);
    assert_int_equal(info.override_count, 1);
    assert_int_equal(info.override[0].gsi, 2);
    assert_int_equal(info.override[0].flags, 0x0d);
    assert_true(info.lapic_address == 0x1fee00000);
    assert_false(info.pic_present);
    assert_false(info.i8042_present);
    assert_true(info.vga_absent);
    assert_false(info.msi_unsupported);
    assert_int_equal(info.hpet_address, 0xfed00000);
    assert_int_equal(info.pm_timer_port, 0x1808);
    assert_true(info.pm_timer_32_bit);
    assert_int_equal(info.century_register, 0x32);
    assert_int_equal(info.ecam_count, 1);
    assert_int_equal(info.ecam[0].base, 0xb0000000);
    assert_int_equal(info.ecam[0].last_bus, 0xff);
    assert_int_equal(info.power.pm1a_control, 0x1804);
    assert_int_equal(info.power.pm1b_control, 0);
    assert_int_equal(info.power.sleep_type_a, 5);
    assert_int_equal(info.power.sleep_type_b, 6);
    assert_int_equal(info.power.smi_command, 0xb2);
    assert_int_equal(info.power.acpi_enable, 2);
    assert_true(info.power.reset_supported);
    assert_int_equal(info.power.reset_space, 1);
    assert_int_equal(info.power.reset_address, 0xcf9);
    assert_int_equal(info.power.reset_value, 0x0f);
}

static void old_machine(void **state)
{
    (void)state;
    machine_old();
    parse();
    assert_int_equal(warnings_logged, 0);
    assert_true(info.present);
    assert_int_equal(info.cpu_count, 1);
    assert_true(info.pic_present);
    assert_true(info.i8042_present); /* too old to say no */
    assert_int_equal(info.pm_timer_port, 0x408);
    assert_false(info.pm_timer_32_bit);
    assert_int_equal(info.power.pm1a_control, 0x404);
    assert_int_equal(info.power.pm1b_control, 0x504);
    assert_false(info.power.reset_supported);
    assert_int_equal(info.hpet_address, 0);
}

static void no_acpi(void **state)
{
    (void)state;
    tables_reset();
    acpi_parse(&info, 0, table_read);
    assert_false(info.present);
    assert_true(info.pic_present && info.i8042_present);
    assert_int_equal(info.lapic_address, 0);
    assert_int_equal(info.power.sleep_type_a, -1);
    parse(); /* a pointer to nowhere */
    assert_false(info.present);
    assert_int_equal(warnings_logged, 1);
}

/* Damage one byte of the table at `pa`: its checksum is wrong then. */
static void damage(paddr_t pa, size_t at)
{
    size_t size;
    uint8_t *bytes = table_bytes(pa, &size);

    bytes[at] ^= 0x55;
}

static void bad_checksums_make_tables_absent(void **state)
{
    (void)state;
    machine_modern();
    damage(0x1000, 50);
    damage(0x200000000, 44);
    parse();
    assert_true(info.present);
    assert_int_equal(info.cpu_count, 0);
    assert_int_equal(info.lapic_address, 0);
    assert_int_equal(info.hpet_address, 0);
    assert_int_equal(info.pm_timer_port, 0x1808);
    assert_int_equal(warnings_logged, 2);

    machine_modern();
    damage(TABLE_RSDP, 16);
    parse();
    assert_false(info.present);
}

static void bad_xsdt_falls_back_to_rsdt(void **state)
{
    size_t size;

    (void)state;
    machine_modern();
    uint8_t *rsdp = table_bytes(TABLE_RSDP, &size);
    put32(rsdp + 16, 0x9000);
    checksum_fix(rsdp, 20, 8);
    checksum_fix(rsdp, 36, 32);
    uint8_t rsdt[36 + 4] = {0};
    put32(rsdt + 36, 0x1000);
    table_finish(0x9000, "RSDT", 1, rsdt, sizeof(rsdt));
    damage(0x123456000, 40);
    parse();
    assert_true(info.present);
    assert_int_equal(info.cpu_count, 3);
    assert_int_equal(info.hpet_address, 0); /* it was only in the XSDT */
}

/* Change the table's length field and fix its checksum over what is there. */
static void lie_about_length(paddr_t pa, uint32_t length)
{
    size_t size;
    uint8_t *bytes = table_bytes(pa, &size);

    put32(bytes + 4, length);
    checksum_fix(bytes, length >= 36 && length < size ? length : size, 9);
}

static void bad_lengths_make_tables_absent(void **state)
{
    static const uint32_t lengths[] = {0, 35, 0x1000, 0x80000000, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        machine_modern();
        lie_about_length(0x1000, lengths[i]);
        parse();
        assert_int_equal(info.cpu_count, 0);
        assert_int_equal(warnings_logged, 1);
    }
}

static void short_tables_are_not_believed(void **state)
{
    size_t size;

    (void)state;
    machine_modern();
    uint8_t *xsdt = table_bytes(0x123456000, &size);
    put32(xsdt + 4, 35);
    checksum_fix(xsdt, 35, 9);
    parse();
    assert_false(info.present);

    machine_modern();
    uint8_t *hpet = table_bytes(0x200000000, &size);
    put32(hpet + 4, 48); /* ends inside the address */
    checksum_fix(hpet, 48, 9);
    parse();
    assert_int_equal(info.hpet_address, 0);
}

/* Every length a firmware of any age could give the FADT: fields beyond it must not be believed. */
static void fadt_of_every_length(void **state)
{
    (void)state;
    for (uint32_t length = 36; length <= 276; length++) {
        size_t size;
        machine_modern();
        uint8_t *whole = table_bytes(0x7fff0000, &size);
        uint8_t copy[276], header[36 + 8] = {0};
        memcpy(copy, whole, sizeof(copy));
        /* The same machine with a root that names only this shorter copy. */
        put64(header + 36, 0x600000);
        table_finish(0x700000, "XSDT", 1, header, sizeof(header));
        table_finish(0x600000, "FACP", 6, copy, length);
        uint8_t *rsdp = table_bytes(TABLE_RSDP, &size);
        put64(rsdp + 24, 0x700000);
        checksum_fix(rsdp, 36, 32);
        parse();
        assert_int_equal(info.pm_timer_port, length < 116 ? 0 : length < 220 ? 0x608 : 0x1808);
        assert_int_equal(info.power.reset_supported, length >= 129);
        assert_int_equal(info.power.sleep_type_a, length >= 148 ? 5 : -1);
    }
}

static void madt_entries_that_lie(void **state)
{
    size_t size;

    (void)state;
    machine_modern();
    uint8_t *madt = table_bytes(0x1000, &size);
    madt[44 + 8 + 1] = 0; /* the second entry never ends */
    checksum_fix(madt, size, 9);
    parse();
    assert_int_equal(info.cpu_count, 1);
    assert_int_equal(warnings_logged, 1);

    machine_modern();
    madt = table_bytes(0x1000, &size);
    madt[size - 6 + 1] = 7; /* the last one sticks out */
    checksum_fix(madt, size, 9);
    parse();
    assert_int_equal(info.cpu_count, 3);
    assert_int_equal(warnings_logged, 1);

    machine_modern();
    madt = table_bytes(0x1000, &size);
    madt[44 + 24] = 1; /* 16 bytes, enough: an x2APIC entry read as I/O APIC at 0x1234 */
    madt[44] = 9;      /* 8 bytes, too few for an x2APIC */
    checksum_fix(madt, size, 9);
    parse();
    assert_int_equal(info.cpu_count, 1);
    assert_int_equal(info.ioapic_count, 2);
    assert_int_equal(warnings_logged, 1);
}

static void too_many_of_everything(void **state)
{
    enum { CPUS = 300, IOAPICS = 20, OVERRIDES = 40 };
    static uint8_t madt[44 + CPUS * 16 + IOAPICS * 12 + OVERRIDES * 10];
    uint8_t *entry = madt + 44, xsdt[36 + 8] = {0};
    size_t size;

    (void)state;
    machine_modern();
    for (uint32_t i = 0; i < CPUS; i++, entry += 16) {
        entry[0] = 9, entry[1] = 16;
        put32(entry + 4, i * 2), put32(entry + 8, 1);
    }
    for (uint32_t i = 0; i < IOAPICS; i++, entry += 12) {
        entry[0] = 1, entry[1] = 12;
        put32(entry + 4, 0xfec00000 + i * 0x1000);
    }
    for (uint32_t i = 0; i < OVERRIDES; i++, entry += 10)
        entry[0] = 2, entry[1] = 10, entry[3] = (uint8_t)(i % 16);
    table_finish(0x600000, "APIC", 5, madt, sizeof(madt));
    put64(xsdt + 36, 0x600000);
    table_finish(0x700000, "XSDT", 1, xsdt, sizeof(xsdt));
    uint8_t *rsdp = table_bytes(TABLE_RSDP, &size);
    put64(rsdp + 24, 0x700000);
    checksum_fix(rsdp, 36, 32);
    parse();
    assert_int_equal(info.cpu_count, ACPI_CPUS_MAX);
    assert_int_equal(info.cpus_left_out, CPUS - ACPI_CPUS_MAX);
    assert_int_equal(info.ioapic_count, ACPI_IOAPICS_MAX);
    assert_int_equal(info.override_count, ACPI_OVERRIDES_MAX);
}

/* Parse the old machine with this AML in its DSDT. */
static void with_aml(const uint8_t *aml, size_t size)
{
    uint8_t dsdt[36 + 64] = {0};
    size_t old_size;

    machine_old();
    memcpy(dsdt + 36, aml, size);
    table_finish(0x6000, "DSDT", 1, dsdt, 36 + size);
    uint8_t *fadt = table_bytes(0x2000, &old_size);
    put32(fadt + 40, 0x6000);
    checksum_fix(fadt, old_size, 9);
    parse();
}

#define AML(...) with_aml((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void sleep_types(void **state)
{
    (void)state;
    AML(0, 0x08, '\\', '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x00, 0x00, 0x00); /* \_S5: 1, 0 */
    assert_int_equal(info.power.sleep_type_a, 1);
    assert_int_equal(info.power.sleep_type_b, 0);
    AML(0, 0x08, '_', 'S', '5', '_', 0x12, 0x40, 0x0a, 0x02, 0x0b, 0x07, 0x00,
        0xff); /* two-byte length, word, ones */
    assert_int_equal(info.power.sleep_type_a, 7);
    assert_int_equal(info.power.sleep_type_b, 7);
    AML(0, 0x08, '_', 'S', '5', '_', 0x12, 0x03, 0x01, 0x0a, 0x05); /* one element */
    assert_int_equal(info.power.sleep_type_a, 5);
    assert_int_equal(info.power.sleep_type_b, 0);
    AML(0, 'x', '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x01, 0x00, 0x00); /* not a definition */
    assert_int_equal(info.power.sleep_type_a, -1);
    AML(0, 0x08, '_', 'S', '5', '_', 0x12, 0xc0); /* ends inside the length */
    assert_int_equal(info.power.sleep_type_a, -1);
    AML(0, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0b, 0x01); /* ends inside a word */
    assert_int_equal(info.power.sleep_type_a, -1);
    AML(0, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x00); /* an empty package */
    assert_int_equal(info.power.sleep_type_a, -1);
    AML(0, 0x08, '_', 'S', '5', '_');
    assert_int_equal(info.power.sleep_type_a, -1);
}

/* Damage anywhere, with the checksum made right again, so that the parsers themselves must cope. */
static void random_damage_is_survived(void **state)
{
    static const paddr_t places[] = {0x1000, 0x7fff0000, 0x200000000, 0x3000, 0x5000, 0x123456000};

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        machine_modern();
        size_t size;
        uint8_t *bytes = table_bytes(places[(size_t)rand() % 6], &size);
        for (unsigned i = 0; i < 3; i++)
            bytes[36 + (size_t)rand() % (size - 36)] = (uint8_t)rand();
        checksum_fix(bytes, size, 9);
        parse();
        assert_true(info.cpu_count <= ACPI_CPUS_MAX && info.ioapic_count <= ACPI_IOAPICS_MAX);
    }
    tables_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modern_machine),
        cmocka_unit_test(old_machine),
        cmocka_unit_test(no_acpi),
        cmocka_unit_test(bad_checksums_make_tables_absent),
        cmocka_unit_test(bad_xsdt_falls_back_to_rsdt),
        cmocka_unit_test(bad_lengths_make_tables_absent),
        cmocka_unit_test(short_tables_are_not_believed),
        cmocka_unit_test(fadt_of_every_length),
        cmocka_unit_test(madt_entries_that_lie),
        cmocka_unit_test(too_many_of_everything),
        cmocka_unit_test(sleep_types),
        cmocka_unit_test(random_damage_is_survived),
    };

    srand(1);
    return cmocka_run_group_tests_name("device_acpi", tests, NULL, NULL);
}
