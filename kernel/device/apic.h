/* Local APIC, I/O APIC and the legacy PICs (SDM vol. 3A, chapter 11; Intel 82093AA).
 *
 * The local APIC is used through its registers (xAPIC) or MSRs (x2APIC) according to IA32_APIC_BASE as found. Functions act on the
 * calling CPU; interrupts off or a CPU that cannot change. */
#ifndef KERNEL_DEVICE_APIC_H
#define KERNEL_DEVICE_APIC_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/device/acpi.h"
#include "paging/types.h"

/* Mask both 8259s for good, moved to vectors 0x20-0x2f so that a spurious one is recognised. */
void pic_disable(void);

/* Switch this CPU's local APIC on: spurious vector, LINTs, error vector, TPR 0. `registers` is its mapped page. 0; -ENODEV when the CPU has none. */
int lapic_start(volatile void *registers);
bool lapic_x2apic(void);
/* Switch the boot CPU to x2APIC mode, which cpu_features has, before other CPUs are started: they follow. */
void lapic_x2apic_enter(void);
uint32_t lapic_id(void);
void lapic_end_of_interrupt(void);

/* The timer counts down from `count` once and raises VECTOR_TIMER; 0 stops it. Divider 1; clock.h has the same in nanoseconds. */
void lapic_timer_start(uint32_t count);
/* Count down from 2^32 - 1 without raising anything, to be measured. */
void lapic_timer_measure(void);
/* What is left of the count; 0 without a local APIC. */
uint32_t lapic_timer_remaining(void);

/* Inter-processor interrupts: fixed vector to one CPU or all others; INIT and SIPI (page = physical address >> 12 of the start code). */
void lapic_send(uint32_t apic_id, uint8_t vector);
void lapic_send_others(uint8_t vector);
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint8_t page);

/* Add one I/O APIC with its mapped registers; all its inputs are masked. */
void ioapic_add(const struct acpi_ioapic *ioapic, volatile void *registers);

/* Send ISA interrupt `irq` (0..15) to `vector` on CPU `apic_id`, polarity and trigger from the MADT. -ENODEV when no I/O APIC has it. */
int must_check ioapic_route_isa(uint8_t irq, uint8_t vector, uint32_t apic_id);
void ioapic_mask_isa(uint8_t irq, bool masked);

#endif
