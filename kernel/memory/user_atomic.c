/* See user_atomic.h. */
#include "kernel/memory/user_atomic.h"

#include <asm/errno.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/trap.h"

static inline void window_open(void)
{
    if (cpu_features.smap)
        __asm__ volatile("stac" : : : "memory");
}

static inline void window_close(void)
{
    if (cpu_features.smap)
        __asm__ volatile("clac" : : : "memory");
}

int user_load(const uint32_t __user *from, uint32_t *value)
{
    vaddr_t at = user_address(from);
    int error = -EFAULT;
    uint32_t read = 0;

    if (!user_range(at, sizeof(read)))
        return -EFAULT;
    window_open();
    __asm__ volatile("1: movl (%[at]), %[read]\n\t"
                     "xorl %[error], %[error]\n\t"
                     "2:\n\t" TRAP_FIXUP("1b", "2b")
                     : [read] "+&r"(read), [error] "+&r"(error)
                     : [at] "r"(at)
                     : "memory");
    window_close();
    *value = read;
    return error;
}

int user_compare_exchange(uint32_t __user *to, uint32_t expected, uint32_t wanted, uint32_t *found)
{
    vaddr_t at = user_address(to);
    int error = -EFAULT;

    if (!user_range(at, sizeof(*found)))
        return -EFAULT;
    window_open();
    __asm__ volatile("1: lock cmpxchgl %[wanted], (%[at])\n\t"
                     "movl $0, %[error]\n\t"
                     "2:\n\t" TRAP_FIXUP("1b", "2b")
                     : "+a"(expected), [error] "+&r"(error)
                     : [at] "r"(at), [wanted] "r"(wanted)
                     : "memory", "cc");
    window_close();
    *found = expected;
    return error;
}
