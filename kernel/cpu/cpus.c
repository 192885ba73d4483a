/* See cpus.h. */
#include "kernel/cpu/cpus.h"

#include "kernel/cpu/tables.h"
#include "kernel/debug/panic.h"

struct cpu *cpus[CPU_MAX] = {&boot_cpu};
uint32_t cpu_count = 1;

void cpu_add(struct cpu *cpu)
{
    ASSERT_EQ(cpu->id, cpu_count, "processors are numbered in the order of their start");
    ASSERT_LT(cpu_count, CPU_MAX);
    cpus[cpu_count] = cpu;
    __atomic_store_n(&cpu_count, cpu_count + 1, __ATOMIC_RELEASE);
}

uint32_t cpu_mask_next(const struct cpu_mask *mask, uint32_t id)
{
    while (id < CPU_MAX) {
        uint64_t word = __atomic_load_n(&mask->word[id / 64], __ATOMIC_RELAXED) >> id % 64;
        if (word != 0)
            return id + (uint32_t)__builtin_ctzll(word);
        id = (id / 64 + 1) * 64;
    }
    return CPU_MAX;
}
