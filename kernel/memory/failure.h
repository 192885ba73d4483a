/* Allocations that fail on purpose: the N-th from now on, once, or each with a chance of one in so many, by a seed.
 *
 * Every allocation can fail, so tests make it fail: what asks for frames or for heap asks here first. Off by default, and then one load and a branch. The kernel's command line arms it
 * when the first program is about to run (`fail=frame,3`, `fail=heap,random,7,50`), the files /proc/sys/quire/fail_frame and fail_heap at any time. Any context; all fields atomic. */
#ifndef KERNEL_MEMORY_FAILURE_H
#define KERNEL_MEMORY_FAILURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

struct failure {
    uint64_t left;   /* allocations until the one that fails; FAILURE_RANDOM; 0: none fails */
    uint64_t seed;   /* of the random numbers; goes on with each allocation */
    uint64_t one_in; /* with FAILURE_RANDOM: the chance is 1/one_in */
};

#define FAILURE_RANDOM UINT64_MAX

extern struct failure frame_failure, heap_failure;

bool failure_decide(struct failure *failure);

/* Must this allocation fail? */
static inline bool failure_due(struct failure *failure)
{
    if (__builtin_expect(__atomic_load_n(&failure->left, __ATOMIC_RELAXED) == 0, 1))
        return false;
    return failure_decide(failure);
}

/* Let the n-th allocation from now on fail, once; 0: none. */
void failure_after(struct failure *failure, uint64_t n);

/* The same told in words: "N", or "random,SEED" or "random,SEED,ONE_IN". -EINVAL or -ERANGE, and nothing changes. */
int must_check failure_set(struct failure *failure, const char *text);

/* What would be written to have the same from now on; the length as snprintf() has it. */
int failure_text(const struct failure *failure, char *text, size_t size);

/* One word of the command line behind `fail=`: "frame," or "heap,", then as above. */
int must_check failure_option(const char *text);

#endif
