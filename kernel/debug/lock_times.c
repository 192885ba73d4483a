/* See lock_times.h. The longest of each kind is kept in one table for all CPUs; it is written seldom, under a flag that nobody waits for: who finds it set loses his measurement. */
#include "kernel/debug/lock_times.h"

#include <stddef.h>

#include "kernel/debug/cpu_local.h"

bool lock_times_on;

static struct lock_time longest[LOCK_TIMES_KINDS];
static bool writing;

uint64_t lock_times_now(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

void lock_times_set(bool on)
{
    __atomic_store_n(&lock_times_on, false, __ATOMIC_SEQ_CST);
    for (unsigned kind = 0; kind < LOCK_TIMES_KINDS; kind++)
        longest[kind] = (struct lock_time){0};
    __atomic_store_n(&lock_times_on, on, __ATOMIC_SEQ_CST);
}

bool lock_times_get(unsigned kind, struct lock_time *out)
{
    *out = longest[kind];
    return out->count > 0;
}

void lock_times_note(unsigned kind, const char *name, uint64_t since, const void *from, const void *to)
{
    uint64_t ticks = lock_times_now() - since;
    struct lock_time *known = &longest[kind];

    __atomic_add_fetch(&known->count, 1, __ATOMIC_RELAXED);
    /* It was switched on in between, or the counters of two CPUs differ. */
    if (since == 0 || (int64_t)ticks < 0)
        return;
    if (ticks <= __atomic_load_n(&known->ticks, __ATOMIC_RELAXED) ||
        __atomic_exchange_n(&writing, true, __ATOMIC_ACQUIRE))
        return;
    if (ticks > known->ticks) {
        known->ticks = ticks;
        known->name = name;
        known->from = from;
        known->to = to;
        known->cpu = cpu_current()->id;
    }
    __atomic_store_n(&writing, false, __ATOMIC_RELEASE);
}

void interrupts_off_begin(void)
{
    struct cpu *cpu = cpu_current();

    cpu->interrupts_off_at = __builtin_return_address(0);
    cpu->interrupts_off_since = lock_times_now();
}

void interrupts_off_end(void)
{
    interrupts_off_end_at(__builtin_return_address(0));
}

void interrupts_off_end_at(const void *place)
{
    struct cpu *cpu = cpu_current();

    if (cpu->interrupts_off_since != 0)
        lock_times_note(LOCK_TIMES_INTERRUPTS, NULL, cpu->interrupts_off_since, cpu->interrupts_off_at,
                        place);
    cpu->interrupts_off_since = 0;
}
