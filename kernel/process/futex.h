/* Futexes: sleeping until a word of user memory changes (futex(2)).
 *
 * A waiter is found by the word's key: address space and address, or backing and offset when the word is in shared memory. The word is compared under the lock that wakers take, so no wake-up
 * is lost. Lock: one per bucket (LOCK_FUTEX); the user's word is read there without filling pages in. Thread context; all may sleep. */
#ifndef KERNEL_PROCESS_FUTEX_H
#define KERNEL_PROCESS_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

#include "paging/types.h"

struct thread;

/* Whether other processes may use the word: their mappings are looked up then. */
enum futex_scope { FUTEX_PRIVATE, FUTEX_SHARED };

/* Make the buckets; once, before there are processes. */
void futex_start(void);

/* The wall clock has been set: who waits for a time of day is to look again. */
void futex_clock_was_set(void);

/* When a wait is over: at this clock_now(), UINT64_MAX for never; or at this time of day, whatever the wall clock is set to meanwhile. */
struct futex_deadline {
    uint64_t time;
    bool of_day;
};

/* Sleep while the word is `value`, until woken with a bitset that shares a bit with this one. 0; -EAGAIN: it is another; -ETIMEDOUT at `deadline`;
 * -EINTR; -EFAULT; -EINVAL. */
int must_check futex_wait(vaddr_t address, enum futex_scope scope, uint32_t value,
                          struct futex_deadline deadline, uint32_t bitset);

/* Wake at most `most`, but one in any case: how many, or -EFAULT, -EINVAL. */
int futex_wake(vaddr_t address, enum futex_scope scope, int most, uint32_t bitset);

/* Wake at most `most`, let at most `move` others wait for the word at `to` instead; only when the word is `*expected` (NULL: whatever it is). How many were woken or moved; -EAGAIN; -EINVAL: a
 * negative number. */
int must_check futex_requeue(vaddr_t address, vaddr_t to, enum futex_scope scope, int most, int move,
                             const uint32_t *expected);

/* FUTEX_WAKE_OP: change the word at `second` as `operation` says, wake `most` waiters of the first and, if the old value compares as it says, `most_second` of the second. */
int must_check futex_wake_operation(vaddr_t first, vaddr_t second, enum futex_scope scope, int most,
                                    int most_second, uint32_t operation);

/* The ending current thread gives up the robust mutexes that its list names (set_robust_list(2)). */
void futex_robust_exit(struct thread *thread);

#endif
