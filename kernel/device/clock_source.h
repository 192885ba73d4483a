/* Counters of known frequency that the TSC and the local APIC's timer are measured against. */
#ifndef KERNEL_DEVICE_CLOCK_SOURCE_H
#define KERNEL_DEVICE_CLOCK_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "paging/types.h"

struct clock_source {
    const char *name;
    uint64_t hz;
    unsigned bits; /* where it wraps */
    uint64_t (*read)(const struct clock_source *source);
    volatile uint8_t *registers; /* HPET */
    uint16_t port;               /* PM timer */
};

/* Each prepares its device and fills `out`; -ENODEV when the machine has none. Whether it really counts shows in the measurement. */
int must_check clock_source_hpet(volatile void *registers, struct clock_source *out);
int must_check clock_source_pm_timer(uint16_t port, bool wide, struct clock_source *out);
int must_check clock_source_tsc(uint64_t hz, struct clock_source *out);
int must_check clock_source_pit(struct clock_source *out);

/* What clock_start() chose; NULL when nothing counted. */
const struct clock_source *clock_reference(void);

#endif
