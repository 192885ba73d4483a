/* Table pages: making them, going through them, breaking large leaves into them. Used inside paging/ only. */
#ifndef PAGING_TABLE_H
#define PAGING_TABLE_H

#include "paging/vmiter.h"

/* The entries of the table page at `table`. */
static inline pte_t *table_entries(const struct paging *paging, paddr_t table)
{
    if (paging->direct != 0)
        return (pte_t *)(uintptr_t)(paging->direct + table);
    return paging->ops->table_pointer(paging->context, table);
}

/* The table page that a table entry points at. */
static inline paddr_t table_address(pte_t entry)
{
    return entry & PTE_ADDRESS_MASK;
}

/* The first entry at or after `index` that is not zero; last + 1 when there is none up to `last`. Most tables of a process are nearly empty, so many are looked at in one go. */
static inline unsigned table_skip_empty(const pte_t *entries, unsigned index, unsigned last)
{
    while (index + 7 <= last) {
        const pte_t *at = &entries[index];
        if ((pte_read(&at[0]) | pte_read(&at[1]) | pte_read(&at[2]) | pte_read(&at[3]) | pte_read(&at[4]) |
             pte_read(&at[5]) | pte_read(&at[6]) | pte_read(&at[7])) != 0)
            break;
        index += 8;
    }
    while (index <= last && pte_read(&entries[index]) == 0)
        index++;
    return index;
}

/* First address below entry `index` of a table at `level` whose own first address is `va`; sign-extended at the root. */
vaddr_t table_index_va(const struct paging *paging, vaddr_t va, unsigned level, unsigned index);

/* Make the entry that decides it->va be one at `level` (at most it->level): make empty tables where nothing is mapped, split a leaf where
 * one is. Every mapping stays as it was, also on failure. -ENOMEM. */
int must_check table_reach(struct vmiter *it, unsigned level, struct paging_flush *flush);

#endif
