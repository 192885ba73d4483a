#include "kernel/device/clock_math.h"

#define PPM                UINT64_C(1000000)
#define ZONE_UNKNOWN       2047 /* EFI_UNSPECIFIED_TIMEZONE */
#define ZONE_MAX           1440
#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR   3600
#define SECONDS_PER_DAY    86400

clock_scale_t clock_scale(uint64_t from_hz, uint64_t to_hz)
{
    if (from_hz == 0)
        return 0;
    /* In two steps: the remainder is less than the smaller of the two, so its shift stays in 64 bits. */
    return ((to_hz / from_hz) << 32) + ((to_hz % from_hz) << 32) / from_hz;
}

uint64_t clock_multiply_divide(uint64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    uint64_t quotient, remainder;

    /* DIV faults when the quotient does not fit. */
    if (high >= c)
        return UINT64_MAX;
    __asm__("divq %4" : "=a"(quotient), "=d"(remainder) : "a"(low), "d"(high), "r"(c) : "cc");
    return quotient;
}

uint64_t clock_counter_delta(uint64_t start, uint64_t end, unsigned bits)
{
    return (end - start) & (UINT64_MAX >> (64 - bits));
}

uint64_t clock_median(uint64_t *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
    return values[count / 2];
}

bool clock_values_agree(const uint64_t *values, size_t count, uint64_t middle, uint64_t ppm)
{
    uint64_t tolerance = clock_multiply_divide(middle, ppm, PPM);

    for (size_t i = 0; i < count; i++) {
        uint64_t distance = values[i] > middle ? values[i] - middle : middle - values[i];
        if (distance > tolerance)
            return false;
    }
    return true;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of a year. */
static uint64_t days_to_year(unsigned year)
{
    unsigned before = year - 1;
    /* 719162 days lie between 0001-01-01 and 1970-01-01. */
    return (uint64_t)before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

uint64_t clock_unix_seconds(const struct boot_time *time)
{
    static const uint16_t days_to_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

    if (!time->valid || time->year < 1970 || time->month < 1 || time->month > 12 || time->day < 1 ||
        time->day > 31 || time->hour > 23 || time->minute > 59 || time->second > 59)
        return 0;
    uint64_t days = days_to_year(time->year) + days_to_month[time->month - 1] + (time->day - 1u);
    if (time->month > 2 && is_leap(time->year))
        days++;
    int64_t seconds = (int64_t)(days * SECONDS_PER_DAY) + time->hour * SECONDS_PER_HOUR +
                      time->minute * SECONDS_PER_MINUTE + time->second;
    /* UEFI 2.10, 8.3: local time = UTC - zone. */
    if (time->zone_minutes != ZONE_UNKNOWN && time->zone_minutes >= -ZONE_MAX &&
        time->zone_minutes <= ZONE_MAX)
        seconds += time->zone_minutes * SECONDS_PER_MINUTE;
    return seconds > 0 ? (uint64_t)seconds : 0;
}
