/* The FADT: fixed hardware, power and what a PC may lack (ACPI 6.4, 5.2.9). Every version's table is the beginning of the next one's,
 * so a field exists when the length covers it. */
#include "kernel/device/acpi_table.h"

enum {
    FADT_DSDT = 40,
    FADT_SMI_COMMAND = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_PM1A_CONTROL = 64,
    FADT_PM1B_CONTROL = 68,
    FADT_PM_TIMER = 76,
    FADT_PM_TIMER_LENGTH = 91,
    FADT_CENTURY = 108,
    FADT_BOOT_ARCHITECTURE = 109,
    FADT_FLAGS = 112,
    FADT_SIZE_1 = 116,
    FADT_RESET = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CONTROL = 172,
    FADT_X_PM1B_CONTROL = 184,
    FADT_X_PM_TIMER = 208,
    FADT_SLEEP_CONTROL = 244,
};

#define FLAG_TIMER_32_BIT     (1u << 8)
#define FLAG_RESET_SUPPORTED  (1u << 10)
#define FLAG_HARDWARE_REDUCED (1u << 20)

#define BOOT_8042             (1u << 1)
#define BOOT_VGA_ABSENT       (1u << 2)
#define BOOT_MSI_UNSUPPORTED  (1u << 3)
/* From this table revision on the boot architecture flags mean something. */
#define REVISION_BOOT_FLAGS   3
#define PM_TIMER_LENGTH       4
#define PORT_MAX              0xffff

static bool covers(const struct acpi_table *fadt, size_t offset, size_t size)
{
    return offset + size <= fadt->length;
}

/* A register block's I/O port: the extended field when it names one, else the old one; 0: none. */
static uint16_t port_read(const struct acpi_table *fadt, size_t old, size_t extended)
{
    uint64_t port = load32(fadt->bytes + old);

    if (covers(fadt, extended, GAS_SIZE) && fadt->bytes[extended + GAS_SPACE] == GAS_SPACE_IO &&
        load64(fadt->bytes + extended + GAS_ADDRESS) != 0)
        port = load64(fadt->bytes + extended + GAS_ADDRESS);
    return port <= PORT_MAX ? (uint16_t)port : 0;
}

static void power_parse(struct acpi_power *power, const struct acpi_table *fadt, uint32_t flags)
{
    const uint8_t *bytes = fadt->bytes;

    power->hardware_reduced = (flags & FLAG_HARDWARE_REDUCED) != 0;
    power->smi_command = load32(bytes + FADT_SMI_COMMAND);
    if (power->smi_command > PORT_MAX)
        power->smi_command = 0;
    power->acpi_enable = bytes[FADT_ACPI_ENABLE];
    if (!power->hardware_reduced) {
        power->pm1a_control = port_read(fadt, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
        power->pm1b_control = port_read(fadt, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
    } else if (covers(fadt, FADT_SLEEP_CONTROL, GAS_SIZE) &&
               bytes[FADT_SLEEP_CONTROL + GAS_SPACE] == GAS_SPACE_IO &&
               load64(bytes + FADT_SLEEP_CONTROL + GAS_ADDRESS) <= PORT_MAX) {
        power->sleep_control = (uint16_t)load64(bytes + FADT_SLEEP_CONTROL + GAS_ADDRESS);
    }
    if ((flags & FLAG_RESET_SUPPORTED) && covers(fadt, FADT_RESET_VALUE, 1)) {
        power->reset_space = bytes[FADT_RESET + GAS_SPACE];
        power->reset_address = load64(bytes + FADT_RESET + GAS_ADDRESS);
        power->reset_value = bytes[FADT_RESET_VALUE];
        power->reset_supported = power->reset_address != 0 && power->reset_space <= GAS_SPACE_PCI;
    }
}

static void dsdt_parse(struct acpi_info *info, const struct acpi_table *fadt, acpi_read *read)
{
    struct acpi_table dsdt;
    paddr_t pa = load32(fadt->bytes + FADT_DSDT);

    if (covers(fadt, FADT_X_DSDT, sizeof(uint64_t)) && load64(fadt->bytes + FADT_X_DSDT) != 0)
        pa = load64(fadt->bytes + FADT_X_DSDT);
    if (acpi_table_find(read, pa, "DSDT", &dsdt))
        acpi_sleep_find(&info->power, &dsdt);
}

void acpi_fadt_parse(struct acpi_info *info, const struct acpi_table *fadt, acpi_read *read)
{
    const uint8_t *bytes = fadt->bytes;

    if (!covers(fadt, 0, FADT_SIZE_1))
        return;
    uint32_t flags = load32(bytes + FADT_FLAGS);
    info->century_register = bytes[FADT_CENTURY];
    if (bytes[FADT_PM_TIMER_LENGTH] == PM_TIMER_LENGTH && !(flags & FLAG_HARDWARE_REDUCED)) {
        info->pm_timer_port = port_read(fadt, FADT_PM_TIMER, FADT_X_PM_TIMER);
        info->pm_timer_32_bit = (flags & FLAG_TIMER_32_BIT) != 0;
    }
    if (bytes[ACPI_HEADER_REVISION] >= REVISION_BOOT_FLAGS) {
        uint16_t boot = load16(bytes + FADT_BOOT_ARCHITECTURE);
        info->i8042_present = (boot & BOOT_8042) != 0;
        info->vga_absent = (boot & BOOT_VGA_ABSENT) != 0;
        info->msi_unsupported = (boot & BOOT_MSI_UNSUPPORTED) != 0;
    }
    power_parse(&info->power, fadt, flags);
    dsdt_parse(info, fadt, read);
}
