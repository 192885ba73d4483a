/* vmiter and ptiter at the edges: the hole between the halves, the top of the address space, VMITER_END, and every order of tables. */
#include "paging/ptiter.h"
#include "paging/vmiter.h"
#include "test/unit/paging_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct memory memory;
static struct paging paging;

static void start(unsigned machine)
{
    memory_open(&memory, 0);
    machine_start(&paging, &memory, &machines[machine]);
}

static void end(void)
{
    paging_free(&paging, 0, 511);
    assert_int_equal(memory.live, 0);
    memory_close(&memory);
}

static void map(vaddr_t va, paddr_t pa, uint64_t size)
{
    assert_int_equal(paging_map(&paging, va, pa, size, PERM_KERNEL_R, PAGE_1G), 0);
}

static void the_hole_between_the_halves_is_stepped_over(void **state)
{
    (void)state;
    for (unsigned machine = 0; machine < 2; machine++) {
        start(machine);
        uint64_t half = UINT64_C(1) << (12 + 9 * paging.levels - 1);
        struct vmiter it;
        for (unsigned mapped = 0; mapped < 2; mapped++) {
            vmiter_init(&it, &paging, half - 1);
            probe_iterator(&it, half - 1);
            vmiter_next(&it);
            probe_iterator(&it, -half);
            vmiter_find(&it, half - PAGE_SIZE);
            vmiter_advance(&it, PAGE_SIZE);
            probe_iterator(&it, -half);
            vmiter_find(&it, half - PAGE_SIZE);
            vmiter_advance(&it, half);
            probe_iterator(&it, -half);
            vmiter_find(&it, half - PAGE_SIZE);
            vmiter_advance(&it, -half - PAGE_SIZE); /* right over the hole */
            probe_iterator(&it, -2 * PAGE_SIZE);
            vmiter_find(&it, half);
            probe_iterator(&it, -half);
            if (!mapped) {
                map(half - PAGE_SIZE, 0, PAGE_SIZE);
                map(-half, PAGE_SIZE, PAGE_SIZE);
            }
        }
        /* Adjacent frames, but not adjacent addresses. */
        vmiter_find(&it, half - PAGE_SIZE);
        vmiter_next_range(&it);
        probe_iterator(&it, -half);
        vmiter_next_range(&it);
        probe_iterator(&it, -half + PAGE_SIZE);
        vmiter_next_range(&it);
        probe_iterator(&it, VMITER_END);
        end();
    }
}

/* pa - va is the same on both sides when frames are as far apart as addresses, but no range goes across. */
static void no_range_spans_the_hole(void **state)
{
    (void)state;
    start(0);
    paging.physical_width = 52;
    uint64_t half = UINT64_C(1) << 47;
    map(half - PAGE_SIZE, UINT64_C(1) << 48, PAGE_SIZE);
    map(-half, PAGE_SIZE, PAGE_SIZE);
    struct vmiter it;
    vmiter_init(&it, &paging, half - PAGE_SIZE);
    vmiter_next_range(&it);
    probe_iterator(&it, -half);
    end();
}

static void nothing_comes_after_the_last_page(void **state)
{
    (void)state;
    for (unsigned machine = 0; machine < 2; machine++) {
        start(machine);
        for (unsigned mapped = 0; mapped < 3; mapped++) {
            const vaddr_t from[] = {-PAGE_SIZE, UINT64_MAX - 1, -PAGE_2M};
            for (unsigned i = 0; i < 3; i++) {
                struct vmiter it;
                vmiter_init(&it, &paging, from[i]);
                probe_iterator(&it, from[i]);
                vmiter_advance(&it, PAGE_2M);
                probe_iterator(&it, VMITER_END);
                vmiter_find(&it, from[i]);
                vmiter_advance(&it, UINT64_MAX - from[i]); /* the last byte is not a place to stand */
                probe_iterator(&it, VMITER_END);
                vmiter_find(&it, from[i]);
                vmiter_advance(&it, -PAGE_SIZE); /* deltas are not negative */
                probe_iterator(&it, VMITER_END);
                vmiter_find(&it, -PAGE_SIZE);
                vmiter_next(&it);
                probe_iterator(&it, VMITER_END);
                vmiter_next(&it);
                vmiter_next_range(&it);
                vmiter_advance(&it, 0);
                vmiter_advance(&it, PAGE_SIZE);
                vmiter_advance(&it, 1);
                probe_iterator(&it, VMITER_END);
                struct paging_flush flush = PAGING_FLUSH_NONE;
                assert_int_not_equal(vmiter_map(&it, 0, PTE_P, PAGE_SIZE, &flush), 0);
                assert_int_not_equal(vmiter_unmap(&it, PAGE_SIZE, &flush), 0);
                vmiter_protect(&it, PTE_P, &flush);
                vmiter_find(&it, 0);
                probe_iterator(&it, 0);
            }
            if (mapped == 0)
                map(-PAGE_SIZE, 0, PAGE_SIZE);
            else if (mapped == 1)
                map(-PAGE_1G, 0, PAGE_1G - PAGE_SIZE);
        }
        end();
    }
}

static void next_goes_by_leaves_and_holes(void **state)
{
    (void)state;
    start(0);
    map(PAGE_1G, 0, PAGE_1G);
    map(2 * PAGE_1G + PAGE_2M, 0, PAGE_2M);
    map(2 * PAGE_1G + 2 * PAGE_2M, 0, 2 * PAGE_SIZE);
    const vaddr_t stops[] = {0,
                             PAGE_1G,
                             2 * PAGE_1G,
                             2 * PAGE_1G + PAGE_2M,
                             2 * PAGE_1G + 2 * PAGE_2M,
                             2 * PAGE_1G + 2 * PAGE_2M + PAGE_SIZE,
                             2 * PAGE_1G + 2 * PAGE_2M + 2 * PAGE_SIZE};
    struct vmiter it;
    vmiter_init(&it, &paging, 0);
    for (unsigned i = 0; i < sizeof stops / sizeof stops[0]; i++, vmiter_next(&it))
        probe_iterator(&it, stops[i]);
    /* From the middle of a leaf or hole, too. */
    for (unsigned i = 0; i + 1 < sizeof stops / sizeof stops[0]; i++) {
        vmiter_find(&it, stops[i] + 0xabc);
        vmiter_next(&it);
        probe_iterator(&it, stops[i + 1]);
    }
    /* Every distance inside one large leaf, one table, and beyond. */
    for (uint64_t delta = 1; delta < 4 * PAGE_1G; delta += delta / 3 + 0x7ff) {
        vmiter_find(&it, PAGE_1G + 5);
        vmiter_advance(&it, delta);
        probe_iterator(&it, PAGE_1G + 5 + delta);
    }
    end();
}

static void ranges_end_where_anything_changes(void **state)
{
    (void)state;
    start(0);
    /* 1 GiB, 2 MiB and 4 KiB leaves that continue each other are one range. */
    map(PAGE_1G, PAGE_1G, PAGE_1G + PAGE_2M + 3 * PAGE_SIZE);
    vaddr_t va = 2 * PAGE_1G + PAGE_2M + 3 * PAGE_SIZE;
    map(va, 0, PAGE_SIZE); /* another frame */
    assert_int_equal(paging_map(&paging, va + PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, PERM_KERNEL_RW, PAGE_SIZE), 0);
    assert_int_equal(paging_map(&paging, va + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE,
                                PERM_KERNEL_RW | PTE_SOFT0, PAGE_SIZE),
                     0);
    *manual_walk(&paging, va + 2 * PAGE_SIZE).entry |= PTE_A | PTE_D; /* no change of mapping */
    const vaddr_t stops[] = {0,         PAGE_1G, va, va + PAGE_SIZE, va + 2 * PAGE_SIZE, va + 4 * PAGE_SIZE,
                             VMITER_END};
    struct vmiter it;
    vmiter_init(&it, &paging, 0);
    for (unsigned i = 0; i < sizeof stops / sizeof stops[0]; i++, vmiter_next_range(&it))
        probe_iterator(&it, stops[i]);
    vmiter_find(&it, PAGE_1G + 0x1234567);
    vmiter_next_range(&it);
    probe_iterator(&it, va);
    end();
}

struct visit {
    paddr_t table;
    vaddr_t va;
    unsigned level;
};

/* Children before parents, straight from the definition. */
static unsigned expect_tables(struct visit *visits, unsigned count, paddr_t table, unsigned level, vaddr_t va,
                              unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        uint64_t entry = memory_table(&memory, table)[i];
        vaddr_t below = va + ((uint64_t)i << (3 + 9 * level));
        if (level == paging.levels && i >= 256)
            below |= level == 4 ? UINT64_C(0xffff) << 48 : UINT64_C(0x7f) << 57;
        if (level > 1 && (entry & 1) && (level > 3 || !(entry & 128)))
            count = expect_tables(visits, count, entry & PTE_ADDRESS_MASK, level - 1, below, 0, 511);
    }
    if (level < paging.levels)
        visits[count++] = (struct visit){table, va, level};
    return count;
}

static void visit_tables(unsigned first, unsigned last)
{
    static struct visit visits[MEMORY_FRAMES];
    unsigned count = expect_tables(visits, 0, paging.root, paging.levels, 0, first, last);
    struct ptiter it;
    ptiter_init(&it, &paging, first, last);
    for (unsigned i = 0; i < count; i++, ptiter_next(&it)) {
        assert_true(ptiter_active(&it));
        assert_int_equal(ptiter_table(&it), visits[i].table);
        assert_int_equal(ptiter_va(&it), visits[i].va);
        assert_int_equal(it.level, visits[i].level);
        assert_int_equal(ptiter_last_va(&it), visits[i].va + (UINT64_C(1) << (12 + 9 * visits[i].level)) - 1);
    }
    assert_false(ptiter_active(&it));
    ptiter_next(&it);
    assert_false(ptiter_active(&it));
}

static void tables_are_visited_children_first(void **state)
{
    (void)state;
    for (unsigned machine = 0; machine < 2; machine++) {
        start(machine);
        visit_tables(0, 511);
        uint64_t half = UINT64_C(1) << (12 + 9 * paging.levels - 1), seed = 5;
        for (unsigned i = 0; i < 60; i++) {
            vaddr_t va = random_next(&seed) % half >> (random_next(&seed) % 36);
            va = ROUND_DOWN(i % 2 ? va : -half + va, PAGE_1G);
            if (manual_walk(&paging, va).level < 3 || manual_walk(&paging, va).present)
                continue;
            map(va + (i % 3 ? 5 * PAGE_SIZE : 0), 0, i % 3 ? PAGE_SIZE : PAGE_1G);
        }
        map(-PAGE_SIZE, 0, PAGE_SIZE);
        visit_tables(0, 511);
        visit_tables(0, 255);
        visit_tables(256, 511);
        visit_tables(511, 511);
        visit_tables(3, 2);

        /* The half that is freed is gone, the other is as it was. */
        static struct visit low[MEMORY_FRAMES], left[MEMORY_FRAMES];
        unsigned low_count = expect_tables(low, 0, paging.root, paging.levels, 0, 0, 255);
        paging_free(&paging, 256, 511);
        memory_check_live(&memory, &paging, NULL);
        unsigned left_count = expect_tables(left, 0, paging.root, paging.levels, 0, 0, 511);
        assert_int_equal(left_count, low_count);
        assert_memory_equal(left, low, low_count * sizeof low[0]);
        assert_int_equal(memory.live, low_count + 1);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hole_between_the_halves_is_stepped_over),
        cmocka_unit_test(no_range_spans_the_hole),
        cmocka_unit_test(nothing_comes_after_the_last_page),
        cmocka_unit_test(next_goes_by_leaves_and_holes),
        cmocka_unit_test(ranges_end_where_anything_changes),
        cmocka_unit_test(tables_are_visited_children_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
