#include "paging/ptiter.h"

#include "paging/table.h"

/* The first address that entry index[level] of the current path covers. */
static vaddr_t path_va(const struct ptiter *it, unsigned level)
{
    vaddr_t va = 0;
    for (unsigned l = it->paging->levels; l >= level; l--)
        va = table_index_va(it->paging, va, l, it->index[l]);
    return va;
}

/* From entry index[level] of table[level] on, find a table page, and in it the first one of the lowest level: its children come
 * before it. Without one, table[level] itself is next: all its children have been visited. */
static void visit_from(struct ptiter *it, unsigned level)
{
    const struct paging *paging = it->paging;
    unsigned last = level == paging->levels ? it->last : PAGING_TABLE_ENTRIES - 1;
    while (level > 1) {
        const pte_t *entries = table_entries(paging, it->table[level]);
        unsigned index = table_skip_empty(entries, it->index[level], last);
        while (index <= last && !pte_is_table(pte_read(&entries[index]), level))
            index = table_skip_empty(entries, index + 1, last);
        it->index[level] = index;
        if (index > last)
            break;
        pte_t entry = pte_read(&entries[index]);
        level--;
        last = PAGING_TABLE_ENTRIES - 1;
        it->table[level] = table_address(entry);
        it->index[level] = 0;
    }
    it->level = level;
    it->va = level < paging->levels ? path_va(it, level + 1) : 0;
}

void ptiter_init(struct ptiter *it, const struct paging *paging, unsigned first, unsigned last)
{
    it->paging = paging;
    it->last = last;
    it->table[paging->levels] = paging->root;
    it->index[paging->levels] = first;
    visit_from(it, paging->levels);
}

bool ptiter_active(const struct ptiter *it)
{
    return it->level < it->paging->levels;
}

void ptiter_next(struct ptiter *it)
{
    if (!ptiter_active(it))
        return;
    unsigned parent = it->level + 1;
    it->index[parent]++;
    visit_from(it, parent);
}

paddr_t ptiter_table(const struct ptiter *it)
{
    return it->table[it->level];
}

vaddr_t ptiter_va(const struct ptiter *it)
{
    return it->va;
}

vaddr_t ptiter_last_va(const struct ptiter *it)
{
    return it->va + (PAGING_SPAN(it->level + 1) - 1);
}
