/* Leaves: how a perm and an address become an entry of a given level, and back. Used inside paging/; vmiter.h needs it for its
 * inline functions. Pure functions: no state, no locks. */
#ifndef PAGING_LEAF_H
#define PAGING_LEAF_H

#include "paging/paging.h"

/* The entry for a leaf at `level` that maps `pa` with `perm`, in this machine's terms: NX, G and PAT are left out where `paging`
 * says that the processor has none, and the PAT bit is put where this level has it. */
pte_t leaf_make(const struct paging *paging, paddr_t pa, uint64_t perm, unsigned level);

/* Why `perm` must not be given to pages of the half `va` lies in: 0, or -EINVAL (no P, bits that no perm has, W without NX while nx
 * is on, U in the high half). */
int must_check leaf_check_perm(const struct paging *paging, vaddr_t va, uint64_t perm);

/* 0 when [va, va+size) is page-aligned, canonical, in one half of the address space and does not wrap; otherwise -EINVAL. Of an empty
 * range only the alignment matters. */
int must_check leaf_check_range(const struct paging *paging, vaddr_t va, uint64_t size);

/* 0 when [pa, pa+size) is page-aligned and the processor has such addresses; otherwise -EINVAL. */
int must_check leaf_check_frames(const struct paging *paging, paddr_t pa, uint64_t size);

/* Level of a leaf of `size` bytes, 0 when there is none of that size. */
unsigned leaf_level(uint64_t size);

/* The reserved bits that are set in a present entry of a table at `level` (SDM vol. 3A, 4.5): the processor refuses such an entry. */
uint64_t leaf_reserved(const struct paging *paging, pte_t entry, unsigned level);

/* First byte that a leaf at `level` maps. */
static inline paddr_t leaf_address(pte_t entry, unsigned level)
{
    return entry & PTE_ADDRESS_MASK & ~(PAGING_SPAN(level) - 1);
}

/* The perm of a leaf at `level`, as if the levels above allowed all. */
static inline uint64_t leaf_perm(pte_t entry, unsigned level)
{
    uint64_t perm = entry & PERM_MASK;
    if (level == 1) {
        perm &= ~PERM_PAT;
        if (entry & PTE_PAT_SMALL)
            perm |= PERM_PAT;
    }
    return perm;
}

/* What is left of `above`, the effective permission so far, below `entry`: AND of P, W and U, OR of NX. */
static inline uint64_t perm_below(uint64_t above, pte_t entry)
{
    return (above & (entry | PTE_NX)) | (entry & PTE_NX);
}

/* A leaf below tables that allow `above` can have all that `perm` allows. */
static inline bool perm_within(uint64_t perm, uint64_t above)
{
    return !(perm & ~above & (PTE_W | PTE_U)) && !(above & ~perm & PTE_NX);
}

/* va lies in the half that belongs to the kernel, where no entry ever gets U. */
static inline bool high_half(vaddr_t va)
{
    return va >> 63;
}

#endif
