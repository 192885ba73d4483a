/* The page of facts and the functions that every program gets mapped: how to tell the time without a system call.
 *
 * The functions are an ELF shared object whose address is in the auxiliary vector (AT_SYSINFO_EHDR), where C libraries look for it; the facts are the page below. Both are frames that all
 * processes map read-only. */
#ifndef KERNEL_VDSO_VDSO_H
#define KERNEL_VDSO_VDSO_H

#include "kernel/memory/address_space.h"

/* Make the pages: after the clock and all processors have started, before the first program. Without memory for them programs do without. */
void vdso_start(void);

/* Map it into a new space: the address of the ELF header in *header, 0 when there is none. -ENOMEM. */
int must_check vdso_map(struct address_space *space, vaddr_t *header);

#endif
