#include "kernel/device/clock_source.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/port.h"
#include "kernel/cpu/registers.h"

/* --- HPET (IA-PC HPET specification 1.0a, 2.3) --- */

enum { HPET_CAPABILITIES = 0x000, HPET_CONFIGURATION = 0x010, HPET_COUNTER = 0x0f0 };
#define HPET_PERIOD_SHIFT 32                   /* capabilities: femtoseconds per tick */
#define HPET_PERIOD_MAX   UINT64_C(0x05f5e100) /* 100 ns: the longest that is allowed */
#define HPET_PERIOD_MIN   UINT64_C(100000)     /* 10 GHz: less is an absent device */
#define HPET_ENABLE       (UINT64_C(1) << 0)
#define HPET_LEGACY_ROUTE (UINT64_C(1) << 1)
#define FEMTOSECONDS      UINT64_C(1000000000000000)

static uint64_t hpet_read(const struct clock_source *source)
{
    /* The low half alone: whole in one access on 32-bit and 64-bit counters alike. */
    return *(volatile uint32_t *)(source->registers + HPET_COUNTER);
}

int clock_source_hpet(volatile void *registers, struct clock_source *out)
{
    volatile uint8_t *base = registers;

    if (base == NULL)
        return -ENODEV;
    uint64_t period = *(volatile uint64_t *)(base + HPET_CAPABILITIES) >> HPET_PERIOD_SHIFT;
    if (period < HPET_PERIOD_MIN || period > HPET_PERIOD_MAX)
        return -ENODEV;
    volatile uint64_t *configuration = (volatile uint64_t *)(base + HPET_CONFIGURATION);
    *configuration = (*configuration & ~HPET_LEGACY_ROUTE) | HPET_ENABLE;
    *out = (struct clock_source){
        .name = "HPET", .hz = FEMTOSECONDS / period, .bits = 32, .read = hpet_read, .registers = base};
    return 0;
}

/* --- ACPI PM timer (ACPI 6.4, 4.8.3.3) --- */

#define PM_TIMER_HZ UINT64_C(3579545)

static uint64_t pm_timer_read(const struct clock_source *source)
{
    return inl(source->port) & (UINT32_MAX >> (32 - source->bits));
}

int clock_source_pm_timer(uint16_t port, bool wide, struct clock_source *out)
{
    if (port == 0)
        return -ENODEV;
    *out = (struct clock_source){.name = "ACPI PM timer",
                                 .hz = PM_TIMER_HZ,
                                 .bits = wide ? 32 : 24,
                                 .read = pm_timer_read,
                                 .port = port};
    return 0;
}

/* --- the TSC itself, when CPUID says how fast it is --- */

static uint64_t tsc_read(const struct clock_source *source)
{
    (void)source;
    return rdtsc();
}

int clock_source_tsc(uint64_t hz, struct clock_source *out)
{
    if (hz == 0)
        return -ENODEV;
    *out = (struct clock_source){.name = "CPUID", .hz = hz, .bits = 64, .read = tsc_read};
    return 0;
}

/* --- PIT, channel 2 (Intel 8254; its gate is in port 61H of a PC) --- */

#define PIT_CHANNEL_2      0x42
#define PIT_CONTROL        0x43
#define PIT_LATCH_2        0x80 /* hold channel 2's count for reading */
#define PIT_CHANNEL_2_RATE 0xb4 /* channel 2, low byte then high byte, mode 2: counts down, then again */
#define SPEAKER_PORT       0x61
#define SPEAKER_GATE_2     0x01
#define SPEAKER_DATA       0x02
#define PIT_HZ             UINT64_C(1193182)

static uint64_t pit_read(const struct clock_source *source)
{
    (void)source;
    outb(PIT_CONTROL, PIT_LATCH_2);
    uint16_t low = inb(PIT_CHANNEL_2);
    uint16_t count = (uint16_t)(inb(PIT_CHANNEL_2) << 8 | low);
    return (uint16_t)-count;
}

int clock_source_pit(struct clock_source *out)
{
    outb(SPEAKER_PORT, (uint8_t)((inb(SPEAKER_PORT) & ~SPEAKER_DATA) | SPEAKER_GATE_2));
    outb(PIT_CONTROL, PIT_CHANNEL_2_RATE);
    outb(PIT_CHANNEL_2, 0); /* 0 counts as 65536 */
    outb(PIT_CHANNEL_2, 0);
    *out = (struct clock_source){.name = "PIT", .hz = PIT_HZ, .bits = 16, .read = pit_read};
    return 0;
}
