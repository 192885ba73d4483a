/* Regions of an address space against a flat model: one line for each page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/memory/heap.h"
#include "kernel/memory/region.h"

#define PAGES    48
#define FIRST    16 /* page number of the first one */
#define BACKINGS 2
#define STEPS    20000
#define AT(page) ((FIRST + (vaddr_t)(page)) * PAGE_SIZE)

/* --- the heap under it --- */

static unsigned live, fail_at;

void *heap_alloc(size_t size)
{
    if (fail_at > 0 && --fail_at == 0)
        return NULL;
    live++;
    return malloc(size);
}

void heap_free(void *pointer)
{
    live -= pointer != NULL;
    free(pointer);
}

static void released(struct backing *backing)
{
    (void)backing;
    fail_msg("a backing was given back that its owner still holds");
}

static const struct backing_operations operations = {.release = released};
static struct backing backings[BACKINGS];

/* --- the model --- */

struct page {
    bool mapped;
    uint32_t protection, flags;
    struct backing *backing;
    uint64_t offset;
    const char *name;
};

struct world {
    struct region_tree tree;
    struct page page[PAGES];
};

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static void world_start(struct world *world)
{
    memset(world, 0, sizeof(*world));
    RB_INIT(&world->tree);
    for (unsigned i = 0; i < BACKINGS; i++)
        backings[i] = (struct backing){.operations = &operations, .references = 1};
    fail_at = 0;
}

static bool same(const struct page *left, const struct page *right)
{
    if (!left->mapped || !right->mapped || left->protection != right->protection ||
        left->flags != right->flags || left->backing != right->backing || left->name != right->name)
        return false;
    return left->backing == NULL || left->offset + PAGE_SIZE == right->offset;
}

static void page_compare(const struct page *page, const struct region *region, vaddr_t va)
{
    assert_int_equal(page->mapped, region != NULL);
    if (region == NULL)
        return;
    assert_int_equal(page->protection, region->protection);
    assert_int_equal(page->flags, region->flags);
    assert_ptr_equal(page->backing, region->backing);
    assert_ptr_equal(page->name, region->name);
    if (page->backing != NULL)
        assert_int_equal(page->offset, region->offset + (ROUND_DOWN(va, PAGE_SIZE) - region->start));
}

/* The tree says of every page what the model says, in as few regions as can be, with a reference for each. */
static void world_compare(struct world *world, bool merged)
{
    uint32_t references[BACKINGS] = {1, 1};
    unsigned count = 0;
    vaddr_t end = 0;

    for (struct region *region = region_find_from(&world->tree, 0); region != NULL;
         region = region_next(region), count++) {
        assert_true(region->start >= end && region->end > region->start);
        struct region *before = region_previous(region);
        assert_true(before == NULL ? end == 0 : before->end == end);
        end = region->end;
        for (unsigned i = 0; i < BACKINGS; i++)
            references[i] += region->backing == &backings[i];
        if (merged && region->start > AT(0) && region->start < AT(PAGES)) {
            unsigned page = (unsigned)((region->start - AT(0)) / PAGE_SIZE);
            assert_false(same(&world->page[page - 1], &world->page[page]));
        }
    }
    assert_int_equal(count, live);
    for (unsigned i = 0; i < BACKINGS; i++)
        assert_int_equal(references[i], backings[i].references);
    for (unsigned page = 0; page < PAGES; page++) {
        vaddr_t va = AT(page) + random_below(PAGE_SIZE);
        page_compare(&world->page[page], region_find(&world->tree, va), va);
    }
    assert_null(region_find(&world->tree, AT(0) - 1));
    assert_null(region_find(&world->tree, AT(PAGES)));
}

static bool range_free(const struct world *world, unsigned from, unsigned to)
{
    for (; from < to; from++)
        if (world->page[from].mapped)
            return false;
    return true;
}

/* --- what is done to both --- */

static struct region random_properties(unsigned from, unsigned to)
{
    static const char *const names[] = {NULL, NULL, "[heap]"};
    struct region region = {
        .start = AT(from),
        .end = AT(to),
        .protection = random_below(2) ? REGION_READ : REGION_READ | REGION_WRITE,
        .flags = random_below(4) ? 0 : REGION_SHARED,
        .name = names[random_below(3)],
    };
    /* Offsets often go on from where a neighbour ends. */
    if (random_below(2)) {
        region.backing = &backings[random_below(BACKINGS)];
        region.offset = (from + random_below(2) * 3) * PAGE_SIZE;
    }
    return region;
}

static void insert(struct world *world, unsigned from, unsigned to)
{
    struct region region = random_properties(from, to);

    int error = region_insert(&world->tree, &region);
    assert_true(error == 0 || error == -12);
    for (unsigned page = from; page < to && error == 0; page++)
        world->page[page] = (struct page){true,
                                          region.protection,
                                          region.flags,
                                          region.backing,
                                          region.offset + (page - from) * PAGE_SIZE,
                                          region.name};
}

static int cut(struct world *world, unsigned from, unsigned to)
{
    int error = region_split_at(&world->tree, AT(from));

    return error != 0 ? error : region_split_at(&world->tree, AT(to));
}

static void merge_around(struct world *world, unsigned from, unsigned to)
{
    struct region *region = region_find_from(&world->tree, AT(from));

    while (region != NULL && region->start <= AT(to))
        region = region_next(region_merge(&world->tree, region));
}

static void drop(struct world *world, unsigned from, unsigned to)
{
    if (cut(world, from, to) == 0) {
        struct region *region = region_find_from(&world->tree, AT(from));
        while (region != NULL && region->start < AT(to)) {
            struct region *next = region_next(region);
            region_remove(&world->tree, region);
            region = next;
        }
        memset(&world->page[from], 0, (to - from) * sizeof(world->page[0]));
    }
    merge_around(world, from, to);
}

static void protect(struct world *world, unsigned from, unsigned to)
{
    uint32_t protection = random_below(2) ? REGION_READ : REGION_READ | REGION_WRITE;

    if (cut(world, from, to) == 0) {
        struct region *region = region_find_from(&world->tree, AT(from));
        for (; region != NULL && region->start < AT(to); region = region_next(region))
            region->protection = protection;
        for (unsigned page = from; page < to; page++)
            world->page[page].protection = world->page[page].mapped ? protection : 0;
    }
    merge_around(world, from, to);
}

/* The highest run of free pages, by trying them all. Pages outside of the world are free. */
static vaddr_t gap_by_trying(const struct world *world, unsigned low, unsigned high, unsigned pages)
{
    for (unsigned at = high; at >= low + pages; at--)
        if (range_free(world, at - pages, at))
            return AT(at - pages);
    return 0;
}

static void gaps_compare(struct world *world)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned low = random_below(PAGES), high = random_below(PAGES + 1), pages = 1 + random_below(PAGES);
        assert_int_equal(region_find_gap(&world->tree, AT(low), AT(high), pages * PAGE_SIZE),
                         gap_by_trying(world, low, high, pages));
        if (low < high)
            assert_int_equal(region_range_free(&world->tree, AT(low), AT(high)),
                             range_free(world, low, high));
    }
}

static void world_end(struct world *world)
{
    for (struct region *region; (region = region_find_from(&world->tree, 0)) != NULL;)
        region_remove(&world->tree, region);
    assert_int_equal(live, 0);
    for (unsigned i = 0; i < BACKINGS; i++)
        assert_int_equal(backings[i].references, 1);
}

static void regions_agree_with_a_flat_model(void **state)
{
    struct world world;

    (void)state;
    world_start(&world);
    random_state = 1;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned from = random_below(PAGES), to = from + 1 + random_below(12);
        if (to > PAGES)
            to = PAGES;
        /* Now and then memory is out. */
        fail_at = random_below(8) ? 0 : 1 + random_below(3);
        unsigned what = random_below(8);
        if (what < 4 && range_free(&world, from, to))
            insert(&world, from, to);
        else if (what < 7)
            protect(&world, from, to);
        else
            drop(&world, from, to);
        fail_at = 0;
        world_compare(&world, true);
        gaps_compare(&world);
    }
    world_end(&world);
}

static void split_without_memory_changes_nothing(void **state)
{
    struct world world;

    (void)state;
    world_start(&world);
    struct region region = {.start = AT(2), .end = AT(6), .protection = REGION_READ, .backing = &backings[0]};
    assert_int_equal(region_insert(&world.tree, &region), 0);
    fail_at = 1;
    assert_int_equal(region_split_at(&world.tree, AT(4)), -12);
    assert_int_equal(region_find(&world.tree, AT(5))->start, AT(2));
    /* At an edge, or where nothing is, there is nothing to do. */
    fail_at = 1;
    assert_int_equal(region_split_at(&world.tree, AT(2)), 0);
    assert_int_equal(region_split_at(&world.tree, AT(6)), 0);
    assert_int_equal(region_split_at(&world.tree, AT(40)), 0);
    fail_at = 1;
    region.start = AT(10);
    region.end = AT(11);
    assert_int_equal(region_insert(&world.tree, &region), -12);
    assert_int_equal(backings[0].references, 2);
    world_end(&world);
}

static void gaps_at_the_edges_of_the_search(void **state)
{
    struct world world;

    (void)state;
    world_start(&world);
    assert_int_equal(region_find_gap(&world.tree, AT(0), AT(4), 4 * PAGE_SIZE), AT(0));
    assert_int_equal(region_find_gap(&world.tree, AT(0), AT(4), 5 * PAGE_SIZE), 0);
    assert_int_equal(region_find_gap(&world.tree, AT(4), AT(4), PAGE_SIZE), 0);
    assert_int_equal(region_find_gap(&world.tree, AT(5), AT(4), PAGE_SIZE), 0);
    assert_int_equal(region_find_gap(&world.tree, AT(0), AT(4), UINT64_MAX - PAGE_SIZE + 1), 0);
    /* Over both ends of the search lies a region. */
    struct region region = {.start = AT(0), .end = AT(3), .protection = REGION_READ};
    assert_int_equal(region_insert(&world.tree, &region), 0);
    region.start = AT(5);
    region.end = AT(9);
    assert_int_equal(region_insert(&world.tree, &region), 0);
    assert_int_equal(region_find_gap(&world.tree, AT(1), AT(7), 2 * PAGE_SIZE), AT(3));
    assert_int_equal(region_find_gap(&world.tree, AT(1), AT(7), 3 * PAGE_SIZE), 0);
    assert_int_equal(region_find_gap(&world.tree, AT(1), AT(7), PAGE_SIZE), AT(4));
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_agree_with_a_flat_model),
        cmocka_unit_test(split_without_memory_changes_nothing),
        cmocka_unit_test(gaps_at_the_edges_of_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
