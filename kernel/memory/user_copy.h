/* The only way to touch user memory: copies with fault fix-ups, inside SMAP windows.
 *
 * A __user pointer cannot be dereferenced by accident. Every address is checked against the user half first; a page that is not there is
 * filled in by the fault handler as if the process had touched it, so these may sleep: hold no spinlock and not the address space's mutex.
 * They act on the current address space. */
#ifndef KERNEL_MEMORY_USER_COPY_H
#define KERNEL_MEMORY_USER_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

#define __user                      __attribute__((noderef, address_space(1)))

/* A user address out of an integer (system-call argument), and back. */
#define user_pointer(type, address) ((type __user *)(uintptr_t)(address))
#define user_address(pointer)       ((vaddr_t)(uintptr_t)(pointer))

/* All `size` bytes, or -EFAULT (the destination may then be partly written). */
int must_check copy_from_user(void *to, const void __user *from, size_t size);
int must_check copy_to_user(void __user *to, const void *from, size_t size);
int must_check clear_user(void __user *to, size_t size);

/* The same, but tells how far it came: the number of bytes NOT copied or cleared. For read() and write(), which report partial success. */
size_t must_check copy_from_user_partial(void *to, const void __user *from, size_t size);
size_t must_check copy_to_user_partial(void __user *to, const void *from, size_t size);
size_t must_check clear_user_partial(void __user *to, size_t size);

/* A terminated string of at most size-1 bytes: its length; -EFAULT; -ENAMETOOLONG when no terminator came in time. */
long must_check user_string(char *to, const char __user *from, size_t size);

/* [address, address+size) lies in the user half (mapped or not). An empty range is fine anywhere in it. */
bool user_range(vaddr_t address, uint64_t size);

#endif
