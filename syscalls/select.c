/* select(2) and pselect6: the older way of waiting for files, in terms of poll.c. */
#include <asm/errno.h>
#include <linux/posix_types.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "kernel/device/clock.h"
#include "kernel/file/file.h"
#include "kernel/memory/heap.h"
#include "kernel/process/signal_frame.h"
#include "syscalls/file.h"
#include "syscalls/poll.h"
#include "syscalls/user_path.h"

#define WORD_BITS   64u
#define SETS        3
#define MICROSECOND (NANOSECONDS / 1000000)

/* What each set asks for, and what of a file puts it into that set (select(2)). */
static const struct {
    uint32_t asks, holds;
} meaning[SETS] = {
    {POLLIN | POLLRDNORM | POLLRDBAND, POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR},
    {POLLOUT | POLLWRNORM | POLLWRBAND, POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR},
    {POLLPRI, POLLPRI},
};

/* The program's three sets, each NULL or of `words` words. */
struct select_sets {
    uint64_t __user *user[SETS];
    uint64_t *word[SETS]; /* of one block of the heap, in the order of `user` */
    unsigned words;
};

static bool set_has(const uint64_t *words, unsigned descriptor)
{
    return words[descriptor / WORD_BITS] >> descriptor % WORD_BITS & 1;
}

static int sets_fetch(struct select_sets *sets, unsigned count)
{
    sets->words = (count + WORD_BITS - 1) / WORD_BITS;
    size_t size = sets->words * sizeof(uint64_t);
    uint64_t *block = heap_alloc_zeroed(SETS * size + 1); /* one more: no block is empty */

    if (block == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < SETS; i++)
        sets->word[i] = block + i * sets->words;
    for (unsigned i = 0; i < SETS; i++)
        if (sets->user[i] != NULL && copy_from_user(sets->word[i], sets->user[i], size) != 0)
            return -EFAULT;
    return 0;
}

/* An entry for each descriptor below `count` that is in a set: how many, or -EBADF. */
static int entries_make(const struct select_sets *sets, unsigned count, struct poll_entry *entries)
{
    int used = 0;

    for (unsigned descriptor = 0; descriptor < count; descriptor++) {
        uint32_t asked = 0;
        for (unsigned i = 0; i < SETS; i++)
            asked |= set_has(sets->word[i], descriptor) ? meaning[i].asks : 0;
        if (asked == 0)
            continue;
        struct poll_entry *entry = &entries[used++];
        entry->request = (struct pollfd){.fd = (int)descriptor, .events = (short)asked};
        entry->file = descriptor_file((int)descriptor);
        if (entry->file == NULL)
            return -EBADF;
    }
    return used;
}

/* What was asked for and is true, into the program's sets: how many bits, or -EFAULT. */
static long sets_return(const struct select_sets *sets, unsigned count, const struct poll_entry *entries,
                        unsigned used)
{
    long bits = 0;

    for (unsigned i = 0; i < SETS; i++) {
        uint64_t *words = sets->word[i];
        for (unsigned at = 0; at < used; at++) {
            unsigned descriptor = (unsigned)entries[at].request.fd;
            uint64_t bit = UINT64_C(1) << descriptor % WORD_BITS;
            if (!set_has(words, descriptor))
                continue;
            if ((uint32_t)(uint16_t)entries[at].request.revents & meaning[i].holds)
                bits++;
            else
                words[descriptor / WORD_BITS] &= ~bit;
        }
        if (count % WORD_BITS != 0)
            words[count / WORD_BITS] &= (UINT64_C(1) << count % WORD_BITS) - 1;
        if (sets->user[i] != NULL && copy_to_user(sets->user[i], words, sets->words * sizeof(uint64_t)) != 0)
            return -EFAULT;
    }
    return bits;
}

static long select_files(const struct select_sets *sets, unsigned count, uint64_t deadline)
{
    struct poll_entry *entries = heap_alloc_zeroed(count * sizeof(*entries) + 1);

    if (entries == NULL)
        return -ENOMEM;
    long result = entries_make(sets, count, entries);
    if (result >= 0) {
        unsigned used = (unsigned)result;
        result = poll_wait(entries, used, deadline);
        if (result >= 0)
            result = sets_return(sets, count, entries, used);
    }
    poll_entries_free(entries, count);
    return result;
}

static long select(int count, uint64_t __user *const user[SETS], uint64_t deadline)
{
    struct select_sets sets = {.user = {user[0], user[1], user[2]}};

    if (count < 0)
        return -EINVAL;
    unsigned most = descriptor_limit();
    unsigned descriptors = (unsigned)count < most ? (unsigned)count : most;
    long result = sets_fetch(&sets, descriptors);
    if (result == 0)
        result = select_files(&sets, descriptors, deadline);
    heap_free(sets.word[0]);
    return result;
}

/* What is left of the time, for the program that wants to go on waiting. */
static uint64_t time_left(uint64_t deadline)
{
    uint64_t now = clock_now();

    return deadline > now ? deadline - now : 0;
}

long sys_select(int count, uint64_t __user *in, uint64_t __user *out, uint64_t __user *other,
                struct timeval __user *timeout)
{
    struct timeval time;
    uint64_t wait, deadline = POLL_NO_TIMEOUT;

    if (timeout != NULL) {
        if (copy_from_user(&time, timeout, sizeof(time)) != 0)
            return -EFAULT;
        /* Microseconds beyond a second are carried over, as on Linux. */
        int64_t seconds = time.tv_sec + time.tv_usec / 1000000;
        int error = time.tv_usec < 0
                        ? -EINVAL
                        : poll_timeout(seconds, time.tv_usec % 1000000 * (int64_t)MICROSECOND, &wait);
        if (error != 0)
            return error;
        deadline = poll_deadline(wait);
    }
    long result = select(count, (uint64_t __user *[SETS]){in, out, other}, deadline);
    if (timeout != NULL && deadline != POLL_NO_TIMEOUT) {
        uint64_t left = time_left(deadline);
        time = (struct timeval){(__kernel_old_time_t)(left / NANOSECONDS),
                                (__kernel_suseconds_t)(left % NANOSECONDS / MICROSECOND)};
        /* As in poll_time_left(). */
        if (copy_to_user(timeout, &time, sizeof(time)) != 0)
            return result;
    }
    return result == -EINTR ? -RESTART_UNHANDLED : result;
}

/* The sixth argument of pselect6. */
struct select_mask {
    const uint64_t __user *mask;
    size_t size;
};

long sys_pselect6(int count, uint64_t __user *in, uint64_t __user *out, uint64_t __user *other,
                  struct __kernel_timespec __user *timeout, const struct select_mask __user *mask)
{
    struct __kernel_timespec time;
    struct select_mask with = {NULL, 0};
    uint64_t wait, deadline = POLL_NO_TIMEOUT;

    if (timeout != NULL) {
        if (copy_from_user(&time, timeout, sizeof(time)) != 0)
            return -EFAULT;
        int error = poll_timeout(time.tv_sec, time.tv_nsec, &wait);
        if (error != 0)
            return error;
        deadline = poll_deadline(wait);
    }
    if (mask != NULL && copy_from_user(&with, mask, sizeof(with)) != 0)
        return -EFAULT;
    if (with.mask != NULL) {
        int error = poll_mask_install(with.mask, with.size);
        if (error != 0)
            return error;
    }
    long result = select(count, (uint64_t __user *[SETS]){in, out, other}, deadline);
    if (with.mask != NULL)
        poll_mask_remove(result == -EINTR);
    return poll_time_left(timeout, deadline, result);
}
