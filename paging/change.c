/* Changing ranges that are mapped: paging_unmap(), paging_protect(), paging_split(). */
#include "paging/table.h"

#include <asm/errno.h>

int paging_split(struct paging *paging, vaddr_t va, struct paging_flush *flush)
{
    if (PAGEOFFSET(va) || !paging_canonical(paging, va))
        return -EINVAL;
    struct vmiter it;
    vmiter_init(&it, paging, va);
    while (vmiter_present(&it) && (va & (vmiter_size(&it) - 1))) {
        int error = table_reach(&it, it.level - 1, flush);
        if (error)
            return error;
    }
    return 0;
}

/* Let no leaf stick out of the range, whose pages are all canonical. Where it ends with the low half or the address space, so does every
 * leaf. */
static int range_isolate(struct paging *paging, vaddr_t va, uint64_t size, struct paging_flush *flush)
{
    vaddr_t end = va + size;
    int error = paging_split(paging, va, flush);
    if (error == 0 && paging_canonical(paging, end))
        error = paging_split(paging, end, flush);
    return error;
}

int paging_unmap(struct paging *paging, vaddr_t va, uint64_t size, struct paging_flush *flush)
{
    int error = leaf_check_range(paging, va, size);
    if (error || size == 0)
        return error;
    error = range_isolate(paging, va, size, flush);
    if (error)
        return error;
    struct vmiter it;
    for (vmiter_init(&it, paging, va); it.va < va + (size - 1); vmiter_next(&it))
        if (vmiter_present(&it))
            vmiter_protect(&it, 0, flush);
    return 0;
}

int paging_protect(struct paging *paging, vaddr_t va, uint64_t size, uint64_t perm,
                   struct paging_flush *flush)
{
    int error = leaf_check_range(paging, va, size);
    if (error == 0)
        error = leaf_check_perm(paging, va, perm);
    if (error || size == 0)
        return error;
    error = range_isolate(paging, va, size, flush);
    if (error)
        return error;
    struct vmiter it;
    for (vmiter_init(&it, paging, va); it.va < va + (size - 1); vmiter_next(&it))
        vmiter_protect(&it, perm, flush);
    return 0;
}
