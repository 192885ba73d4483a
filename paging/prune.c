/* Table pages that are no longer needed: paging_prune() and paging_free(). */
#include "paging/flush.h"
#include "paging/ptiter.h"
#include "paging/table.h"

struct prune {
    struct paging *paging;
    struct paging_flush *flush;
    vaddr_t first, last; /* byte addresses, both inside */
};

/* Unlink what is empty below a table at `level` (at most five deep) whose range begins at `va`. Whether the table itself lies wholly
 * inside and is empty now. */
static bool prune_below(const struct prune *prune, paddr_t table, unsigned level, vaddr_t va)
{
    struct paging *paging = prune->paging;
    pte_t *entries = table_entries(paging, table);
    vaddr_t va_last = table_index_va(paging, va, level, PAGING_TABLE_ENTRIES - 1) + (PAGING_SPAN(level) - 1);
    unsigned first = prune->first <= va ? 0 : PAGEINDEX(prune->first, level);
    unsigned last = prune->last >= va_last ? PAGING_TABLE_ENTRIES - 1 : PAGEINDEX(prune->last, level);
    bool empty = prune->first <= va && prune->last >= va_last;
    if (level == 1 && !empty)
        return false;

    for (unsigned i = table_skip_empty(entries, first, last); i <= last;
         i = table_skip_empty(entries, i + 1, last)) {
        pte_t entry = pte_read(&entries[i]);
        vaddr_t below = table_index_va(paging, va, level, i);
        if (pte_is_table(entry, level) && prune_below(prune, table_address(entry), level - 1, below)) {
            pte_write(&entries[i], 0);
            flush_add_table(paging, prune->flush, below, table_address(entry));
        } else {
            empty = false; /* present, or a mark that the owner keeps in an absent page's entry */
        }
    }
    return empty;
}

void paging_prune(struct paging *paging, vaddr_t start, vaddr_t end, struct paging_flush *flush)
{
    struct prune prune = {paging, flush, start, end == VMITER_END ? VMITER_END : end - 1};
    if (start < end)
        prune_below(&prune, paging->root, paging->levels, 0);
}

void paging_free(struct paging *paging, unsigned first, unsigned last)
{
    struct ptiter it;
    for (ptiter_init(&it, paging, first, last); ptiter_active(&it); ptiter_next(&it))
        paging->ops->table_free(paging->context, ptiter_table(&it));
    if (first == 0 && last == PAGING_TABLE_ENTRIES - 1) {
        paging->ops->table_free(paging->context, paging->root);
        paging->root = PADDR_NONE;
        return;
    }
    pte_t *root = table_entries(paging, paging->root);
    for (unsigned i = first; i <= last; i++)
        pte_write(&root[i], 0);
}
