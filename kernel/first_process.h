/* From a running kernel to a running program: the file tree, then the first process, or the self-tests instead. */
#ifndef KERNEL_FIRST_PROCESS_H
#define KERNEL_FIRST_PROCESS_H

#include "efi/boot_info.h"

/* Start the kernel thread that does it. Panics when the machine has nothing to run. */
void first_process_prepare(const struct boot_info *boot);

#endif
