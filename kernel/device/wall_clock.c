/* See wall_clock.h. */
#include "kernel/device/wall_clock.h"

static struct wall_clock first;
static struct wall_clock *the_clock = &first;

static struct wall_clock *current(void)
{
    return __atomic_load_n(&the_clock, __ATOMIC_ACQUIRE);
}

struct wall_clock_setting wall_clock_now(void)
{
    return wall_clock_read(current());
}

void wall_clock_set(const struct wall_clock_setting *setting)
{
    struct wall_clock *clock = current();

    seqcount_write_begin(&clock->sequence);
    __atomic_store_n(&clock->setting.start, setting->start, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->setting.minutes_west, setting->minutes_west, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->setting.summer_time, setting->summer_time, __ATOMIC_RELAXED);
    seqcount_write_end(&clock->sequence);
}

void wall_clock_move(struct wall_clock *place)
{
    *place = (struct wall_clock){.setting = wall_clock_now()};
    __atomic_store_n(&the_clock, place, __ATOMIC_RELEASE);
}

uint64_t wall_clock_to_monotonic(uint64_t realtime)
{
    uint64_t start = wall_clock_now().start;

    return realtime > start ? realtime - start : 0;
}
