/* The clocks: never backwards, seen alike through every call, and moving. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define SECOND      INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define READINGS    2000
#define YEAR_2020   INT64_C(1577836800)
#define YEAR_2100   INT64_C(4102444800)
#define APART       (200 * MILLISECOND) /* between two calls that follow each other */

static int64_t clock_read(clockid_t clock)
{
    struct timespec time = {-1, -1};
    check_result("clock_gettime", system_call(SYS_clock_gettime, clock, &time), 0);
    check_that(time.tv_nsec >= 0 && time.tv_nsec < SECOND, "clock %d tells %ld nanoseconds", clock,
               time.tv_nsec);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void never_backwards(clockid_t clock)
{
    int64_t first = clock_read(clock), last = first;
    for (int i = 0; i < READINGS; i++) {
        int64_t time = clock_read(clock);
        if (!check_that(time >= last, "clock %d went back by %ld ns", clock, last - time))
            return;
        last = time;
    }
    check_that(last > first, "clock %d stands still", clock);
}

static void through_every_call(void)
{
    struct timeval by_gettimeofday;
    int64_t by_clock = clock_read(CLOCK_REALTIME);
    check_result("gettimeofday", system_call(SYS_gettimeofday, &by_gettimeofday, NULL), 0);
    int64_t difference = by_gettimeofday.tv_sec * SECOND + by_gettimeofday.tv_usec * 1000 - by_clock;
    check_that(difference > -1000 && difference < APART, "gettimeofday is %ld ns after clock_gettime",
               difference);
    long seconds = system_call(SYS_time, NULL);
    check_that(seconds - by_clock / SECOND >= 0 && seconds - by_clock / SECOND <= 1, "time() says %ld",
               seconds);
    check_that(seconds > YEAR_2020 && seconds < YEAR_2100, "it is %ld seconds after 1970", seconds);

    int64_t coarse = clock_read(CLOCK_MONOTONIC_COARSE), fine = clock_read(CLOCK_MONOTONIC);
    check_that(fine >= coarse && fine - coarse < APART, "the coarse clock is %ld ns behind", fine - coarse);
    int64_t raw = clock_read(CLOCK_MONOTONIC_RAW);
    check_that(raw > 0, "the raw clock tells %ld", raw);
    check_that(clock_read(CLOCK_BOOTTIME) >= fine, "the machine runs for less time than its clock");
}

static int64_t clock_called(clockid_t clock)
{
    struct timespec time = {0};
    check_result("clock_gettime, called", system_call(SYS_clock_gettime, clock, &time), 0);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The library may tell the time without a call (the vDSO): it must be the kernel's. */
static void library_agrees_with_the_kernel(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};

    for (int i = 0; i < 300; i++) {
        clockid_t clock = clocks[i % 3];
        int64_t before = clock_called(clock), here = clock_read(clock), after = clock_called(clock);
        check_that(before <= here && here <= after, "clock %d: %lld is not between %lld and %lld", clock,
                   (long long)here, (long long)before, (long long)after);
    }
    check_that(check_on_linux || getauxval(AT_SYSINFO_EHDR) != 0, "there is no vDSO");
}

static void vdso_write(const void *at)
{
    *(volatile char *)(uintptr_t)at = 1;
}

/* Neither its code nor the kernel's page below it can be changed. */
static void vdso_is_read_only(void)
{
    unsigned long code = getauxval(AT_SYSINFO_EHDR);
    if (code == 0)
        return;
    check_dies("writing the vDSO", SIGSEGV, vdso_write, (const void *)(code + 8));
    check_dies("writing the page below it", SIGSEGV, vdso_write, (const void *)(code - 8));
}

static void nonsense(void)
{
    struct timespec time;
    check_error("clock_gettime of no clock", system_call(SYS_clock_gettime, 1234, &time), EINVAL);
    check_error("clock_getres of no clock", system_call(SYS_clock_getres, 1234, &time), EINVAL);
    check_result("clock_getres", system_call(SYS_clock_getres, CLOCK_MONOTONIC, &time), 0);
    check_that(time.tv_sec == 0 && time.tv_nsec > 0, "the resolution is %ld s %ld ns", time.tv_sec,
               time.tv_nsec);
}

/* A process that computes sees time pass, and is charged for it. */
static void computing_takes_time(void)
{
    int64_t start = clock_read(CLOCK_MONOTONIC), own = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    unsigned long rounds = 0;
    while (clock_read(CLOCK_MONOTONIC) - start < 30 * MILLISECOND)
        rounds++;
    int64_t used = clock_read(CLOCK_PROCESS_CPUTIME_ID) - own;
    check_that(rounds > 0 && used > 0 && used <= clock_read(CLOCK_MONOTONIC) - start + MILLISECOND,
               "30 ms of computing were charged as %ld ns", used);
}

int main(void)
{
    check_begin("check-clock");
    never_backwards(CLOCK_MONOTONIC);
    never_backwards(CLOCK_REALTIME);
    through_every_call();
    computing_takes_time();
    library_agrees_with_the_kernel();
    vdso_is_read_only();
    nonsense();
    return check_verdict();
}
