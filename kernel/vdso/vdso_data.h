/* What the kernel tells the functions that programs call without entering it: one page, read-only for programs, right below the functions. Filled once, before the first program. */
#ifndef KERNEL_VDSO_VDSO_DATA_H
#define KERNEL_VDSO_VDSO_DATA_H

#include <stdint.h>

struct vdso_data {
    uint64_t steady;         /* not 0: the TSC may be read by anyone; else ask the kernel */
    uint64_t tsc_start;      /* nanosecond 0 of the monotonic clock */
    uint64_t scale;          /* ticks to nanoseconds, 32.32 fixed point */
    uint64_t realtime_start; /* nanoseconds since 1970 at tsc_start */
};

#endif
