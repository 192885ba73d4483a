#include "paging/flush.h"

#include "paging/table.h"

/* Unlinked tables are chained through their first entry. The link is no present entry, so that a processor whose paging-structure
 * caches still know the table finds nothing there. */
#define CHAIN_LINK PTE_W

void flush_add(struct paging_flush *flush, vaddr_t va, uint64_t size, unsigned pages, pte_t entry)
{
    if (!flush)
        return;
    vaddr_t end = va + size ? va + size : VMITER_END;
    if (flush->start == flush->end) {
        flush->start = va;
        flush->end = end;
    }
    if (va < flush->start)
        flush->start = va;
    if (end > flush->end)
        flush->end = end;
    flush->pages += pages;
    flush->global |= (entry & PTE_G) != 0;
}

void flush_add_table(const struct paging *paging, struct paging_flush *flush, vaddr_t va, paddr_t table)
{
    pte_write(table_entries(paging, table), flush->tables == PADDR_NONE ? 0 : flush->tables | CHAIN_LINK);
    flush->tables = table;
    flush->structure = true;
    flush_add(flush, va, PAGE_SIZE, 0, 0);
}

void paging_flush_free_tables(struct paging *paging, struct paging_flush *flush)
{
    while (flush->tables != PADDR_NONE) {
        paddr_t table = flush->tables;
        pte_t link = pte_read(table_entries(paging, table));
        flush->tables = link ? table_address(link) : PADDR_NONE;
        paging->ops->table_free(paging->context, table);
    }
}
