/* Between a physical address in RAM and where the kernel sees it. Pure arithmetic on the drawing in paging/layout.h; the caller knows
 * that the address is RAM that the loader put into the direct map. */
#ifndef KERNEL_LIB_DIRECT_MAP_H
#define KERNEL_LIB_DIRECT_MAP_H

#include "paging/layout.h"

static inline void *direct_map(paddr_t pa)
{
    return (void *)(DIRECT_MAP_BASE + pa);
}

/* The inverse, for pointers that direct_map() gave. */
static inline paddr_t direct_map_pa(const void *pointer)
{
    return (vaddr_t)pointer - DIRECT_MAP_BASE;
}

#endif
