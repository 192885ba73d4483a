#include "paging/table.h"

#include "paging/flush.h"
#include "paging/leaf.h"

#include <asm/errno.h>

/* Intermediate entries allow all, so that the leaf decides; but in the high half not U, so that no leaf can give it. */
static pte_t table_link(vaddr_t va, paddr_t table)
{
    return table | PTE_P | PTE_W | (high_half(va) ? 0 : PTE_U);
}

int paging_init(struct paging *paging)
{
    paging->root = paging->ops->table_alloc(paging->context);
    return paging->root == PADDR_NONE ? -ENOMEM : 0;
}

vaddr_t table_index_va(const struct paging *paging, vaddr_t va, unsigned level, unsigned index)
{
    va += index * PAGING_SPAN(level);
    return paging_canonical(paging, va) ? va : va | UINT64_MAX << (PAGE_SHIFT + 9 * paging->levels);
}

static void table_fill(const struct paging *paging, paddr_t table, pte_t leaf, unsigned level)
{
    pte_t *entries = table_entries(paging, table);
    uint64_t span = PAGING_SPAN(level - 1);
    pte_t small = leaf & ~(PTE_ADDRESS_MASK & (PAGING_SPAN(level) - 1));
    if (level == 2) {
        small &= ~PTE_PS;
        if (leaf & PTE_PAT_LARGE)
            small |= PTE_PAT_SMALL;
    } else {
        small |= leaf & PTE_PAT_LARGE;
    }
    for (unsigned i = 0; i < PAGING_TABLE_ENTRIES; i++)
        pte_write(&entries[i], small + i * span);
}

/* Replace the leaf under the iterator by a table of leaves one level smaller that map the same. */
static void table_split(struct vmiter *it, paddr_t table, struct paging_flush *flush)
{
    pte_t leaf = pte_read(it->entry);
    vaddr_t va = ROUND_DOWN(it->va, PAGING_SPAN(it->level));
    do /* again when a processor set A or D meanwhile */
        table_fill(it->paging, table, leaf, it->level);
    while (!pte_replace(it->entry, &leaf, table_link(va, table)));
    flush_add(flush, va, PAGING_SPAN(it->level), 1, leaf);
}

int table_reach(struct vmiter *it, unsigned level, struct paging_flush *flush)
{
    struct paging *paging = it->paging;
    while (it->level > level) {
        paddr_t table = paging->ops->table_alloc(paging->context);
        if (table == PADDR_NONE)
            return -ENOMEM;
        if (vmiter_present(it))
            table_split(it, table, flush);
        else
            pte_write(it->entry, table_link(it->va, table));
        vmiter_descend(it);
    }
    return 0;
}
