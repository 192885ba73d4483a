/* Reading and writing an address space from outside, whether it is loaded or not: for exec, fork and the debugger. */
#ifndef KERNEL_MEMORY_SPACE_ACCESS_H
#define KERNEL_MEMORY_SPACE_ACCESS_H

#include <stddef.h>

#include "kernel/memory/address_space.h"

/* Copy as the process itself would: pages are filled in, copy-on-write is broken, protection holds. 0; -EFAULT; -ENOMEM. May sleep. */
int must_check space_write(struct address_space *space, vaddr_t to, const void *from, size_t size);
int must_check space_read(struct address_space *space, void *to, vaddr_t from, size_t size);

#endif
