/* From a running kernel to a running program: the file tree, then the first process, or the self-tests instead. */
#ifndef KERNEL_FIRST_PROCESS_H
#define KERNEL_FIRST_PROCESS_H

#include "efi/boot_info.h"
#include "paging/types.h"

/* Start the kernel thread that does it. Panics when the machine has nothing to run. */
void first_process_prepare(const struct boot_info *boot);

/* Add the environment that programs which the kernel starts have: the usual variables, and those of env.NAME=VALUE options. -ENOMEM, -E2BIG. */
struct exec_arguments;
int must_check first_process_environment(struct exec_arguments *arguments);

#endif
