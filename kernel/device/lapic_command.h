/* The local APIC's interrupt command register as a number (SDM vol. 3A, 11.6.1 and 11.12.9). Pure. */
#ifndef KERNEL_DEVICE_LAPIC_COMMAND_H
#define KERNEL_DEVICE_LAPIC_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_COMMAND_FIXED   (0u << 8)
#define LAPIC_COMMAND_INIT    (5u << 8)
#define LAPIC_COMMAND_STARTUP (6u << 8)
#define LAPIC_COMMAND_PENDING (1u << 12) /* delivery status; always clear in x2APIC mode */
#define LAPIC_COMMAND_ASSERT  (1u << 14)
#define LAPIC_COMMAND_LEVEL   (1u << 15)
#define LAPIC_COMMAND_OTHERS  (3u << 18)

/* An xAPIC id has eight bits, at the top of its registers. */
#define LAPIC_XAPIC_ID_SHIFT  24

/* The whole register for one destination: its id fills the upper half in x2APIC mode, the upper byte in xAPIC mode. */
static inline uint64_t lapic_command(bool x2apic, uint32_t apic_id, uint32_t low)
{
    uint64_t destination = x2apic ? apic_id : (uint32_t)(apic_id << LAPIC_XAPIC_ID_SHIFT);

    return destination << 32 | low;
}

#endif
