/* See user_copy.h. Each primitive is one REP instruction between STAC and CLAC; a fault that cannot be filled in resumes behind it with the bytes left in RCX. */
#include "kernel/memory/user_copy.h"

#include <asm/errno.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/trap.h"
#include "paging/layout.h"

bool user_range(vaddr_t address, uint64_t size)
{
    return address <= USER_END && size <= USER_END - address;
}

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

/* Bytes not copied. Eight at a time, then the rest; on a fault in the first part RCX counts quad-words. */
static size_t copy_raw(vaddr_t to, vaddr_t from, size_t size)
{
    uint64_t words = size / 8, bytes = size % 8;

    __asm__ volatile("1: rep movsq\n\t"
                     "movq %[bytes], %%rcx\n\t"
                     "2: rep movsb\n\t"
                     "xorl %k[bytes], %k[bytes]\n\t"
                     "3: leaq (%[bytes], %%rcx, 8), %[bytes]\n\t"
                     "jmp 5f\n\t"
                     "4: movq %%rcx, %[bytes]\n\t"
                     "5:\n\t" TRAP_FIXUP("1b", "3b") TRAP_FIXUP("2b", "4b")
                     : "+D"(to), "+S"(from), "+c"(words), [bytes] "+r"(bytes)
                     :
                     : "memory");
    return bytes;
}

static size_t clear_raw(vaddr_t to, size_t size)
{
    __asm__ volatile("1: rep stosb\n\t"
                     "2:\n\t" TRAP_FIXUP("1b", "2b")
                     : "+D"(to), "+c"(size)
                     : "a"(0)
                     : "memory");
    return size;
}

size_t copy_from_user_partial(void *to, const void __user *from, size_t size)
{
    if (!user_range(user_address(from), size))
        return size;
    window_open();
    size_t left = copy_raw((vaddr_t)to, user_address(from), size);
    window_close();
    return left;
}

size_t copy_to_user_partial(void __user *to, const void *from, size_t size)
{
    if (!user_range(user_address(to), size))
        return size;
    window_open();
    size_t left = copy_raw(user_address(to), (vaddr_t)from, size);
    window_close();
    return left;
}

int copy_from_user(void *to, const void __user *from, size_t size)
{
    return copy_from_user_partial(to, from, size) == 0 ? 0 : -EFAULT;
}

int copy_to_user(void __user *to, const void *from, size_t size)
{
    return copy_to_user_partial(to, from, size) == 0 ? 0 : -EFAULT;
}

size_t clear_user_partial(void __user *to, size_t size)
{
    if (!user_range(user_address(to), size))
        return size;
    window_open();
    size_t left = clear_raw(user_address(to), size);
    window_close();
    return left;
}

int clear_user(void __user *to, size_t size)
{
    return clear_user_partial(to, size) == 0 ? 0 : -EFAULT;
}

/* One byte, or -EFAULT. */
static int byte_raw(vaddr_t from)
{
    int byte = -EFAULT;

    __asm__ volatile("1: movzbl (%[from]), %[byte]\n\t"
                     "2:\n\t" TRAP_FIXUP("1b", "2b")
                     : [byte] "+r"(byte)
                     : [from] "r"(from)
                     : "memory");
    return byte;
}

long user_string(char *to, const char __user *from, size_t size)
{
    vaddr_t at = user_address(from);
    long result = -ENAMETOOLONG;

    window_open();
    for (size_t i = 0; i < size; i++, at++) {
        int byte = user_range(at, 1) ? byte_raw(at) : -EFAULT;
        if (byte < 0) {
            result = byte;
            break;
        }
        to[i] = (char)byte;
        if (byte == 0) {
            result = (long)i;
            break;
        }
    }
    window_close();
    return result;
}
