/* Prototypes of the memory calls; the table refers to them by symbol. */
#ifndef SYSCALLS_MEMORY_H
#define SYSCALLS_MEMORY_H

#include <stdint.h>

long sys_mmap(uint64_t address, uint64_t size, uint64_t protection, uint64_t flags, int descriptor,
              uint64_t offset);
long sys_munmap(uint64_t address, uint64_t size);
long sys_mprotect(uint64_t address, uint64_t size, uint64_t protection);
long sys_brk(uint64_t end);

#endif
