/* Giving back the pages and tables of a space that ends: along its regions, because what no region covers is not there, and most of a table is empty.
 *
 * Almost: a table that was made, and is not needed since the next one could not be had or its pages were given up one by one, may stay when its region goes. So the tables that regions lead to
 * are counted first; where they are not all, everything is searched. Tables given back the quick way are all zeroes again, and serve as fresh ones as they are. */
#include "kernel/debug/panic.h"
#include "kernel/lib/direct_map.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"
#include "paging/table.h"

struct end {
    struct address_space *space;
    struct region *region; /* the first that ends after what has been seen */
};

/* The pages that were given back. */
static uint64_t leaf_drop(pte_t entry, unsigned level)
{
    uint64_t size = PAGING_SPAN(level);

    if (!(entry & PTE_P) && !leaf_parked(entry))
        return 0;
    page_frame_put(frame_of(entry & leaf_address_mask(size)));
    return size / PAGE_SIZE;
}

/* The next piece of [at, limit) that regions touch, in entries of `span` bytes. false: there is none. */
static bool piece_next(struct end *end, vaddr_t at, vaddr_t limit, uint64_t span, vaddr_t *first,
                       vaddr_t *last)
{
    if (at == limit)
        return false;
    while (end->region != NULL && end->region->end <= at)
        end->region = region_next(end->region);
    if (end->region == NULL || end->region->start >= limit)
        return false;
    vaddr_t top = ROUND_UP(end->region->end, span);
    *first = end->region->start > at ? ROUND_DOWN(end->region->start, span) : at;
    *last = top < limit ? top : limit;
    return true;
}

/* The pages of entries [index, last] of a table of the lowest level. */
static void pages_drop(struct end *end, pte_t *entries, unsigned index, unsigned last)
{
    uint64_t dropped = 0;

    while ((index = table_skip_empty(entries, index, last)) <= last)
        for (pte_t entry; index <= last && (entry = pte_read(&entries[index])) != 0; index++) {
            dropped += leaf_drop(entry, 1);
            pte_write(&entries[index], 0);
        }
    end->space->pages_resident -= dropped;
}

/* What is in the table at `level` that decides [start, limit), and below it; its entries are zero afterwards. */
static void table_drop(struct end *end, paddr_t table, unsigned level, vaddr_t start, vaddr_t limit)
{
    pte_t *entries = direct_map(table);
    uint64_t span = PAGING_SPAN(level);
    vaddr_t first, last;

    for (vaddr_t at = start; piece_next(end, at, limit, span, &first, &last); at = last) {
        unsigned index = (unsigned)((first - start) / span),
                 index_last = (unsigned)((last - start) / span) - 1;
        if (level == 1) {
            pages_drop(end, entries, index, index_last);
            continue;
        }
        for (; (index = table_skip_empty(entries, index, index_last)) <= index_last; index++) {
            pte_t entry = pte_read(&entries[index]);
            if (!pte_is_table(entry, level)) {
                end->space->pages_resident -= leaf_drop(entry, level);
            } else {
                vaddr_t below = start + index * span;
                table_drop(end, table_address(entry), level - 1, below, below + span);
                frame_put_zeroed(frame_of(table_address(entry)));
                end->space->tables--;
            }
            pte_write(&entries[index], 0);
        }
    }
}

/* The tables below the one at `level` that lie under regions. */
static uint64_t tables_count(struct end *end, paddr_t table, unsigned level, vaddr_t start, vaddr_t limit)
{
    const pte_t *entries = direct_map(table);
    uint64_t span = PAGING_SPAN(level), count = 0;
    vaddr_t first, last;

    for (vaddr_t at = start; piece_next(end, at, limit, span, &first, &last); at = last) {
        unsigned index = (unsigned)((first - start) / span),
                 index_last = (unsigned)((last - start) / span) - 1;
        for (; (index = table_skip_empty(entries, index, index_last)) <= index_last; index++) {
            pte_t entry = pte_read(&entries[index]);
            if (!pte_is_table(entry, level))
                continue;
            vaddr_t below = start + index * span;
            count++;
            if (level > 2)
                count += tables_count(end, table_address(entry), level - 1, below, below + span);
        }
    }
    return count;
}

static void drop_thoroughly(struct address_space *space)
{
    struct region *region = region_find_from(&space->regions, 0);

    for (; region != NULL; region = region_next(region))
        (void)space_pages_drop(space, region->start, region->end);
    paging_free(&space->paging, 0, kernel_space_first_index() - 1);
}

void space_drop_all(struct address_space *space)
{
    struct paging *paging = &space->paging;
    struct end end = {.space = space, .region = region_find_from(&space->regions, 0)};
    /* What the root's user half decides; with five levels a part of that is enough. */
    vaddr_t limit = ROUND_UP(USER_END, PAGING_SPAN(paging->levels));

    bool all = tables_count(&end, paging->root, paging->levels, 0, limit) + 1 == space->tables;
    end.region = region_find_from(&space->regions, 0);
    if (all)
        table_drop(&end, paging->root, paging->levels, 0, limit);
    else
        drop_thoroughly(space);
    ASSERT_EQ(space->pages_resident, 0u, "every page was in a region");
    ASSERT_EQ(space->tables, 1u, "the root alone is left");
}
