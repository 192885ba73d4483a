/* Prototypes of the memory calls; the table refers to them by symbol. */
#ifndef SYSCALLS_MEMORY_H
#define SYSCALLS_MEMORY_H

#include <stdint.h>

#include "kernel/memory/user_copy.h"

long sys_mmap(uint64_t address, uint64_t size, uint64_t protection, uint64_t flags, int descriptor,
              uint64_t offset);
long sys_munmap(uint64_t address, uint64_t size);
long sys_mprotect(uint64_t address, uint64_t size, uint64_t protection);
long sys_brk(uint64_t end);
long sys_mremap(uint64_t old, uint64_t old_size, uint64_t new_size, uint64_t flags, uint64_t address);
long sys_madvise(uint64_t address, uint64_t size, int advice);
long sys_mincore(uint64_t address, uint64_t size, uint8_t __user *to);
long sys_msync(uint64_t address, uint64_t size, int flags);

#endif
