/* vmiter: walk a virtual address space page by page, with WeensyOS's meaning.
 *
 *     for (vmiter_init(&it, paging, 0); it.va < limit; vmiter_next(&it))
 *         if (vmiter_user(&it))
 *             ...vmiter_pa(&it)...
 *
 * Invariant: `entry` points at the entry that decides `va`: a leaf, or the first non-present entry on the way down; `level` is its
 * level. At VMITER_END it is an entry that is never present and must not be written. Changing tables by other means invalidates the
 * iterator; vmiter_find() on any address makes it valid again. Never sleeps, takes no lock.
 *
 * `flush` may be NULL only when no processor has the tables loaded, or where a function says what NULL means. */
#ifndef PAGING_VMITER_H
#define PAGING_VMITER_H

#include "paging/leaf.h"
#include "paging/paging.h"

struct vmiter {
    struct paging *paging;
    vaddr_t va;
    pte_t *entry;
    uint64_t above; /* effective P, W, U, NX of the levels above `entry`, as a perm */
    uint8_t level;
};

void vmiter_init(struct vmiter *it, struct paging *paging, vaddr_t va);

/* Go to `va`: any canonical address, or VMITER_END. A non-canonical address stands for the start of the high half. */
void vmiter_find(struct vmiter *it, vaddr_t va);

/* Bytes that the current entry covers: the leaf's size, or the hole's; 0 at VMITER_END. */
static inline uint64_t vmiter_size(const struct vmiter *it)
{
    return it->va == VMITER_END ? 0 : PAGING_SPAN(it->level);
}

static inline bool vmiter_present(const struct vmiter *it)
{
    return pte_read(it->entry) & PTE_P;
}

static inline bool vmiter_writable(const struct vmiter *it)
{
    return (pte_read(it->entry) & it->above & (PTE_P | PTE_W)) == (PTE_P | PTE_W);
}

static inline bool vmiter_user(const struct vmiter *it)
{
    return (pte_read(it->entry) & it->above & (PTE_P | PTE_U)) == (PTE_P | PTE_U);
}

/* Where `va` is mapped (offset in the leaf included); PADDR_NONE when it is not. */
static inline paddr_t vmiter_pa(const struct vmiter *it)
{
    pte_t entry = pte_read(it->entry);
    if (!(entry & PTE_P))
        return PADDR_NONE;
    return leaf_address(entry, it->level) | (it->va & (PAGING_SPAN(it->level) - 1));
}

/* Effective permission; 0 when not present. PAT is given as PERM_PAT whatever the leaf's size. */
static inline uint64_t vmiter_perm(const struct vmiter *it)
{
    pte_t entry = pte_read(it->entry);
    if (!(entry & PTE_P))
        return 0;
    return (leaf_perm(entry, it->level) & (it->above | ~(PTE_P | PTE_W | PTE_U))) | (it->above & PTE_NX);
}

/* vmiter_next() and vmiter_advance() where they leave the table, or the current table is not a level-1 one. */
void vmiter_next_table(struct vmiter *it);
void vmiter_advance_table(struct vmiter *it, uint64_t delta);

/* To the start of the next entry: the byte after the current leaf, or after the hole of the current entry. */
static inline void vmiter_next(struct vmiter *it)
{
    vaddr_t next = ROUND_DOWN(it->va, PAGE_SIZE) + PAGE_SIZE;
    if (it->level == 1 && PAGEINDEX(next, 1) != 0) {
        it->va = next;
        it->entry++;
    } else {
        vmiter_next_table(it);
    }
}

/* va += delta, page by page or anyhow. An address between the halves becomes the start of the high half; past the last page comes
 * VMITER_END. */
static inline void vmiter_advance(struct vmiter *it, uint64_t delta)
{
    vaddr_t to = it->va + delta;
    if (it->level == 1 && (it->va ^ to) < PAGING_SPAN(2) && to >= it->va && to != VMITER_END) {
        it->entry += (int64_t)(to >> PAGE_SHIFT) - (int64_t)(it->va >> PAGE_SHIFT);
        it->va = to;
    } else {
        vmiter_advance_table(it, delta);
    }
}

/* To the first address whose mapping is not the continuation of this one (other permission, frame not adjacent, or present / not
 * present changed). A and D do not count. */
void vmiter_next_range(struct vmiter *it);

/* Map the page at va (page-aligned) to pa with a leaf of `size` (PAGE_SIZE, PAGE_2M, PAGE_1G; va and pa aligned to it), making tables
 * as needed. What was mapped in the range by one entry is replaced and reported in `flush` (with a NULL flush: -EEXIST when something
 * is present there); a larger leaf is split first; a *table* in the way of a large leaf is -EEXIST, even an empty one. -ENOMEM leaves
 * every mapping as it was. -EINVAL as paging_map, and for a 1 GiB leaf without `pages_1g`. The iterator stays at va. */
int must_check vmiter_map(struct vmiter *it, paddr_t pa, uint64_t perm, uint64_t size,
                          struct paging_flush *flush);

/* Make the tables that a leaf of 4 KiB at va needs, where nothing is mapped, and map nothing: it->level is 1 afterwards. -EEXIST when va is mapped by a larger leaf; -ENOMEM leaves every mapping as
 * it was. Nothing is to be flushed. The iterator stays at va. */
int must_check vmiter_reach(struct vmiter *it);

/* Remove what is mapped in the `size` bytes at va, which is aligned to it: the whole leaf when it is of that size, a part of a larger
 * leaf after it was split (-ENOMEM leaves every mapping as it was), nothing where nothing is. A *table* in the way is -EEXIST; -EINVAL
 * for a wrong size or alignment. */
int must_check vmiter_unmap(struct vmiter *it, uint64_t size, struct paging_flush *flush);

/* Change the current leaf's P, W, U, NX and soft bits in place; the leaf keeps its size, memory type, G, A and D. What no Quire table
 * may hold is not given: W without NX (while nx is on) brings NX, U is dropped in the high half. Without P the leaf is removed. */
void vmiter_protect(struct vmiter *it, uint64_t perm, struct paging_flush *flush);

/* Inside paging/: follow tables down from the current entry until the invariant holds. */
void vmiter_descend(struct vmiter *it);

#endif
