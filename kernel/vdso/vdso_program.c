/* Functions of the kernel that run in user mode: the time, without a system call. A shared object by itself, found by the C libraries under Linux's names; it may use nothing but its
 * own code and the page below it. What it does not know it asks the kernel. */
#include <asm/unistd.h>
#include <linux/time.h>

#include "kernel/vdso/vdso_data.h"

#define PAGE             4096
#define NANOSECONDS      1000000000u
#define MICROSECONDS     1000u

#define EXPORT           __attribute__((visibility("default")))

/* Clocks by number, a bit each. */
#define CLOCK_BIT(clock) (1u << (clock))
#define CLOCKS_REALTIME  (CLOCK_BIT(CLOCK_REALTIME) | CLOCK_BIT(CLOCK_REALTIME_COARSE) | CLOCK_BIT(CLOCK_TAI))
#define CLOCKS_MONOTONIC                                                                                     \
    (CLOCK_BIT(CLOCK_MONOTONIC) | CLOCK_BIT(CLOCK_MONOTONIC_RAW) | CLOCK_BIT(CLOCK_MONOTONIC_COARSE) |       \
     CLOCK_BIT(CLOCK_BOOTTIME))

/* The linker's name for the beginning of this object. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

EXPORT int __vdso_clock_gettime(int clock, struct timespec *to);
EXPORT int __vdso_gettimeofday(struct timeval *to, struct timezone *zone);
EXPORT long __vdso_time(long *to);

static const struct vdso_data *data(void)
{
    return (const struct vdso_data *)(__ehdr_start - PAGE);
}

static long kernel_call(long number, long first, long second)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second)
                     : "rcx", "r11", "memory");
    return result;
}

/* clock_now() of the kernel. LFENCE: not before what came earlier (SDM vol. 2B, RDTSC). */
static uint64_t monotonic(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    uint64_t ticks = ((uint64_t)high << 32 | low) - data()->tsc_start;
    return (uint64_t)((unsigned __int128)ticks * data()->scale >> 32);
}

int __vdso_clock_gettime(int clock, struct timespec *to)
{
    uint32_t bit = (uint32_t)clock < 32 ? CLOCK_BIT(clock) : 0;
    uint64_t time = 0;

    if (!data()->steady || !(bit & (CLOCKS_REALTIME | CLOCKS_MONOTONIC)))
        return (int)kernel_call(__NR_clock_gettime, clock, (long)to);
    if (bit & CLOCKS_REALTIME)
        time = wall_clock_read(&data()->wall_clock).start;
    time += monotonic();
    to->tv_sec = (long)(time / NANOSECONDS);
    to->tv_nsec = (long)(time % NANOSECONDS);
    return 0;
}

int __vdso_gettimeofday(struct timeval *to, struct timezone *zone)
{
    if (!data()->steady)
        return (int)kernel_call(__NR_gettimeofday, (long)to, (long)zone);
    struct wall_clock_setting setting = wall_clock_read(&data()->wall_clock);
    if (to != 0) {
        uint64_t time = setting.start + monotonic();
        to->tv_sec = (long)(time / NANOSECONDS);
        to->tv_usec = (long)(time % NANOSECONDS / MICROSECONDS);
    }
    if (zone != 0)
        *zone = (struct timezone){setting.minutes_west, setting.summer_time};
    return 0;
}

long __vdso_time(long *to)
{
    if (!data()->steady)
        return kernel_call(__NR_time, (long)to, 0);
    long seconds = (long)((wall_clock_read(&data()->wall_clock).start + monotonic()) / NANOSECONDS);
    if (to != 0)
        *to = seconds;
    return seconds;
}
