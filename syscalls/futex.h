/* Prototypes of the futex calls. */
#ifndef SYSCALLS_FUTEX_H
#define SYSCALLS_FUTEX_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"

long sys_futex(uint64_t address, int operation, uint32_t value, uint64_t timeout, uint64_t second,
               uint32_t third);
long sys_set_robust_list(uint64_t head, size_t size);
long sys_get_robust_list(int tid, uint64_t __user *head, uint64_t __user *size);

#endif
