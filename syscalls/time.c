/* Clocks and sleeping. */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/times.h>

#include "kernel/device/clock.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "kernel/process/wait_queue.h"
#include "syscalls/restart.h"
#include "syscalls/syscall.h"
#include "syscalls/time.h"

#define NANOSECONDS_PER_TICK UINT64_C(10000000) /* of times(): AT_CLKTCK is 100 */

static struct timespec timespec_of(uint64_t nanoseconds)
{
    return (struct timespec){(long)(nanoseconds / NANOSECONDS), (long)(nanoseconds % NANOSECONDS)};
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

long sys_gettimeofday(struct timeval __user *to, struct timezone __user *zone)
{
    static const struct timezone utc;
    uint64_t now = clock_realtime();
    struct timeval time = {(long)(now / NANOSECONDS), (long)(now % NANOSECONDS / 1000)};

    if (user_address(to) != 0 && copy_to_user(to, &time, sizeof(time)) != 0)
        return -EFAULT;
    return user_address(zone) != 0 ? copy_to_user(zone, &utc, sizeof(utc)) : 0;
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

/* A timespec of the caller's as nanoseconds, cut to what a deadline can be. */
int timespec_read(const struct timespec __user *from, uint64_t *nanoseconds)
{
    struct timespec time;

    if (copy_from_user(&time, from, sizeof(time)) != 0)
        return -EFAULT;
    if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= (long)NANOSECONDS)
        return -EINVAL;
    uint64_t most = UINT64_MAX / 4 / NANOSECONDS;
    uint64_t seconds = (uint64_t)time.tv_sec < most ? (uint64_t)time.tv_sec : most;
    *nanoseconds = seconds * NANOSECONDS + (uint64_t)time.tv_nsec;
    return 0;
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
    if (flags & TIMER_ABSTIME)
        deadline = wanted > clock_now_there ? now + (wanted - clock_now_there) : now;
    error = sleep_until(deadline);
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
