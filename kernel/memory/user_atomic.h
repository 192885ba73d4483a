/* Atomic access to single words of user memory, for futexes.
 *
 * Like user_copy.h; but these may also be called with spinlocks held: then a page that is not there is not filled in, the answer is -EFAULT, and the caller lets go of its locks,
 * touches the page and tries again. */
#ifndef KERNEL_MEMORY_USER_ATOMIC_H
#define KERNEL_MEMORY_USER_ATOMIC_H

#include "kernel/memory/user_copy.h"

/* The word at `from`, which is aligned. 0 or -EFAULT. */
int must_check user_load(const uint32_t __user *from, uint32_t *value);

/* If the word at `at` is `expected`, store `wanted`; *found is what was there. 0 or -EFAULT. The page is made writable even when nothing is stored. */
int must_check user_compare_exchange(uint32_t __user *at, uint32_t expected, uint32_t wanted,
                                     uint32_t *found);

#endif
