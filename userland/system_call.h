/* System calls as the kernel sees them: no C library between, so that wrong arguments arrive as they are
 * and no wrapper looks at the answer.
 *
 * The result is the kernel's own: >= 0, or a negative errno. */
#ifndef USERLAND_SYSTEM_CALL_H
#define USERLAND_SYSTEM_CALL_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long system_call_6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* system_call(number, up to six arguments of any scalar type); those left out are 0. */
#define system_call(...) SYSTEM_CALL_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYSTEM_CALL_PAD(number, a, b, c, d, e, f, ...)                                                       \
    system_call_6((long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
