/* Changing one entry through an iterator: see vmiter.h. */
#include "paging/flush.h"
#include "paging/table.h"
#include "paging/vmiter.h"

#include <asm/errno.h>

/* What vmiter_protect() and paging_protect() may change. */
#define PROTECT_MASK (PTE_P | PTE_W | PTE_U | PTE_NX | PTE_SOFT0 | PTE_SOFT1 | PTE_SOFT2)

/* Put `entry` in place of the current leaf or hole; it->va is at its start. */
static void entry_set(struct vmiter *it, pte_t entry, struct paging_flush *flush)
{
    pte_t old = pte_exchange(it->entry, entry);
    if (old & PTE_P)
        flush_add(flush, ROUND_DOWN(it->va, PAGING_SPAN(it->level)), PAGING_SPAN(it->level), 1, old);
}

int vmiter_map(struct vmiter *it, paddr_t pa, uint64_t perm, uint64_t size, struct paging_flush *flush)
{
    const struct paging *paging = it->paging;
    unsigned level = leaf_level(size);
    if (level == 0 || (level == 3 && !paging->pages_1g) || ((it->va | pa) & (size - 1)))
        return -EINVAL;
    if (leaf_check_perm(paging, it->va, perm) || leaf_check_frames(paging, pa, size))
        return -EINVAL;
    if (it->level < level || (vmiter_present(it) && !flush))
        return -EEXIST;
    if (!perm_within(perm, it->above))
        return -EINVAL;
    int error = table_reach(it, level, flush);
    if (error)
        return error;
    entry_set(it, leaf_make(paging, pa, perm, level), flush);
    return 0;
}

int vmiter_reach(struct vmiter *it)
{
    if (it->va == VMITER_END)
        return -EINVAL;
    if (it->level > 1 && vmiter_present(it))
        return -EEXIST;
    return table_reach(it, 1, NULL);
}

int vmiter_unmap(struct vmiter *it, uint64_t size, struct paging_flush *flush)
{
    unsigned level = leaf_level(size);
    if (level == 0 || (it->va & (size - 1)))
        return -EINVAL;
    if (it->level < level)
        return -EEXIST;
    if (!vmiter_present(it))
        return 0;
    int error = table_reach(it, level, flush);
    if (error)
        return error;
    entry_set(it, 0, flush);
    return 0;
}

void vmiter_protect(struct vmiter *it, uint64_t perm, struct paging_flush *flush)
{
    pte_t old = pte_read(it->entry);
    if (!(old & PTE_P))
        return;
    if (!(perm & PTE_P)) {
        entry_set(it, 0, flush);
        return;
    }
    if (perm & PTE_W)
        perm |= PTE_NX;
    if (!it->paging->nx)
        perm &= ~PTE_NX;
    if (high_half(it->va))
        perm &= ~PTE_U;
    pte_t entry;
    do /* again when a processor set A or D meanwhile */
        entry = (old & ~PROTECT_MASK) | (perm & PROTECT_MASK);
    while (!pte_replace(it->entry, &old, entry));
    if (entry != old)
        flush_add(flush, ROUND_DOWN(it->va, PAGING_SPAN(it->level)), PAGING_SPAN(it->level), 1, old);
}
