/* From the RSDP to the tables (ACPI 6.4, 5.2.5 to 5.2.8). */
#include "kernel/device/acpi.h"

#include "kernel/debug/log.h"
#include "kernel/device/acpi_table.h"

/* RSDP (5.2.5.3). Revision 0 ends before the length. */
enum {
    RSDP_REVISION = 15,
    RSDP_RSDT = 16,
    RSDP_LENGTH = 20,
    RSDP_SIZE_1 = 20,
    RSDP_XSDT = 24,
    RSDP_SIZE_2 = 36,
};
#define RSDP_SIGNATURE "RSD PTR "

/* HPET description table (IA-PC HPET 1.0a, 3.2.4) and MCFG (PCI Firmware 3.3, 4.1.2). */
enum { HPET_ADDRESS = 40, HPET_SIZE = 56 };
enum { MCFG_ENTRIES = 44, MCFG_ENTRY_SIZE = 16, MCFG_SEGMENT = 8, MCFG_FIRST_BUS = 10, MCFG_LAST_BUS = 11 };

/* No real table comes near; a length beyond is garbage. */
#define TABLE_LENGTH_MAX (64u << 20)

struct acpi_info acpi_info;

static bool checksum_right(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;

    while (size-- > 0)
        sum += *bytes++;
    return sum == 0;
}

bool acpi_table_find(acpi_read *read, paddr_t pa, const char *signature, struct acpi_table *out)
{
    const uint8_t *header = pa != 0 ? read(pa, ACPI_HEADER_SIZE) : NULL;

    if (header == NULL) {
        log_warning("ACPI: no readable table at %#lx", pa);
        return false;
    }
    if (signature != NULL && memcmp(header, signature, 4) != 0) {
        log_warning("ACPI: no %s table at %#lx", signature, pa);
        return false;
    }
    uint32_t length = load32(header + ACPI_HEADER_LENGTH);
    const uint8_t *bytes = NULL;
    if (length >= ACPI_HEADER_SIZE && length <= TABLE_LENGTH_MAX && pa + length > pa)
        bytes = read(pa, length);
    if (bytes == NULL || !checksum_right(bytes, length)) {
        log_warning("ACPI: table %.4s at %#lx is ignored: bad %s (length %u)", (const char *)header, pa,
                    bytes == NULL ? "length" : "checksum", length);
        return false;
    }
    *out = (struct acpi_table){.bytes = bytes, .length = length};
    return true;
}

static void hpet_parse(struct acpi_info *info, const struct acpi_table *hpet)
{
    if (hpet->length < HPET_SIZE || hpet->bytes[HPET_ADDRESS + GAS_SPACE] != GAS_SPACE_MEMORY)
        return;
    info->hpet_address = load64(hpet->bytes + HPET_ADDRESS + GAS_ADDRESS);
}

static void mcfg_parse(struct acpi_info *info, const struct acpi_table *mcfg)
{
    for (size_t at = MCFG_ENTRIES; at + MCFG_ENTRY_SIZE <= mcfg->length && info->ecam_count < ACPI_ECAMS_MAX;
         at += MCFG_ENTRY_SIZE) {
        const uint8_t *entry = mcfg->bytes + at;
        struct acpi_ecam ecam = {
            .base = load64(entry),
            .segment = load16(entry + MCFG_SEGMENT),
            .first_bus = entry[MCFG_FIRST_BUS],
            .last_bus = entry[MCFG_LAST_BUS],
        };
        if (ecam.base != 0 && ecam.first_bus <= ecam.last_bus)
            info->ecam[info->ecam_count++] = ecam;
    }
}

/* Which of the tables were met: of each kind the first counts, except SSDTs. */
struct seen {
    bool madt, fadt, hpet, mcfg;
};

static bool signature_is(const uint8_t *header, const char *signature)
{
    return memcmp(header, signature, 4) == 0;
}

static void table_dispatch(struct acpi_info *info, paddr_t pa, acpi_read *read, struct seen *seen)
{
    const uint8_t *header = pa != 0 ? read(pa, ACPI_HEADER_SIZE) : NULL;
    struct acpi_table table;

    if (header == NULL)
        return;
    if (signature_is(header, "APIC") && !seen->madt && acpi_table_find(read, pa, "APIC", &table)) {
        seen->madt = true;
        acpi_madt_parse(info, &table);
    } else if (signature_is(header, "FACP") && !seen->fadt && acpi_table_find(read, pa, "FACP", &table)) {
        seen->fadt = true;
        acpi_fadt_parse(info, &table, read);
    } else if (signature_is(header, "HPET") && !seen->hpet && acpi_table_find(read, pa, "HPET", &table)) {
        seen->hpet = true;
        hpet_parse(info, &table);
    } else if (signature_is(header, "MCFG") && !seen->mcfg && acpi_table_find(read, pa, "MCFG", &table)) {
        seen->mcfg = true;
        mcfg_parse(info, &table);
    } else if (signature_is(header, "SSDT") && info->power.sleep_type_a < 0 &&
               acpi_table_find(read, pa, "SSDT", &table)) {
        acpi_sleep_find(&info->power, &table);
    }
}

static bool root_walk(struct acpi_info *info, paddr_t pa, const char *signature, size_t entry_size,
                      acpi_read *read)
{
    struct acpi_table root;
    struct seen seen = {0};

    if (!acpi_table_find(read, pa, signature, &root))
        return false;
    for (size_t at = ACPI_HEADER_SIZE; at + entry_size <= root.length; at += entry_size) {
        paddr_t table = entry_size == sizeof(uint64_t) ? load64(root.bytes + at) : load32(root.bytes + at);
        table_dispatch(info, table, read, &seen);
    }
    return true;
}

void acpi_parse(struct acpi_info *info, paddr_t rsdp, acpi_read *read)
{
    *info = (struct acpi_info){
        .pic_present = true,
        .i8042_present = true,
        .power = {.sleep_type_a = -1, .sleep_type_b = -1},
    };
    if (rsdp == 0)
        return;
    const uint8_t *first = read(rsdp, RSDP_SIZE_1);
    if (first == NULL || memcmp(first, RSDP_SIGNATURE, sizeof(RSDP_SIGNATURE) - 1) != 0 ||
        !checksum_right(first, RSDP_SIZE_1)) {
        log_warning("ACPI: no root pointer at %#lx", rsdp);
        return;
    }
    if (first[RSDP_REVISION] >= 2) {
        const uint8_t *whole = read(rsdp, RSDP_SIZE_2);
        if (whole != NULL && load32(whole + RSDP_LENGTH) >= RSDP_SIZE_2 &&
            checksum_right(whole, RSDP_SIZE_2)) {
            paddr_t xsdt = load64(whole + RSDP_XSDT);
            info->present = xsdt != 0 && root_walk(info, xsdt, "XSDT", sizeof(uint64_t), read);
        }
    }
    /* Revision 0, or firmware whose XSDT is not usable. */
    if (!info->present)
        info->present = root_walk(info, load32(first + RSDP_RSDT), "RSDT", sizeof(uint32_t), read);
}

void acpi_start(paddr_t rsdp, acpi_read *read)
{
    struct acpi_info *info = &acpi_info;

    acpi_parse(info, rsdp, read);
    if (!info->present) {
        log_warning("ACPI: none; assuming the devices of an old PC");
        return;
    }
    log_info("ACPI: %u CPUs, %u I/O APICs, local APIC %#lx, HPET %#lx, PM timer port %#x%s", info->cpu_count,
             info->ioapic_count, info->lapic_address, info->hpet_address, info->pm_timer_port,
             info->i8042_present ? "" : ", no 8042");
}
