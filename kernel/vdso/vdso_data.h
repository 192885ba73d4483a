/* What the kernel tells the functions that programs call without entering it: one page, read-only for programs, right below the functions. Filled once, before the first program, but for the wall clock. */
#ifndef KERNEL_VDSO_VDSO_DATA_H
#define KERNEL_VDSO_VDSO_DATA_H

#include <stdint.h>

#include "kernel/device/wall_clock.h"

struct vdso_data {
    uint64_t steady;    /* not 0: the TSC may be read by anyone; else ask the kernel */
    uint64_t tsc_start; /* nanosecond 0 of the monotonic clock */
    uint64_t scale;     /* ticks to nanoseconds, 32.32 fixed point */
    struct wall_clock wall_clock;
};

#endif
