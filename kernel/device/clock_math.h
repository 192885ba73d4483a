/* The arithmetic of clocks: pure, so that it is tested on the host over every frequency a machine might have. */
#ifndef KERNEL_DEVICE_CLOCK_MATH_H
#define KERNEL_DEVICE_CLOCK_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "efi/boot_info.h"

/* A factor as 32.32 fixed point. */
typedef uint64_t clock_scale_t;

/* The factor that turns counts at `from_hz` into counts at `to_hz`; both below 2^36, and the smaller of them below 2^32. 0 when `from_hz` is 0. */
clock_scale_t clock_scale(uint64_t from_hz, uint64_t to_hz);

/* counts * scale, in 96 bits; 2^64-1 when the result does not fit. */
static inline uint64_t clock_apply(clock_scale_t scale, uint64_t counts)
{
    unsigned __int128 product = (unsigned __int128)scale * counts >> 32;

    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

/* a * b / c with 128 bits between; 2^64-1 when the result does not fit or c is 0. */
uint64_t clock_multiply_divide(uint64_t a, uint64_t b, uint64_t c);

/* From `start` to `end` of a counter that wraps at `bits` (1..64). */
uint64_t clock_counter_delta(uint64_t start, uint64_t end, unsigned bits);

/* The middle one of `count` (> 0) values; sorts them. */
uint64_t clock_median(uint64_t *values, size_t count);

/* Do all values lie within `ppm` parts per million of `middle`? */
bool clock_values_agree(const uint64_t *values, size_t count, uint64_t middle, uint64_t ppm);

/* Seconds since 1970-01-01 UTC; 0 for a time that is not valid or lies before. A local time of unknown zone is taken as UTC. */
uint64_t clock_unix_seconds(const struct boot_time *time);

#endif
