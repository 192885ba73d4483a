#include "efi/table_size.h"

#include "paging/paging.h"

/* Tables of one level that exist so far, counted in address order. */
struct table_count {
    unsigned level;
    uint64_t tables;
    uint64_t next; /* index of the first table not counted yet */
};

/* Count the tables that cover [start, last], both inclusive, so that the top of the address space needs no care. */
static void tables_cover(struct table_count *count, vaddr_t start, vaddr_t last)
{
    uint64_t reach = PAGING_SPAN(count->level) * PAGING_TABLE_ENTRIES;
    uint64_t first_table = start / reach;
    uint64_t last_table = last / reach;
    if (first_table < count->next)
        first_table = count->next;
    if (last_table < first_table)
        return;
    count->tables += last_table - first_table + 1;
    count->next = last_table + 1;
}

/* May the middle of this mapping use leaves one level above `level`? */
static bool leaves_above(const struct table_mapping *mapping, unsigned level, bool pages_1g)
{
    uint64_t leaf = PAGING_SPAN(level + 1);
    if (level + 1 > 3 || leaf > mapping->largest || (leaf == PAGE_1G && !pages_1g))
        return false;
    return ((mapping->va ^ mapping->pa) & (leaf - 1)) == 0;
}

/* The tables of one level that this mapping needs: all over its range, or only at its ragged ends. */
static void mapping_cover(struct table_count *count, const struct table_mapping *mapping, bool pages_1g)
{
    vaddr_t last = mapping->va + (mapping->size - 1);
    if (!leaves_above(mapping, count->level, pages_1g)) {
        tables_cover(count, mapping->va, last);
        return;
    }
    uint64_t leaf = PAGING_SPAN(count->level + 1);
    bool head = (mapping->va & (leaf - 1)) != 0;
    bool tail = (last & (leaf - 1)) != leaf - 1;
    if (head)
        tables_cover(count, mapping->va, mapping->va);
    if (tail && !(head && mapping->va / leaf == last / leaf))
        tables_cover(count, last, last);
}

uint64_t table_size_pages(const struct table_mapping *mappings, size_t count, unsigned levels, bool pages_1g)
{
    uint64_t pages = 1;
    for (unsigned level = 1; level < levels; ++level) {
        struct table_count tables = {level, 0, 0};
        for (size_t i = 0; i < count; ++i)
            if (mappings[i].size > 0)
                mapping_cover(&tables, &mappings[i], pages_1g);
        pages += tables.tables;
    }
    return pages;
}
