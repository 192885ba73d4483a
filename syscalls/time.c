/* Clocks and sleeping. */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/times.h>

#include "kernel/device/clock.h"
#include "kernel/device/wall_clock.h"
#include "kernel/process/futex.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "kernel/process/wait_queue.h"
#include "syscalls/restart.h"
#include "syscalls/syscall.h"
#include "syscalls/time.h"

#define SECONDS_MAX             (UINT64_MAX / 4 / NANOSECONDS)
#define MICROSECONDS_PER_SECOND 1000000
#define MINUTES_WEST_MAX        (15 * 60)
#define THIRTY_YEARS            (UINT64_C(30) * 365 * 24 * 60 * 60) /* seconds */
#define WALL_CLOCK_LAST         ((SECONDS_MAX - THIRTY_YEARS) * NANOSECONDS)
#define NANOSECONDS_PER_TICK    UINT64_C(10000000) /* of times(): AT_CLKTCK is 100 */

static struct timespec timespec_of(uint64_t nanoseconds)
{
    return (struct timespec){(long)(nanoseconds / NANOSECONDS), (long)(nanoseconds % NANOSECONDS)};
}

/* Cut to what a deadline can be. */
static uint64_t nanoseconds_of(uint64_t seconds, uint64_t nanoseconds)
{
    return (seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * NANOSECONDS + nanoseconds;
}

/* The clock of a thread or process, as a number (clock_getcpuclockid(3)): its id inverted above three bits. */
#define CPU_CLOCK_THREAD 4u
#define CPU_CLOCK_KIND   3u
#define CPU_CLOCK_NONE   3u /* a kind that is another kind of clock */
#define CPU_CLOCK_SHIFT  3

static int run_time_of_thread(struct thread *thread, void *context)
{
    if (thread->process != current_process())
        return -ESRCH;
    *(uint64_t *)context = thread_run_time(thread);
    return 0;
}

static bool cpu_clock_read(int clock, uint64_t *nanoseconds)
{
    int id = ~(clock >> CPU_CLOCK_SHIFT);

    if (((unsigned)clock & CPU_CLOCK_KIND) == CPU_CLOCK_NONE)
        return false;
    if ((unsigned)clock & CPU_CLOCK_THREAD)
        return thread_with_id(id ? id : thread_current()->tid, run_time_of_thread, nanoseconds) == 0;
    struct process *process = process_find(id ? id : current_process()->pid);
    if (process == NULL)
        return false;
    *nanoseconds = process_run_time(process);
    process_put(process);
    return true;
}

/* Nanoseconds of a clock; false: there is no such clock. */
static bool clock_read(int clock, uint64_t *nanoseconds)
{
    if (clock < 0)
        return cpu_clock_read(clock, nanoseconds);
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        *nanoseconds = clock_realtime();
        return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *nanoseconds = clock_now();
        return true;
    case CLOCK_PROCESS_CPUTIME_ID:
        *nanoseconds = process_run_time(current_process());
        return true;
    case CLOCK_THREAD_CPUTIME_ID:
        *nanoseconds = thread_run_time(thread_current());
        return true;
    default:
        return false;
    }
}

long sys_clock_gettime(int clock, struct timespec __user *to)
{
    uint64_t now;

    if (!clock_read(clock, &now))
        return -EINVAL;
    struct timespec time = timespec_of(now);
    return copy_to_user(to, &time, sizeof(time));
}

long sys_clock_getres(int clock, struct timespec __user *to)
{
    uint64_t ignored;
    static const struct timespec resolution = {0, 1};

    if (!clock_read(clock, &ignored))
        return -EINVAL;
    return user_address(to) != 0 ? copy_to_user(to, &resolution, sizeof(resolution)) : 0;
}

long sys_gettimeofday(struct timeval __user *to, struct timezone __user *zone_to)
{
    struct wall_clock_setting setting = wall_clock_now();
    uint64_t now = setting.start + clock_now();
    struct timeval time = {(long)(now / NANOSECONDS), (long)(now % NANOSECONDS / 1000)};
    struct timezone zone = {setting.minutes_west, setting.summer_time};

    if (user_address(to) != 0 && copy_to_user(to, &time, sizeof(time)) != 0)
        return -EFAULT;
    return user_address(zone_to) != 0 ? copy_to_user(zone_to, &zone, sizeof(zone)) : 0;
}

/* --- setting the wall clock --- */

/* Who sleeps until a time of day waits here, and looks again when the clock has been set; the lock orders the two. */
static struct spinlock setting_lock = SPINLOCK_INIT(LOCK_DEVICE, "wall clock");
static struct wait_queue setting_changed = WAIT_QUEUE_INIT(setting_changed);

/* `nanoseconds` since 1970, NULL: the time stays; the same for the zone. -EINVAL when it is earlier than the machine's start would then have been in 1970, or so late that some clock overflows
 * within the next 30 years, as on Linux. */
static int setting_change(const uint64_t *nanoseconds, const struct timezone *zone)
{
    int error = 0;

    spinlock_lock(&setting_lock);
    struct wall_clock_setting setting = wall_clock_now();
    uint64_t now = clock_now();
    if (nanoseconds != NULL && (*nanoseconds < now || *nanoseconds > WALL_CLOCK_LAST))
        error = -EINVAL;
    else if (nanoseconds != NULL)
        setting.start = *nanoseconds - now;
    if (zone != NULL) {
        setting.minutes_west = zone->tz_minuteswest;
        setting.summer_time = zone->tz_dsttime;
    }
    if (error == 0)
        wall_clock_set(&setting);
    wait_queue_wake_all(&setting_changed);
    spinlock_unlock(&setting_lock);
    if (error == 0 && nanoseconds != NULL)
        futex_clock_was_set();
    return error;
}

long sys_clock_settime(int clock, const struct timespec __user *from)
{
    uint64_t nanoseconds;

    if (clock != CLOCK_REALTIME)
        return -EINVAL;
    int error = timespec_read(from, &nanoseconds);
    return error != 0 ? error : setting_change(&nanoseconds, NULL);
}

long sys_settimeofday(const struct timeval __user *from, const struct timezone __user *zone_from)
{
    struct timeval time;
    struct timezone zone;
    uint64_t nanoseconds = 0;
    bool new_time = user_address(from) != 0, new_zone = user_address(zone_from) != 0;

    if (new_time) {
        if (copy_from_user(&time, from, sizeof(time)) != 0)
            return -EFAULT;
        if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= MICROSECONDS_PER_SECOND)
            return -EINVAL;
        nanoseconds = nanoseconds_of((uint64_t)time.tv_sec, (uint64_t)time.tv_usec * 1000);
    }
    if (new_zone) {
        if (copy_from_user(&zone, zone_from, sizeof(zone)) != 0)
            return -EFAULT;
        if (zone.tz_minuteswest > MINUTES_WEST_MAX || zone.tz_minuteswest < -MINUTES_WEST_MAX)
            return -EINVAL;
    }
    if (!new_time && !new_zone)
        return 0;
    return setting_change(new_time ? &nanoseconds : NULL, new_zone ? &zone : NULL);
}

long sys_time(long __user *to)
{
    long seconds = (long)(clock_realtime() / NANOSECONDS);

    if (user_address(to) != 0 && copy_to_user(to, &seconds, sizeof(seconds)) != 0)
        return -EFAULT;
    return seconds;
}

long sys_times(struct tms __user *to)
{
    struct tms spent = {
        .tms_utime = (long)(process_run_time(current_process()) / NANOSECONDS_PER_TICK),
        .tms_cutime = (long)(current_process()->child_time / NANOSECONDS_PER_TICK),
    };

    if (user_address(to) != 0 && copy_to_user(to, &spent, sizeof(spent)) != 0)
        return -EFAULT;
    return (long)(clock_now() / NANOSECONDS_PER_TICK);
}

/* Sleep until `deadline`; nobody but the timer and signals wakes this. */
static int sleep_until(uint64_t deadline)
{
    struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);
    struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE, "sleep");

    spinlock_lock(&lock);
    int error = wait_event_until(&nobody, &lock, false, deadline);
    spinlock_unlock(&lock);
    return error == -ETIMEDOUT ? 0 : error;
}

/* Sleep until it is that time of day, whatever the clock is set to meanwhile. */
static int sleep_until_day(uint64_t realtime)
{
    struct wait_entry entry = {0};
    int error = 0;

    spinlock_lock(&setting_lock);
    while (error == 0 && !wait_deadline_passed(wall_clock_to_monotonic(realtime))) {
        if (wait_interrupted()) {
            error = -EINTR;
            break;
        }
        wait_begin(&setting_changed, &entry);
        wait_sleep(&setting_lock, wall_clock_to_monotonic(realtime), SLEEP_INTERRUPTIBLE);
        wait_end(&setting_changed, &entry);
    }
    spinlock_unlock(&setting_lock);
    return error;
}

/* A timespec of the caller's as nanoseconds, cut to what a deadline can be. */
int timespec_read(const struct timespec __user *from, uint64_t *nanoseconds)
{
    struct timespec time;

    if (copy_from_user(&time, from, sizeof(time)) != 0)
        return -EFAULT;
    if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= (long)NANOSECONDS)
        return -EINVAL;
    *nanoseconds = nanoseconds_of((uint64_t)time.tv_sec, (uint64_t)time.tv_nsec);
    return 0;
}

static bool is_wall_clock(int clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

long sys_clock_nanosleep(int clock, int flags, const struct timespec __user *request,
                         struct timespec __user *remain)
{
    uint64_t wanted, clock_now_there;

    if (clock == CLOCK_THREAD_CPUTIME_ID || !clock_read(clock, &clock_now_there))
        return -EINVAL;
    int error = timespec_read(request, &wanted);
    if (error != 0)
        return error;
    uint64_t now = clock_now();
    uint64_t deadline = restart_deadline(now + wanted);
    if (flags & TIMER_ABSTIME && is_wall_clock(clock)) {
        error = sleep_until_day(wanted);
    } else {
        if (flags & TIMER_ABSTIME)
            deadline = wanted > clock_now_there ? now + (wanted - clock_now_there) : now;
        error = sleep_until(deadline);
    }
    if (error != -EINTR)
        return error;
    if (flags & TIMER_ABSTIME)
        return -RESTART_UNHANDLED;
    now = clock_now();
    struct timespec left = timespec_of(deadline > now ? deadline - now : 0);
    if (user_address(remain) != 0 && copy_to_user(remain, &left, sizeof(left)) != 0)
        return -EFAULT;
    return restart_later(deadline);
}

long sys_nanosleep(const struct timespec __user *request, struct timespec __user *remain)
{
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, request, remain);
}
