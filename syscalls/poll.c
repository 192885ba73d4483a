/* Waiting for files: poll(2), ppoll(2). */
#include <asm/errno.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <linux/time_types.h>

#include "kernel/device/clock.h"
#include "kernel/file/file.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"
#include "kernel/process/wait_queue.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

#define MILLISECOND   (NANOSECONDS / 1000)
#define NO_TIMEOUT    UINT64_MAX
/* Reported whether asked for or not. */
#define ALWAYS_EVENTS (POLLERR | POLLHUP | POLLNVAL)

/* One file that is waited for. */
struct poll_entry {
    struct pollfd request;
    struct file *file; /* counted; NULL: ignored, or not open */
    struct wait_entry wait;
};

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

/* Until something is true, the time is over (0) or a signal came (-EINTR). The thread stands in all queues before it looks, so it misses no
 * wake-up. */
static int poll_wait(struct poll_entry *entries, unsigned count, uint64_t deadline)
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
    for (unsigned i = 0; i < count; i++)
        file_put(entries[i].file);
    heap_free(entries);
    return result;
}

/* The clock's time `nanoseconds` from now. */
static uint64_t deadline_after(uint64_t nanoseconds)
{
    uint64_t deadline;

    if (nanoseconds == 0)
        return 0;
    return __builtin_add_overflow(clock_now(), nanoseconds, &deadline) ? NO_TIMEOUT : deadline;
}

long sys_poll(struct pollfd __user *files, unsigned count, int milliseconds)
{
    return poll(files, count,
                milliseconds < 0 ? NO_TIMEOUT : deadline_after((uint64_t)milliseconds * MILLISECOND));
}

static int timeout_fetch(const struct __kernel_timespec __user *user, uint64_t *deadline)
{
    struct __kernel_timespec timeout;
    uint64_t nanoseconds;

    *deadline = NO_TIMEOUT;
    if (user == NULL)
        return 0;
    int error = copy_from_user(&timeout, user, sizeof(timeout));
    if (error != 0)
        return error;
    if (timeout.tv_sec < 0 || timeout.tv_nsec < 0 || timeout.tv_nsec >= (long long)NANOSECONDS)
        return -EINVAL;
    if (!__builtin_mul_overflow((uint64_t)timeout.tv_sec, NANOSECONDS, &nanoseconds) &&
        !__builtin_add_overflow(nanoseconds, (uint64_t)timeout.tv_nsec, &nanoseconds))
        *deadline = deadline_after(nanoseconds);
    return 0;
}

/* Let `mask` be what is blocked while this call waits; signal_deliver() gives the old one back after a handler (as for sigsuspend). */
static int mask_install(const uint64_t __user *user, size_t size)
{
    struct process *process = current_process();
    struct signal_state *signals = &thread_current()->signals;
    uint64_t mask;

    if (size != sizeof(mask))
        return -EINVAL;
    int error = copy_from_user(&mask, user, sizeof(mask));
    if (error != 0)
        return error;
    spinlock_lock(&process->lock);
    signals->saved_mask = signals->blocked;
    signals->blocked = mask & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    spinlock_unlock(&process->lock);
    return 0;
}

/* The call is over. When a signal ended it, the mask stays until that signal was delivered. */
static void mask_remove(bool interrupted)
{
    struct process *process = current_process();
    struct signal_state *signals = &thread_current()->signals;

    spinlock_lock(&process->lock);
    if (interrupted)
        signals->restore_mask = true;
    else
        signals->blocked = signals->saved_mask;
    spinlock_unlock(&process->lock);
}

long sys_ppoll(struct pollfd __user *files, unsigned count, const struct __kernel_timespec __user *timeout,
               const uint64_t __user *mask, size_t mask_size)
{
    uint64_t deadline;

    int error = timeout_fetch(timeout, &deadline);
    if (error == 0 && mask != NULL)
        error = mask_install(mask, mask_size);
    if (error != 0)
        return error;
    long result = poll(files, count, deadline);
    if (mask != NULL)
        mask_remove(result == -EINTR);
    return result;
}
