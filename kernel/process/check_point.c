/* See check_point.h. */
#include "kernel/process/check_point.h"

#include <asm/errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/debug/panic.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/memory_check.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"

#define CHECK_TRIES 20

static bool at_exit;
static uint64_t every; /* traps; 0: never */
static uint64_t traps; /* atomic */

void check_point_start(void)
{
    const char *value = option_value("check");

    at_exit = value != NULL && strcmp(value, "exit") == 0;
    if (value != NULL && !at_exit && option_number("check", &every) != 0)
        panic("check=%s: neither \"exit\" nor a number", value);
}

/* Another thread may be in the middle of a change, asleep: after some tries the next check point must do. */
static void check(void)
{
    int violations = memory_check();

    for (unsigned tries = 1; violations == -EAGAIN && tries < CHECK_TRIES; tries++) {
        scheduler_yield();
        violations = memory_check();
    }
    if (violations > 0)
        panic("memory_check found %d violations", violations);
}

void check_point_exit(const struct process *process)
{
    if (at_exit && process->parent == first_process)
        check();
}

bool check_point_counts(void)
{
    return every != 0;
}

void check_point_trap(void)
{
    if (every != 0 && __atomic_add_fetch(&traps, 1, __ATOMIC_RELAXED) % every == 0)
        check();
}
