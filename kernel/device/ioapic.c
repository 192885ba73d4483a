/* I/O APICs (Intel 82093AA, 3.0) and the ISA interrupts behind them (ACPI 6.4, 5.2.12.5). */
#include <asm/errno.h>
#include <stddef.h>

#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/device/lapic_command.h"

/* The two windows in memory, and the registers behind them. */
#define IOAPIC_SELECT      0x00
#define IOAPIC_WINDOW      0x10
#define IOAPIC_VERSION     0x01
#define IOAPIC_REDIRECTION 0x10 /* + 2 * input: low half, then high half */

#define VERSION_INPUTS(v)  ((((v) >> 16) & 0xff) + 1)
#define VERSION_ABSENT     UINT32_MAX
#define INPUTS_MAX         240

/* Redirection entry, low half: fixed delivery to a physical destination is all zeros. */
#define ENTRY_ACTIVE_LOW   (1u << 13)
#define ENTRY_LEVEL        (1u << 15)
#define ENTRY_MASKED       (1u << 16)

/* MPS INTI flags of an override. */
#define INTI_POLARITY      0x3
#define INTI_ACTIVE_LOW    0x3
#define INTI_TRIGGER       0xc
#define INTI_LEVEL         0xc

#define ISA_IRQS           16

static struct ioapic {
    volatile uint8_t *registers;
    uint32_t gsi_base;
    uint32_t inputs;
} ioapics[ACPI_IOAPICS_MAX];
static unsigned ioapic_count;

/* Select and window are two accesses. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_IOAPIC, "ioapic");

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t reg)
{
    *(volatile uint32_t *)(ioapic->registers + IOAPIC_SELECT) = reg;
    return *(volatile uint32_t *)(ioapic->registers + IOAPIC_WINDOW);
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)(ioapic->registers + IOAPIC_SELECT) = reg;
    *(volatile uint32_t *)(ioapic->registers + IOAPIC_WINDOW) = value;
}

void ioapic_add(const struct acpi_ioapic *info, volatile void *registers)
{
    if (ioapic_count == ACPI_IOAPICS_MAX || registers == NULL)
        return;
    struct ioapic *ioapic = &ioapics[ioapic_count];
    *ioapic = (struct ioapic){.registers = registers, .gsi_base = info->gsi_base};
    spinlock_lock(&lock);
    uint32_t version = ioapic_read(ioapic, IOAPIC_VERSION);
    bool usable = version != VERSION_ABSENT && VERSION_INPUTS(version) <= INPUTS_MAX;
    if (usable) {
        ioapic->inputs = VERSION_INPUTS(version);
        for (uint32_t input = 0; input < ioapic->inputs; input++)
            ioapic_write(ioapic, IOAPIC_REDIRECTION + 2 * input, ENTRY_MASKED);
        ioapic_count++;
    }
    spinlock_unlock(&lock);
    if (!usable)
        log_warning("I/O APIC %u at %#lx does not answer: version register %#x", info->id, info->address,
                    version);
}

/* Where an ISA interrupt arrives: an override says so, else at the input of the same number. */
static struct acpi_override isa_source(uint8_t irq)
{
    for (uint32_t i = 0; i < acpi_info.override_count; i++) {
        if (acpi_info.override[i].irq == irq)
            return acpi_info.override[i];
    }
    return (struct acpi_override){.irq = irq, .gsi = irq};
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].inputs)
            return &ioapics[i];
    }
    return NULL;
}

int ioapic_route_isa(uint8_t irq, uint8_t vector, uint32_t apic_id)
{
    struct acpi_override source = isa_source(irq);
    const struct ioapic *ioapic = ioapic_of(source.gsi);
    uint32_t low = vector;

    if (irq >= ISA_IRQS || ioapic == NULL || apic_id >= 1u << (32 - LAPIC_XAPIC_ID_SHIFT))
        return -ENODEV;
    /* "Conforms to the bus" means active high and edge for ISA. */
    if ((source.flags & INTI_POLARITY) == INTI_ACTIVE_LOW)
        low |= ENTRY_ACTIVE_LOW;
    if ((source.flags & INTI_TRIGGER) == INTI_LEVEL)
        low |= ENTRY_LEVEL;
    uint32_t reg = IOAPIC_REDIRECTION + 2 * (source.gsi - ioapic->gsi_base);
    spinlock_lock(&lock);
    ioapic_write(ioapic, reg, ENTRY_MASKED);
    ioapic_write(ioapic, reg + 1, apic_id << LAPIC_XAPIC_ID_SHIFT);
    ioapic_write(ioapic, reg, low);
    spinlock_unlock(&lock);
    return 0;
}

void ioapic_mask_isa(uint8_t irq, bool masked)
{
    uint32_t gsi = isa_source(irq).gsi;
    const struct ioapic *ioapic = ioapic_of(gsi);

    if (irq >= ISA_IRQS || ioapic == NULL)
        return;
    uint32_t reg = IOAPIC_REDIRECTION + 2 * (gsi - ioapic->gsi_base);
    spinlock_lock(&lock);
    uint32_t low = ioapic_read(ioapic, reg) & ~ENTRY_MASKED;
    ioapic_write(ioapic, reg, low | (masked ? ENTRY_MASKED : 0));
    spinlock_unlock(&lock);
}
