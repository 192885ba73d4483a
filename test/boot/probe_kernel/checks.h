/* The promises of efi/boot_info.h, one function for each part of it. All print what is broken and go on. */
#ifndef PROBE_CHECKS_H
#define PROBE_CHECKS_H

#include "efi/boot_info.h"

struct probe_registers {
    uint64_t stack_pointer;
    uint64_t flags;
};

void check_registers(const struct boot_info *info, const struct probe_registers *registers);
void check_information(const struct boot_info *info);
void check_memory_map(const struct boot_info *info);
void check_ranges(const struct boot_info *info);
void check_tables(const struct boot_info *info);

/* The cleaned map, through the direct map. */
const struct boot_memory *probe_memory_map(const struct boot_info *info);

/* Is this entry in the direct map by contract? */
int probe_direct_mapped(const struct boot_memory *memory);

/* Where a physical address of RAM is seen. */
void *probe_pointer(uint64_t physical);

/* What CPUID says. */
struct probe_cpu {
    unsigned physical_width;
    int nx, pat, pages_1g, la57;
};
struct probe_cpu probe_cpu(void);

#endif
