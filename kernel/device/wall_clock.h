/* The wall clock: how far the time of day is ahead of clock_now(), and the time zone that is kept for programs. Both are set by programs, at one
 * moment, and read by all of them, mostly without a system call: so one copy, under a sequence counter, which lies in the vDSO's page once there is one.
 *
 * Shared with the functions of the vDSO. Any context may read. */
#ifndef KERNEL_DEVICE_WALL_CLOCK_H
#define KERNEL_DEVICE_WALL_CLOCK_H

#include <stdint.h>

#include "kernel/lib/seqcount.h"

struct wall_clock_setting {
    uint64_t start; /* nanoseconds since 1970-01-01 UTC when clock_now() was 0 */
    int32_t
        minutes_west; /* of Greenwich, and the kind of summer time: struct timezone. The kernel does nothing with them. */
    int32_t summer_time;
};

struct wall_clock {
    struct seqcount sequence;
    struct wall_clock_setting setting; /* atomic, word by word */
};

/* A setting as one change left it. */
static inline struct wall_clock_setting wall_clock_read(const struct wall_clock *clock)
{
    struct wall_clock_setting read;
    uint32_t begun;

    do {
        begun = seqcount_read_begin(&clock->sequence);
        read.start = __atomic_load_n(&clock->setting.start, __ATOMIC_RELAXED);
        read.minutes_west = __atomic_load_n(&clock->setting.minutes_west, __ATOMIC_RELAXED);
        read.summer_time = __atomic_load_n(&clock->setting.summer_time, __ATOMIC_RELAXED);
    } while (seqcount_read_again(&clock->sequence, begun));
    return read;
}

/* The machine's. */
struct wall_clock_setting wall_clock_now(void);

/* Change it: one caller at a time, with a spinlock held. Who sleeps until a time of day is the caller's to wake. */
void wall_clock_set(const struct wall_clock_setting *setting);

/* Keep it at `place` from now on. At start-up, on the boot CPU. */
void wall_clock_move(struct wall_clock *place);

/* The clock_now() at which it is that time of day, as the clock is set now: 0 when that was before the start. */
uint64_t wall_clock_to_monotonic(uint64_t realtime);

#endif
