/* getitimer, setitimer, alarm. A process has a timer of real time only: for those that count the processor's time (ITIMER_VIRTUAL, ITIMER_PROF) the
 * scheduler would have to stop threads that nothing else stops, and user mode would have to be told from kernel mode. */
#include "syscalls/interval_timer.h"

#include <asm/errno.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "kernel/debug/log.h"
#include "kernel/device/clock.h"
#include "kernel/process/process.h"

#define MICROSECOND      UINT64_C(1000)
#define MICROSECONDS_MAX 999999
#define SECONDS_MAX      (UINT64_MAX / 4 / NANOSECONDS) /* what a deadline can be */

static int kind_check(int which)
{
    if (which == ITIMER_VIRTUAL || which == ITIMER_PROF)
        log_info("%s (%d) wants a timer of processor time, which there is not: -EINVAL",
                 current_process()->name, current_process()->pid);
    return which == ITIMER_REAL ? 0 : -EINVAL;
}

/* Rounded up: what is still to come is not 0. */
static struct __kernel_old_timeval timeval_of(uint64_t nanoseconds)
{
    uint64_t microseconds = (nanoseconds + MICROSECOND - 1) / MICROSECOND;

    return (struct __kernel_old_timeval){(long)(microseconds / (NANOSECONDS / MICROSECOND)),
                                         (long)(microseconds % (NANOSECONDS / MICROSECOND))};
}

static int nanoseconds_of(const struct __kernel_old_timeval *time, uint64_t *nanoseconds)
{
    if (time->tv_sec < 0 || time->tv_usec < 0 || time->tv_usec > MICROSECONDS_MAX)
        return -EINVAL;
    uint64_t seconds = (uint64_t)time->tv_sec < SECONDS_MAX ? (uint64_t)time->tv_sec : SECONDS_MAX;
    *nanoseconds = seconds * NANOSECONDS + (uint64_t)time->tv_usec * MICROSECOND;
    return 0;
}

long sys_getitimer(int which, struct __kernel_old_itimerval __user *to)
{
    uint64_t left, interval;

    int error = kind_check(which);
    if (error != 0)
        return error;
    interval_timer_get(&left, &interval);
    struct __kernel_old_itimerval now = {timeval_of(interval), timeval_of(left)};
    return copy_to_user(to, &now, sizeof(now));
}

long sys_setitimer(int which, const struct __kernel_old_itimerval __user *new,
                   struct __kernel_old_itimerval __user *old)
{
    struct __kernel_old_itimerval wanted = {0}; /* as on Linux, no address stops the timer */
    uint64_t value, interval, left, interval_before;

    if (user_address(new) != 0 && copy_from_user(&wanted, new, sizeof(wanted)) != 0)
        return -EFAULT;
    int error = kind_check(which);
    if (error == 0)
        error = nanoseconds_of(&wanted.it_value, &value);
    if (error == 0)
        error = nanoseconds_of(&wanted.it_interval, &interval);
    if (error != 0)
        return error;
    interval_timer_set(value, interval, &left, &interval_before);
    struct __kernel_old_itimerval before = {timeval_of(interval_before), timeval_of(left)};
    return user_address(old) != 0 ? copy_to_user(old, &before, sizeof(before)) : 0;
}

/* What was left, to the nearest second, but not 0 when something was. */
long sys_alarm(unsigned seconds)
{
    uint64_t left, interval_before;

    interval_timer_set(seconds * NANOSECONDS, 0, &left, &interval_before);
    uint64_t rounded = (left + NANOSECONDS / 2) / NANOSECONDS;
    return (long)(rounded == 0 && left != 0 ? 1 : rounded);
}
