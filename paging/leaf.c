#include "paging/leaf.h"

#include <asm/errno.h>

/* PAT index 5, which only a PAT-capable processor can be told. */
#define PAT_INDEX_MASK (PERM_PAT | PTE_PCD | PTE_PWT)

pte_t leaf_make(const struct paging *paging, paddr_t pa, uint64_t perm, unsigned level)
{
    if (!paging->nx)
        perm &= ~PTE_NX;
    if (!paging->global)
        perm &= ~PTE_G;
    if (!paging->pat) {
        if ((perm & PAT_INDEX_MASK) == PERM_WRITE_COMBINING)
            perm |= PERM_UNCACHED;
        perm &= ~PERM_PAT;
    }
    if (level > 1)
        perm |= PTE_PS;
    else if (perm & PERM_PAT)
        perm ^= PERM_PAT | PTE_PAT_SMALL;
    return pa | perm;
}

int leaf_check_perm(const struct paging *paging, vaddr_t va, uint64_t perm)
{
    if (!(perm & PTE_P) || (perm & ~PERM_MASK))
        return -EINVAL;
    if (paging->nx && (perm & PTE_W) && !(perm & PTE_NX))
        return -EINVAL;
    if (high_half(va) && (perm & PTE_U))
        return -EINVAL;
    return 0;
}

int leaf_check_range(const struct paging *paging, vaddr_t va, uint64_t size)
{
    if (PAGEOFFSET(va | size))
        return -EINVAL;
    if (size == 0)
        return 0;
    vaddr_t last = va + (size - 1);
    if (last < va || !paging_canonical(paging, va) || !paging_canonical(paging, last))
        return -EINVAL;
    return high_half(va) == high_half(last) ? 0 : -EINVAL;
}

int leaf_check_frames(const struct paging *paging, paddr_t pa, uint64_t size)
{
    uint64_t limit = UINT64_C(1) << paging->physical_width;
    return PAGEOFFSET(pa | size) || pa > limit || size > limit - pa ? -EINVAL : 0;
}

unsigned leaf_level(uint64_t size)
{
    for (unsigned level = 1; level <= 3; level++)
        if (size == PAGING_SPAN(level))
            return level;
    return 0;
}

uint64_t leaf_reserved(const struct paging *paging, pte_t entry, unsigned level)
{
    uint64_t reserved = PTE_ADDRESS_MASK & ~((UINT64_C(1) << paging->physical_width) - 1);
    if (!paging->nx)
        reserved |= PTE_NX;
    if (level >= 4 || (level == 3 && !paging->pages_1g))
        reserved |= PTE_PS;
    if (level > 1 && pte_is_leaf(entry, level)) /* from the PAT bit up to the leaf's alignment */
        reserved |= (PAGING_SPAN(level) - 1) & ~((PTE_PAT_LARGE << 1) - 1);
    return entry & reserved;
}
