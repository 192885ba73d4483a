/* Time on the running machine, held against the counter it was measured with. */
#include "kernel/device/clock.h"

#include <stddef.h>

#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock_math.h"
#include "kernel/device/clock_source.h"

#define MILLISECOND UINT64_C(1000000)
#define ROUNDS      10000
#define ATTEMPTS    5

/* An emulator on a busy machine may stop between any two instructions: one good attempt in a few is asked for. */
static bool about(uint64_t left, uint64_t right)
{
    uint64_t distance = left > right ? left - right : right - left;

    return distance <= right / 50;
}

SELFTEST(clock_never_goes_back)
{
    uint64_t last = clock_now();

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t now = clock_now();
        CHECK(now >= last);
        last = now;
    }
    CHECK(last > 0);
}

SELFTEST(clock_agrees_with_its_reference)
{
    const struct clock_source *source = clock_reference();
    uint64_t by_clock = 0, by_source = 0;

    CHECK(source != NULL);
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint64_t count = source->read(source), start = clock_now();
        clock_delay(20 * MILLISECOND);
        uint64_t elapsed = clock_counter_delta(count, source->read(source), source->bits);
        by_clock = clock_now() - start;
        by_source = clock_multiply_divide(elapsed, NANOSECONDS, source->hz);
        if (about(by_clock, by_source))
            return;
    }
    CHECK_EQ(by_clock, by_source);
}

SELFTEST(clock_timer_counts_in_nanoseconds)
{
    uint64_t by_clock = 0, by_timer = 0;

    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        bool on = interrupts_disable();
        clock_timer_start(100 * MILLISECOND);
        uint32_t whole = lapic_timer_remaining();
        uint64_t start = clock_now();
        clock_delay(20 * MILLISECOND);
        uint32_t left = lapic_timer_remaining();
        by_clock = clock_now() - start;
        /* The count stands for 100 ms; how much of it is gone? */
        by_timer = whole != 0 ? clock_multiply_divide(whole - left, 100 * MILLISECOND, whole) : 0;
        clock_timer_start(MILLISECOND);
        interrupts_restore(on);
        if (about(by_timer, by_clock))
            return;
    }
    CHECK_EQ(by_timer, by_clock);
}
