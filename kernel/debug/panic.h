/* Panic and assertions: a kernel bug stops the machine and names the place.
 *
 * The report on every log sink: the message, file and line; registers; CR2 and its decoded page-table walk when it was a page fault; a
 * symbolised backtrace; the running process; the last log lines are already there. The last line is "quire: panic: MESSAGE". Then the machine
 * halts, or leaves QEMU with the failure code when the command line has debug-exit=PORT. Any context; interrupts go off; never returns. */
#ifndef KERNEL_DEBUG_PANIC_H
#define KERNEL_DEBUG_PANIC_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/lib/format.h"

struct trap_frame;

_Noreturn void panic_at(const char *file, int line, const char *format, ...) printf_like(3, 4);
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

/* Panic because of a trap in the kernel: registers and backtrace come from `frame`. */
_Noreturn void panic_trap(const struct trap_frame *frame, const char *format, ...) printf_like(2, 3);

/* What higher floors add to a report, in order of registration; each must survive a broken machine. */
#define PANIC_REPORTERS_MAX 8
void panic_reporter_add(void (*report)(const struct trap_frame *frame_or_null));

/* Is this CPU in the middle of a panic? Then locks may be broken into and everything may be wrong. */
bool panic_in_progress(void);

/* Is another CPU in the middle of a panic? Then the output is its own, and this one is about to be stopped. */
bool panic_elsewhere(void);

/* What happens after the report (power, debug exit, halt other CPUs); at most one. It should not return. */
void panic_set_ending(void (*end)(void));

/* States what the kernel must guarantee itself; on in every build. The message says what must be true. */
#define ASSERT(condition, ...)                                                                               \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0))                                                               \
            panic_assertion(__FILE__, __LINE__, #condition, "" __VA_ARGS__);                                 \
    } while (0)
_Noreturn void panic_assertion(const char *file, int line, const char *condition, const char *format, ...)
    printf_like(4, 5);

/* Compare two integers or pointers and print both when they differ from what is promised. */
#define ASSERT_COMPARE(left, operator, right, ...)                                                           \
    do {                                                                                                     \
        __typeof__(left) assert_left = (left);                                                               \
        __typeof__(right) assert_right = (right);                                                            \
        if (__builtin_expect(!(assert_left operator assert_right), 0))                                       \
            panic_comparison(__FILE__, __LINE__, #left " " #operator" " #right, (uint64_t)assert_left,       \
                             (uint64_t)assert_right, "" __VA_ARGS__);                                        \
    } while (0)
#define ASSERT_EQ(left, right, ...) ASSERT_COMPARE(left, ==, right, __VA_ARGS__)
#define ASSERT_LT(left, right, ...) ASSERT_COMPARE(left, <, right, __VA_ARGS__)
#define ASSERT_LE(left, right, ...) ASSERT_COMPARE(left, <=, right, __VA_ARGS__)
_Noreturn void panic_comparison(const char *file, int line, const char *comparison, uint64_t left,
                                uint64_t right, const char *format, ...) printf_like(6, 7);

#endif
