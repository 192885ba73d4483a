/* Waiting for files: poll(2), ppoll(2), and what select.c shares with them. */
#include "syscalls/poll.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <linux/time_types.h>

#include "kernel/device/clock.h"
#include "kernel/file/file.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "kernel/process/wait_queue.h"
#include "syscalls/file.h"
#include "syscalls/restart.h"
#include "syscalls/user_path.h"

#define MILLISECOND   (NANOSECONDS / 1000)
/* Reported whether asked for or not. */
#define ALWAYS_EVENTS (POLLERR | POLLHUP | POLLNVAL)

/* What is true of each file now; how many files have something. */
static unsigned events_collect(struct poll_entry *entries, unsigned count)
{
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++) {
        struct pollfd *request = &entries[i].request;
        if (entries[i].file != NULL)
            request->revents =
                (short)(file_ready(entries[i].file) & ((uint32_t)(uint16_t)request->events | ALWAYS_EVENTS));
        found += request->revents != 0;
    }
    return found;
}

static void waits_begin(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct wait_queue *queue = entries[i].file != NULL ? file_queue(entries[i].file) : NULL;
        if (queue != NULL)
            wait_begin(queue, &entries[i].wait);
    }
}

static void waits_end(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct wait_queue *queue = entries[i].file != NULL ? file_queue(entries[i].file) : NULL;
        if (queue != NULL)
            wait_end(queue, &entries[i].wait);
    }
}

/* The thread stands in all queues before it looks, so it misses no wake-up. */
int poll_wait(struct poll_entry *entries, unsigned count, uint64_t deadline)
{
    struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE, "poll");

    for (;;) {
        unsigned found = events_collect(entries, count);
        if (found > 0 || deadline == 0 || wait_deadline_passed(deadline))
            return (int)found;
        if (wait_interrupted())
            return -EINTR;
        waits_begin(entries, count);
        found = events_collect(entries, count);
        if (found == 0) {
            spinlock_lock(&lock);
            wait_sleep(&lock, deadline, SLEEP_INTERRUPTIBLE);
            spinlock_unlock(&lock);
        }
        waits_end(entries, count);
    }
}

static int entries_fetch(struct poll_entry *entries, const struct pollfd __user *user, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct pollfd *request = &entries[i].request;
        if (copy_from_user(request, user + i, sizeof(*request)) != 0)
            return -EFAULT;
        request->revents = 0;
        if (request->fd < 0)
            continue;
        entries[i].file = descriptor_file(request->fd);
        if (entries[i].file == NULL)
            request->revents = POLLNVAL;
    }
    return 0;
}

static int entries_return(const struct poll_entry *entries, struct pollfd __user *user, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (copy_to_user(user + i, &entries[i].request, sizeof(struct pollfd)) != 0)
            return -EFAULT;
    }
    return 0;
}

void poll_entries_free(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        file_put(entries[i].file);
    heap_free(entries);
}

/* `deadline`: 0: do not wait. */
static long poll(struct pollfd __user *user, unsigned count, uint64_t deadline)
{
    if (count > descriptor_limit())
        return -EINVAL;
    struct poll_entry *entries = heap_alloc_zeroed(count * sizeof(*entries));
    if (entries == NULL)
        return -ENOMEM;
    int result = entries_fetch(entries, user, count);
    if (result == 0)
        result = poll_wait(entries, count, deadline);
    if (result >= 0 && entries_return(entries, user, count) != 0)
        result = -EFAULT;
    poll_entries_free(entries, count);
    return result;
}

uint64_t poll_deadline(uint64_t nanoseconds)
{
    uint64_t deadline;

    if (nanoseconds == 0)
        return 0;
    return __builtin_add_overflow(clock_now(), nanoseconds, &deadline) ? POLL_NO_TIMEOUT : deadline;
}

long sys_poll(struct pollfd __user *files, unsigned count, int milliseconds)
{
    uint64_t deadline =
        milliseconds < 0 ? POLL_NO_TIMEOUT : poll_deadline((uint64_t)milliseconds * MILLISECOND);

    deadline = restart_deadline(deadline);
    long result = poll(files, count, deadline);
    return result == -EINTR ? restart_later(deadline) : result;
}

int poll_timeout(int64_t seconds, int64_t nanoseconds, uint64_t *timeout)
{
    *timeout = POLL_NO_TIMEOUT;
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= (int64_t)NANOSECONDS)
        return -EINVAL;
    if (__builtin_mul_overflow((uint64_t)seconds, NANOSECONDS, timeout) ||
        __builtin_add_overflow(*timeout, (uint64_t)nanoseconds, timeout))
        *timeout = POLL_NO_TIMEOUT;
    return 0;
}

static int timeout_fetch(const struct __kernel_timespec __user *user, uint64_t *deadline)
{
    struct __kernel_timespec timeout;
    uint64_t nanoseconds;

    *deadline = POLL_NO_TIMEOUT;
    if (user == NULL)
        return 0;
    int error = copy_from_user(&timeout, user, sizeof(timeout));
    if (error == 0)
        error = poll_timeout(timeout.tv_sec, timeout.tv_nsec, &nanoseconds);
    if (error == 0)
        *deadline = poll_deadline(nanoseconds);
    return error;
}

/* As on Linux, memory that cannot be written is the program's loss; but then there is nothing that the call could be made again with. */
long poll_time_left(struct __kernel_timespec __user *timeout, uint64_t deadline, long result)
{
    uint64_t now = clock_now(), left = deadline > now ? deadline - now : 0;
    struct __kernel_timespec time = {(long long)(left / NANOSECONDS), (long long)(left % NANOSECONDS)};

    if (timeout != NULL && deadline != POLL_NO_TIMEOUT && copy_to_user(timeout, &time, sizeof(time)) != 0)
        return result;
    return result == -EINTR ? -RESTART_UNHANDLED : result;
}

/* signal_deliver() gives the old mask back after a handler (as for sigsuspend). */
int poll_mask_install(const uint64_t __user *user, size_t size)
{
    struct signal_state *signals = &thread_current()->signals;
    signal_set mask;

    if (size != sizeof(mask))
        return -EINVAL;
    int error = copy_from_user(&mask, user, sizeof(mask));
    if (error != 0)
        return error;
    signals->saved_mask = signals->blocked;
    signal_block(mask);
    return 0;
}

void poll_mask_remove(bool interrupted)
{
    struct signal_state *signals = &thread_current()->signals;

    if (interrupted)
        signals->restore_mask = true;
    else
        signal_block(signals->saved_mask);
}

long sys_ppoll(struct pollfd __user *files, unsigned count, struct __kernel_timespec __user *timeout,
               const uint64_t __user *mask, size_t mask_size)
{
    uint64_t deadline;

    int error = timeout_fetch(timeout, &deadline);
    if (error == 0 && mask != NULL)
        error = poll_mask_install(mask, mask_size);
    if (error != 0)
        return error;
    long result = poll(files, count, deadline);
    if (mask != NULL)
        poll_mask_remove(result == -EINTR);
    return poll_time_left(timeout, deadline, result);
}
