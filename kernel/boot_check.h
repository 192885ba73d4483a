/* Believing the loader: boot_info is checked before use, then told in the log. */
#ifndef KERNEL_BOOT_CHECK_H
#define KERNEL_BOOT_CHECK_H

#include "efi/boot_info.h"

/* Panic, with the field, when the loader's struct is not one that this kernel understands. The log has no sink yet: what it says comes out once there is one. */
void boot_check(const struct boot_info *boot);

/* Log what the machine is: firmware, memory, framebuffer, the address space; and when the kernel was entered, in ticks of the TSC, from which
 * benchmarks count what it takes to the first user instruction. */
void boot_report(const struct boot_info *boot, uint64_t entered);

#endif
