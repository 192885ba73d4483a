/* The kernel half of every address space: the loader's tables taken over, device registers, guarded stacks.
 *
 * The top-level entries of the high half are all made here, once, so that every process's root shares them from the first day on and no update ever has to be copied. Lock:
 * kernel_space.lock (LOCK_KERNEL_MAP). Any context but NMI; never sleeps. */
#ifndef KERNEL_MEMORY_KERNEL_SPACE_H
#define KERNEL_MEMORY_KERNEL_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "efi/boot_info.h"
#include "paging/paging.h"

/* The kernel's own tables; their low half is empty once kernel_space_drop_low() has run. */
extern struct paging kernel_paging;

/* Step 1, before frames exist: describe the loader's tables. */
void kernel_space_describe(const struct boot_info *boot);

/* Step 2: fill every top-level entry of the high half, guard the boot and interrupt stacks. */
void kernel_space_start(void);

/* Step 3, when nothing of the loader's identity maps is needed any more: unmap the low half. */
void kernel_space_drop_low(void);

/* Map [pa, pa+size) of a device with `perm`'s memory type (PERM_UNCACHED, PERM_WRITE_COMBINING, PERM_WRITE_BACK); any alignment. NULL when there is no memory or no such
 * physical address. Never unmapped. */
must_check volatile void *kernel_map_device(paddr_t pa, size_t size, uint64_t type);

/* Zeroed pages of the kernel's own, mapped one by one so that some can be made guards; `size` is rounded up. NULL: no memory. Never given back. */
must_check void *kernel_pages_alloc(size_t size);

/* Unmap one of those pages, or one of the image's, for good: an access there is a bug to be found. No other CPU may have used it. */
void kernel_page_guard(vaddr_t va);

/* Kernel stacks: KERNEL_STACK_SIZE bytes with an unmapped page below. The lowest address of the stack, or 0. */
#define KERNEL_STACK_SIZE (4 * PAGE_SIZE)
must_check vaddr_t kernel_stack_alloc(void);
void kernel_stack_free(vaddr_t stack);

/* Frames of stacks that are kept for the next threads; and give them back: true when there were any. Thread context, no spinlock held. */
uint64_t kernel_stacks_cached(void);
bool kernel_stacks_drop_cached(void);

/* Whether `va` is in the guard page of some kernel stack. */
bool kernel_stack_guard(vaddr_t va);

/* A physical range lies in RAM that the direct map holds: firmware tables can be read there. */
bool direct_map_covers(paddr_t pa, uint64_t size);

/* Give this root (a fresh page) the kernel half. */
void kernel_space_share(struct paging *paging);

/* Root index of the first entry that belongs to the kernel: 256, or 511 with five levels. */
unsigned kernel_space_first_index(void);

#endif
