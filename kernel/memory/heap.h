/* The kernel's heap: memory of any size for the kernel's own objects.
 *
 * Small sizes come from slabs, one frame each and one size class a slab; larger ones are whole blocks of frames. Pointers are in the
 * direct map, 16-byte aligned (page-aligned from half a page on). Any context but NMI; never sleeps. Lock: heap.lock (LOCK_HEAP). */
#ifndef KERNEL_MEMORY_HEAP_H
#define KERNEL_MEMORY_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

/* `size` bytes (0 counts as 1), undefined contents; NULL when memory is exhausted or the size is over 4 MiB. */
must_check void *heap_alloc(size_t size);
must_check void *heap_alloc_zeroed(size_t size);

/* Give it back; NULL is fine. Anything that heap_alloc() did not give, or twice, panics. */
void heap_free(void *pointer);

/* How many objects a slab holds, used and free; for the checker. */
struct frame;
unsigned heap_slab_objects(const struct frame *slab);

/* Bytes handed out now, rounded up to what they occupy: for leak checks. */
uint64_t heap_bytes_used(void);

#endif
