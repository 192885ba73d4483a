/* All processors that run, and sets of them.
 *
 * Numbers are dense: 0 is the boot CPU, others get theirs when they have come up and keep it for good. A CPU that does not answer has none. */
#ifndef KERNEL_CPU_CPUS_H
#define KERNEL_CPU_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/debug/cpu_local.h"

#define CPU_MAX        256
#define CPU_MASK_WORDS (CPU_MAX / 64)

/* cpus[0 .. cpu_count). An entry is complete before the count covers it. */
extern struct cpu *cpus[CPU_MAX];
extern uint32_t cpu_count;

static inline uint32_t cpu_count_now(void)
{
    return __atomic_load_n(&cpu_count, __ATOMIC_ACQUIRE);
}

/* Enter a CPU; its number is cpu_count before the call. One at a time: the boot CPU starts the others one after the other. */
void cpu_add(struct cpu *cpu);

/* --- sets --- */

struct cpu_mask {
    uint64_t word[CPU_MASK_WORDS];
};

#define CPU_MASK_ALL                                                                                         \
    (struct cpu_mask)                                                                                        \
    {                                                                                                        \
        .word = { [0 ... CPU_MASK_WORDS - 1] = ~UINT64_C(0) }                                                \
    }

static inline bool cpu_mask_has(const struct cpu_mask *mask, uint32_t id)
{
    return __atomic_load_n(&mask->word[id / 64], __ATOMIC_RELAXED) >> id % 64 & 1;
}

/* Atomic and ordered against everything before and after; what the bit was. */
static inline bool cpu_mask_set(struct cpu_mask *mask, uint32_t id)
{
    return __atomic_fetch_or(&mask->word[id / 64], UINT64_C(1) << id % 64, __ATOMIC_SEQ_CST) >> id % 64 & 1;
}

static inline bool cpu_mask_clear(struct cpu_mask *mask, uint32_t id)
{
    return __atomic_fetch_and(&mask->word[id / 64], ~(UINT64_C(1) << id % 64), __ATOMIC_SEQ_CST) >> id % 64 &
           1;
}

/* The first member at or above `id`; CPU_MAX when there is none. */
uint32_t cpu_mask_next(const struct cpu_mask *mask, uint32_t id);

/* --- what a CPU has to do before it goes back to user mode; atomic, because others may add to it --- */

static inline void cpu_work_add(struct cpu *cpu, uint32_t work)
{
    __atomic_or_fetch(&cpu->work, work, __ATOMIC_RELAXED);
}

static inline void cpu_work_done(uint32_t work)
{
    struct cpu *cpu = cpu_current();

    if (__atomic_load_n(&cpu->work, __ATOMIC_RELAXED) & work)
        __atomic_and_fetch(&cpu->work, ~work, __ATOMIC_RELAXED);
}

#endif
