/* Waiting for several files at once: what poll and select have in common. */
#ifndef SYSCALLS_POLL_H
#define SYSCALLS_POLL_H

#include <asm/poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"
#include "kernel/process/wait_queue.h"

struct file;
struct __kernel_timespec;

#define POLL_NO_TIMEOUT UINT64_MAX

/* One file that is waited for. */
struct poll_entry {
    struct pollfd request;
    struct file *file; /* counted; NULL: ignored, or not open */
    struct wait_entry wait;
};

/* Sleep until something asked for is true of a file, or `deadline` has come (0: do not sleep). The files of which something is true, as `revents` says; -EINTR. */
int must_check poll_wait(struct poll_entry *entries, unsigned count, uint64_t deadline);

/* Release the files, and the entries, which are of the heap. */
void poll_entries_free(struct poll_entry *entries, unsigned count);

/* A time-out in nanoseconds, POLL_NO_TIMEOUT when it is longer than the clock can tell; -EINVAL. */
int must_check poll_timeout(int64_t seconds, int64_t nanoseconds, uint64_t *timeout);

/* The deadline that is `nanoseconds` from now; 0 for 0. */
uint64_t poll_deadline(uint64_t nanoseconds);

/* Let `mask` be what is blocked while this call waits. 0, -EINVAL, -EFAULT. */
int must_check poll_mask_install(const uint64_t __user *mask, size_t size);

/* The result of a call that has `timeout`, where it leaves what is left until `deadline`. */
long poll_time_left(struct __kernel_timespec __user *timeout, uint64_t deadline, long result);

/* The call is over. When a signal ended it, the mask stays until that signal was delivered. */
void poll_mask_remove(bool interrupted);

#endif
