/* The MADT: processors and interrupt controllers (ACPI 6.4, 5.2.12). */
#include "kernel/debug/log.h"
#include "kernel/device/acpi_table.h"

enum { MADT_LAPIC_ADDRESS = 36, MADT_FLAGS = 40, MADT_ENTRIES = 44 };
#define MADT_PCAT_COMPAT (1u << 0)

/* Entry types, with the length each must have at least. */
enum {
    ENTRY_LAPIC = 0,
    ENTRY_IOAPIC = 1,
    ENTRY_OVERRIDE = 2,
    ENTRY_LAPIC_ADDRESS = 5,
    ENTRY_X2APIC = 9,
};
static const uint8_t entry_length[] = {
    [ENTRY_LAPIC] = 8,          [ENTRY_IOAPIC] = 12, [ENTRY_OVERRIDE] = 10,
    [ENTRY_LAPIC_ADDRESS] = 12, [ENTRY_X2APIC] = 16,
};

#define CPU_ENABLED        (1u << 0)
#define CPU_ONLINE_CAPABLE (1u << 1)
#define LAPIC_ID_NONE      0xffu
#define X2APIC_ID_NONE     UINT32_MAX
#define ISA_IRQS           16

static void cpu_add(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags, bool x2apic)
{
    /* Firmware lists empty sockets too, many of them. */
    if (!(flags & (CPU_ENABLED | CPU_ONLINE_CAPABLE)))
        return;
    for (uint32_t i = 0; i < info->cpu_count; i++) {
        if (info->cpu[i].apic_id == apic_id)
            return;
    }
    if (info->cpu_count == ACPI_CPUS_MAX) {
        info->cpus_left_out++;
        return;
    }
    info->cpu[info->cpu_count++] = (struct acpi_cpu){
        .apic_id = apic_id,
        .acpi_uid = uid,
        .enabled = (flags & CPU_ENABLED) != 0,
        .online_capable = (flags & CPU_ONLINE_CAPABLE) != 0,
        .x2apic = x2apic,
    };
}

static void ioapic_entry(struct acpi_info *info, const uint8_t *entry)
{
    struct acpi_ioapic ioapic = {.id = entry[2], .address = load32(entry + 4), .gsi_base = load32(entry + 8)};

    if (ioapic.address == 0 || info->ioapic_count == ACPI_IOAPICS_MAX)
        log_warning("ACPI: I/O APIC %u at %#lx is left out", ioapic.id, ioapic.address);
    else
        info->ioapic[info->ioapic_count++] = ioapic;
}

static void override_entry(struct acpi_info *info, const uint8_t *entry)
{
    struct acpi_override override = {.irq = entry[3], .gsi = load32(entry + 4), .flags = load16(entry + 8)};

    if (override.irq >= ISA_IRQS || info->override_count == ACPI_OVERRIDES_MAX)
        log_warning("ACPI: override of interrupt %u is left out", override.irq);
    else
        info->override[info->override_count++] = override;
}

/* An entry of a known type, as long as its type demands. */
static void entry_parse(struct acpi_info *info, const uint8_t *entry)
{
    switch (entry[0]) {
    case ENTRY_LAPIC:
        if (entry[3] != LAPIC_ID_NONE)
            cpu_add(info, entry[3], entry[2], load32(entry + 4), false);
        break;
    case ENTRY_X2APIC:
        if (load32(entry + 4) != X2APIC_ID_NONE)
            cpu_add(info, load32(entry + 4), load32(entry + 12), load32(entry + 8), true);
        break;
    case ENTRY_IOAPIC:
        ioapic_entry(info, entry);
        break;
    case ENTRY_OVERRIDE:
        override_entry(info, entry);
        break;
    case ENTRY_LAPIC_ADDRESS:
        info->lapic_address = load64(entry + 4);
        break;
    }
}

void acpi_madt_parse(struct acpi_info *info, const struct acpi_table *madt)
{
    if (madt->length < MADT_ENTRIES) {
        log_warning("ACPI: MADT of %zu bytes is too short", madt->length);
        return;
    }
    info->lapic_address = load32(madt->bytes + MADT_LAPIC_ADDRESS);
    info->pic_present = (load32(madt->bytes + MADT_FLAGS) & MADT_PCAT_COMPAT) != 0;
    size_t at = MADT_ENTRIES;
    while (at + 2 <= madt->length) {
        const uint8_t *entry = madt->bytes + at;
        uint8_t type = entry[0], length = entry[1];
        if (length < 2 || at + length > madt->length) {
            log_warning("ACPI: MADT entry at offset %zu has bad length %u; the rest is ignored", at, length);
            return;
        }
        if (type < sizeof(entry_length) && entry_length[type] != 0) {
            if (length >= entry_length[type])
                entry_parse(info, entry);
            else
                log_warning("ACPI: MADT entry of type %u has bad length %u", type, length);
        }
        at += length;
    }
    if (info->cpus_left_out > 0)
        log_warning("ACPI: %u CPUs are left out: more than %u", info->cpus_left_out, ACPI_CPUS_MAX);
}
