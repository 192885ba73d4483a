/* How many table pages a set of mappings takes, computed before the first is allocated: the pool is one allocation of exactly that.
 *
 * Pure: no firmware call, no allocation, no state. Agrees with what paging_map() uses, page for page. */
#ifndef EFI_TABLE_SIZE_H
#define EFI_TABLE_SIZE_H

#include "paging/types.h"

/* One paging_map() call. */
struct table_mapping {
    vaddr_t va;
    paddr_t pa;
    uint64_t size;
    uint64_t perm;
    uint64_t largest; /* PAGE_SIZE, PAGE_2M or PAGE_1G */
};

/* Table pages for `mappings`, which are sorted by address, page-aligned and do not overlap; the root counts. `levels` is 4 or 5. */
uint64_t table_size_pages(const struct table_mapping *mappings, size_t count, unsigned levels, bool pages_1g);

#endif
