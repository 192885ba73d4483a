/* The table of handlers, made from table.h; the calls it does not have; the tracer, and counting for `check=N`. */
#include <asm/errno.h>
#include <asm/unistd.h>
#include <stddef.h>

#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/log.h"
#include "kernel/process/check_point.h"
#include "kernel/process/process.h"
#include "syscalls/syscall.h"

/* Entries of the table: one more than the highest number in table.h may be. */
#define SYSCALL_COUNT 450

/* All handlers fit one type: integer and pointer arguments are in the same registers (ABI 3.2.3), and a handler reads only those it has. */
typedef long syscall_handler(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

#define CALL(name, arguments) extern char sys_##name[];
#include "syscalls/table.h"
#undef CALL

static long call_unknown(void);

/* For entry.S. What no line of table.h overrides is unknown. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
#define CALL(name, arguments) [__NR_##name] = sys_##name,
const void *const syscall_table[SYSCALL_COUNT] = {
    [0 ... SYSCALL_COUNT - 1] = (const void *)call_unknown,
#include "syscalls/table.h"
};
#undef CALL
#pragma clang diagnostic pop

#define CALL(name, arguments) [__NR_##name] = {#name, arguments},
static const struct {
    const char *name, *arguments;
} descriptions[SYSCALL_COUNT] = {
#include "syscalls/table.h"
};
#undef CALL

#define WATCH_TRACE 1u
#define WATCH_CHECK 2u
static uint8_t watched; /* bits; atomic */

/* Numbers below it entry.S calls by the table; the others go through syscall_watch(): what has no entry, or all while anybody watches. Atomic. */
uint64_t syscall_direct = SYSCALL_COUNT;

void syscall_entry(void);
void syscall_entry_compatibility(void);
long syscall_watch(struct trap_frame *frame);

static void watch_set(uint8_t bit, bool on)
{
    uint8_t now;

    if (on)
        __atomic_fetch_or(&watched, bit, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(&watched, (uint8_t)~bit, __ATOMIC_SEQ_CST);
    /* Another CPU may be here, too: the last to store has seen all that is set. */
    do {
        now = __atomic_load_n(&watched, __ATOMIC_SEQ_CST);
        __atomic_store_n(&syscall_direct, now != 0 ? 0 : SYSCALL_COUNT, __ATOMIC_SEQ_CST);
    } while (__atomic_load_n(&watched, __ATOMIC_SEQ_CST) != now);
}

void syscall_start(void)
{
    /* SYSCALL takes CS and SS from bits 47:32, SYSRETQ from 63:48 (+16 and +8). */
    wrmsr(MSR_STAR, (uint64_t)SELECTOR_KERNEL_CODE << 32 | (uint64_t)(SELECTOR_USER_BASE | 3) << 48);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_CSTAR, (uint64_t)syscall_entry_compatibility);
    wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC);
    if (check_point_counts())
        watch_set(WATCH_CHECK, true);
}

void syscall_trace_set(bool on)
{
    watch_set(WATCH_TRACE, on);
}

#define UNKNOWN_NUMBERS 1024

/* Each unknown number is logged once: programs try calls and live without them. */
static long syscall_unknown(const struct trap_frame *frame)
{
    static uint64_t logged[UNKNOWN_NUMBERS / 64];
    uint64_t number = frame->error;

    if (number < UNKNOWN_NUMBERS) {
        uint64_t bit = UINT64_C(1) << number % 64;
        if (__atomic_fetch_or(&logged[number / 64], bit, __ATOMIC_RELAXED) & bit)
            return -ENOSYS;
    }
    log_info("system call %lu of %s (%d) is not known: -ENOSYS", number, current_process()->name,
             current_process()->pid);
    return -ENOSYS;
}

static long call_unknown(void)
{
    return syscall_unknown(syscall_frame());
}

/* One argument as its kind reads best. What snprintf() would have written. */
static int argument_format(char *to, size_t size, char kind, uint64_t value)
{
    char text[48];

    switch (kind) {
    case 'd':
    case 'f':
    case 't':
    case 'g':
        return snprintf(to, size, "%d", (int)value);
    case 'u':
    case 'z':
        return snprintf(to, size, "%lu", value);
    case 's':
        if (user_string(text, user_pointer(const char, value), sizeof(text)) >= 0)
            return snprintf(to, size, "\"%s\"", text);
        __attribute__((fallthrough));
    default:
        return snprintf(to, size, "%#lx", value);
    }
}

static void arguments_format(char *to, size_t size, const char *kinds, const uint64_t value[6])
{
    size_t length = 0;

    to[0] = '\0';
    for (unsigned i = 0; kinds[i] != '\0'; i++) {
        if (i > 0 && length < size)
            length += (size_t)snprintf(to + length, size - length, ", ");
        if (length < size)
            length += (size_t)argument_format(to + length, size - length, kinds[i], value[i]);
    }
}

long syscall_call(uint64_t number, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth,
                  uint64_t fifth, uint64_t sixth)
{
    syscall_handler *handler = (syscall_handler *)(uintptr_t)syscall_table[number];

    return handler(first, second, third, fourth, fifth, sixth);
}

long syscall_watch(struct trap_frame *frame)
{
    const uint64_t value[6] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    uint64_t number = frame->error;
    bool trace = watched & WATCH_TRACE;
    char arguments[160];
    int pid = current_process()->pid;

    if (number >= SYSCALL_COUNT || descriptions[number].name == NULL)
        return syscall_unknown(frame);
    if (trace) {
        arguments_format(arguments, sizeof(arguments), descriptions[number].arguments, value);
        log_info("[%d] %s(%s)", pid, descriptions[number].name, arguments);
    }
    long result = syscall_call(number, value[0], value[1], value[2], value[3], value[4], value[5]);
    if (trace)
        log_info("[%d] %s -> %ld", pid, descriptions[number].name, result);
    if (watched & WATCH_CHECK)
        check_point_trap();
    return result;
}
