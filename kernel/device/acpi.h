/* The ACPI tables Quire reads: RSDP, XSDT or RSDT, MADT, FADT, HPET, MCFG (ACPI 6.4, chapter 5). Everything in them is untrusted:
 * signatures, lengths and checksums are verified, entries that lie outside RAM-backed ranges are refused, a bad table is logged and treated as absent. */
#ifndef KERNEL_DEVICE_ACPI_H
#define KERNEL_DEVICE_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

/* How to reach a physical range that holds a table; NULL when it is not readable memory. */
typedef const void *acpi_read(paddr_t pa, size_t size);

#define ACPI_CPUS_MAX      256
#define ACPI_IOAPICS_MAX   16
#define ACPI_OVERRIDES_MAX 32
#define ACPI_ECAMS_MAX     8

struct acpi_cpu {
    uint32_t apic_id;
    uint32_t acpi_uid;
    bool enabled;
    bool online_capable;
    bool x2apic; /* came from an x2APIC entry */
};

struct acpi_ioapic {
    uint32_t id, gsi_base;
    paddr_t address;
};

/* ISA interrupt `irq` arrives at `gsi` with these MPS INTI flags (ACPI 6.4, 5.2.12.5). */
struct acpi_override {
    uint8_t irq;
    uint16_t flags;
    uint32_t gsi;
};

/* One PCI segment's configuration space in memory (MCFG; PCI Firmware 3.3, 4.1.2). */
struct acpi_ecam {
    paddr_t base; /* of bus 0, whether that bus is in the range or not */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

struct acpi_power {
    uint16_t pm1a_control, pm1b_control; /* I/O ports, 0: none */
    uint16_t sleep_control;              /* hardware-reduced machines: the I/O port used instead, 0: none */
    bool hardware_reduced;
    uint32_t
        smi_command; /* I/O port that takes `acpi_enable` while the firmware still owns power management, 0: none */
    uint8_t acpi_enable;
    int sleep_type_a, sleep_type_b; /* SLP_TYP for S5 from \_S5 in the DSDT; -1: unknown */
    bool reset_supported;
    uint8_t reset_space; /* generic address space id: 0 memory, 1 I/O, 2 PCI configuration */
    uint64_t reset_address;
    uint8_t reset_value;
};

struct acpi_info {
    bool present;
    uint32_t cpu_count;
    struct acpi_cpu cpu[ACPI_CPUS_MAX];
    uint32_t cpus_left_out; /* entries for which there was no place */
    uint32_t ioapic_count;
    struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
    uint32_t override_count;
    struct acpi_override override[ACPI_OVERRIDES_MAX];
    paddr_t lapic_address; /* 0: MADT absent */
    bool pic_present;      /* MADT PCAT_COMPAT */
    bool i8042_present;    /* FADT IAPC_BOOT_ARCH; true when FADT is too old to say */
    bool vga_absent, msi_unsupported;
    paddr_t hpet_address;   /* 0: none */
    uint16_t pm_timer_port; /* 0: none */
    bool pm_timer_32_bit;
    uint32_t ecam_count;
    struct acpi_ecam ecam[ACPI_ECAMS_MAX];
    uint8_t century_register; /* of the CMOS clock, 0: none */
    struct acpi_power power;
};

extern struct acpi_info acpi_info;

/* Parse into `info`, which is overwritten. Pure but for log lines about what is wrong. */
void acpi_parse(struct acpi_info *info, paddr_t rsdp, acpi_read *read);

/* Read everything into acpi_info, once, and log what was found. `rsdp` 0: no ACPI; acpi_info then says what a PC without it has. */
void acpi_start(paddr_t rsdp, acpi_read *read);

#endif
