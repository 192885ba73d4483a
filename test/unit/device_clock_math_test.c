/* Clock arithmetic against wide integers and the C library's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "kernel/device/clock_math.h"
#include "kernel/device/lapic_command.h"

#define NANOSECONDS 1000000000ull

typedef unsigned __int128 wide;

static uint64_t random64(void)
{
    uint64_t value = (uint64_t)rand() << 62 ^ (uint64_t)rand() << 31 ^ (uint64_t)rand();

    return value >> rand() % 64;
}

static void multiply_divide_is_exact(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        uint64_t a = random64(), b = random64(), c = random64();
        wide expected = c == 0 ? UINT64_MAX : (wide)a * b / c;
        assert_true(clock_multiply_divide(a, b, c) ==
                    (expected > UINT64_MAX ? UINT64_MAX : (uint64_t)expected));
    }
    assert_true(clock_multiply_divide(1, 1, 0) == UINT64_MAX);
}

/* A year of nanoseconds at every frequency: off by no more than what 2^-32 in the factor makes. */
static void scaling_is_close(void **state)
{
    static const uint64_t frequencies[] = {1000000,    3579545,    14318180,   24000000,   25000000,
                                           100000000,  999999999,  1000000000, 2400000000, 2899888000,
                                           4300000000, 5700000000, 60000000000};

    (void)state;
    for (size_t i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
        uint64_t hz = frequencies[i];
        clock_scale_t to_ns = clock_scale(hz, NANOSECONDS), from_ns = clock_scale(NANOSECONDS, hz);
        for (uint64_t seconds = 1; seconds < 31536000; seconds = seconds * 7 + 1) {
            uint64_t ns = clock_apply(to_ns, seconds * hz);
            uint64_t exact = seconds * NANOSECONDS;
            uint64_t allowed = (uint64_t)((wide)seconds * hz >> 32) + 1;
            assert_true(ns <= exact && exact - ns <= allowed);
            uint64_t ticks = clock_apply(from_ns, exact);
            assert_true(ticks <= seconds * hz && seconds * hz - ticks <= (exact >> 32) + 1);
        }
    }
    assert_int_equal(clock_scale(0, NANOSECONDS), 0);
    assert_true(clock_apply(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    /* Tens of years of a fast TSC do not overflow. */
    uint64_t years = clock_apply(clock_scale(5000000000, NANOSECONDS), UINT64_MAX);
    assert_true(years / NANOSECONDS / 31536000 == 116);
}

static void counters_wrap(void **state)
{
    (void)state;
    assert_int_equal(clock_counter_delta(0xfffff0, 0x10, 24), 0x20);
    assert_int_equal(clock_counter_delta(0xfffffff0, 0x10, 32), 0x20);
    assert_int_equal(clock_counter_delta(0xfff0, 0x10, 16), 0x20);
    assert_int_equal(clock_counter_delta(UINT64_MAX, 0x10, 64), 0x11);
    assert_int_equal(clock_counter_delta(5, 5, 24), 0);
}

static void medians(void **state)
{
    uint64_t values[] = {900, 100, 101, 1, 99};

    (void)state;
    assert_int_equal(clock_median(values, 5), 100);
    assert_int_equal(clock_median(values, 1), 1);
    uint64_t close[] = {1000000, 1000100, 999900};
    assert_true(clock_values_agree(close, 3, 1000000, 100));
    assert_false(clock_values_agree(close, 3, 1000000, 99));
}

static void calendar_agrees(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    for (unsigned round = 0; round < 100000; round++) {
        time_t seconds = (time_t)(random64() % (250ull * 31557600));
        struct tm tm;
        gmtime_r(&seconds, &tm);
        struct boot_time time = {.year = (uint16_t)(tm.tm_year + 1900),
                                 .month = (uint8_t)(tm.tm_mon + 1),
                                 .day = (uint8_t)tm.tm_mday,
                                 .hour = (uint8_t)tm.tm_hour,
                                 .minute = (uint8_t)tm.tm_min,
                                 .second = (uint8_t)tm.tm_sec,
                                 .valid = 1,
                                 .zone_minutes = 2047};
        assert_true(clock_unix_seconds(&time) == (uint64_t)seconds);
    }
}

static void odd_times(void **state)
{
    struct boot_time time = {.year = 2026, .month = 1, .day = 1, .hour = 1, .valid = 1, .zone_minutes = -60};

    (void)state;
    /* 01:00 in Paris, where UTC = local time - 60 minutes. */
    assert_int_equal(clock_unix_seconds(&time), 1767225600);
    time.zone_minutes = 30000;
    assert_int_equal(clock_unix_seconds(&time), 1767225600 + 3600);
    time.month = 13;
    assert_int_equal(clock_unix_seconds(&time), 0);
    time.month = 0;
    assert_int_equal(clock_unix_seconds(&time), 0);
    time = (struct boot_time){0};
    assert_int_equal(clock_unix_seconds(&time), 0);
    time = (struct boot_time){.year = 1970, .month = 1, .day = 1, .valid = 1, .zone_minutes = -60};
    assert_int_equal(clock_unix_seconds(&time), 0);
}

/* SDM 11.6.1: destination in bits 63:56; 11.12.9: in 63:32. */
static void interrupt_commands(void **state)
{
    uint32_t low = LAPIC_COMMAND_STARTUP | LAPIC_COMMAND_ASSERT | 0x9a;

    (void)state;
    assert_true(low == 0x469a);
    assert_true(lapic_command(false, 3, low) == 0x030000000000469a);
    assert_true(lapic_command(true, 3, low) == 0x000000030000469a);
    assert_true(lapic_command(true, 0x12345, low) == 0x000123450000469a);
    assert_true((LAPIC_COMMAND_INIT | LAPIC_COMMAND_ASSERT | LAPIC_COMMAND_LEVEL) == 0xc500);
    assert_true((LAPIC_COMMAND_FIXED | LAPIC_COMMAND_OTHERS | LAPIC_COMMAND_ASSERT) == 0xc4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiply_divide_is_exact),
        cmocka_unit_test(scaling_is_close),
        cmocka_unit_test(counters_wrap),
        cmocka_unit_test(medians),
        cmocka_unit_test(calendar_agrees),
        cmocka_unit_test(odd_times),
        cmocka_unit_test(interrupt_commands),
    };

    srand(1);
    return cmocka_run_group_tests_name("device_clock_math", tests, NULL, NULL);
}
