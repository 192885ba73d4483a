/* What paging_map(), paging_unmap(), paging_protect() and their kin promise one by one: leaf sizes, refusals, exact flushes. */
#include "paging/layout.h"
#include "paging/ptiter.h"
#include "paging/vmiter.h"
#include "test/unit/paging_probe.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define USER_RW (PTE_P | PTE_W | PTE_U | PTE_NX)
#define USER_RX (PTE_P | PTE_U)

static struct memory memory;
static struct paging paging;

static void start(unsigned machine)
{
    memory_open(&memory, 0);
    machine_start(&paging, &memory, &machines[machine]);
}

static void end(void)
{
    memory.watch = false;
    paging_free(&paging, 0, 511);
    assert_int_equal(memory.live, 0);
    memory_close(&memory);
}

static void assert_flush(const struct paging_flush *flush, vaddr_t first, vaddr_t behind, uint64_t pages)
{
    assert_int_equal(flush->start, first);
    assert_int_equal(flush->end, behind);
    assert_int_equal(flush->pages, pages);
}

static uint64_t leaf_size(vaddr_t va)
{
    struct manual_walk walk = manual_walk(&paging, va);
    return walk.present ? walk.size : 0;
}

static void leaves_are_as_large_as_they_may_be(void **state)
{
    (void)state;
    start(0);
    vaddr_t va = DIRECT_MAP_BASE + PAGE_1G;
    uint64_t head = PAGE_2M + PAGE_SIZE; /* before the first whole GiB */
    assert_int_equal(
        paging_map(&paging, va - head, PAGE_1G - head, 2 * PAGE_1G + 2 * head, PERM_KERNEL_RW, PAGE_1G), 0);
    const struct {
        vaddr_t va;
        uint64_t size;
    } expected[] = {
        {va - head, PAGE_SIZE},       {va - PAGE_2M, PAGE_2M},     {va, PAGE_1G},
        {va + PAGE_1G, PAGE_1G},      {va + 2 * PAGE_1G, PAGE_2M}, {va + 2 * PAGE_1G + PAGE_2M, PAGE_SIZE},
        {va + 2 * PAGE_1G + head, 0}, {va - head - PAGE_SIZE, 0}};
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(leaf_size(expected[i].va), expected[i].size);
        if (expected[i].size)
            assert_int_equal(manual_walk(&paging, expected[i].va).pa, expected[i].va - va + PAGE_1G);
    }
    /* An address that is not congruent to its frame gets no large leaf, `largest` is obeyed, and so is the machine. */
    assert_int_equal(paging_map(&paging, PAGE_2M, PAGE_SIZE, PAGE_2M, USER_RW, PAGE_1G), 0);
    assert_int_equal(leaf_size(PAGE_2M), PAGE_SIZE);
    assert_int_equal(paging_map(&paging, PAGE_1G, 0, PAGE_1G, USER_RW, PAGE_2M), 0);
    assert_int_equal(leaf_size(PAGE_1G), PAGE_2M);
    paging.pages_1g = false;
    assert_int_equal(paging_map(&paging, 2 * PAGE_1G, 0, PAGE_1G, USER_RW, PAGE_1G), 0);
    assert_int_equal(leaf_size(2 * PAGE_1G), PAGE_2M);
    end();
}

static void the_whole_direct_map_is_quick_to_make(void **state)
{
    (void)state;
    start(0);
    assert_int_equal(paging_map(&paging, DIRECT_MAP_BASE, 0, DIRECT_MAP_SIZE, PERM_KERNEL_RW, PAGE_1G), 0);
    assert_int_equal(memory.live, 1 + DIRECT_MAP_SIZE / PAGING_SPAN(4));
    assert_int_equal(leaf_size(DIRECT_MAP_BASE + DIRECT_MAP_SIZE - 1), PAGE_1G);
    end();
}

static void a_table_in_the_way_makes_smaller_leaves(void **state)
{
    (void)state;
    start(0);
    struct paging_flush flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_map(&paging, PAGE_1G + PAGE_2M, 0, PAGE_SIZE, USER_RW, PAGE_1G), 0);
    assert_int_equal(paging_unmap(&paging, PAGE_1G + PAGE_2M, PAGE_SIZE, &flush), 0);
    assert_int_equal(paging_map(&paging, 0, 0, 3 * PAGE_1G, USER_RW, PAGE_1G), 0);
    assert_int_equal(leaf_size(0), PAGE_1G);
    assert_int_equal(leaf_size(PAGE_1G), PAGE_2M);
    assert_int_equal(leaf_size(PAGE_1G + PAGE_2M), PAGE_SIZE);
    assert_int_equal(leaf_size(PAGE_1G + 2 * PAGE_2M), PAGE_2M);
    assert_int_equal(leaf_size(2 * PAGE_1G), PAGE_1G);
    /* The iterator is told one size and does not choose. */
    struct vmiter it;
    assert_int_equal(paging_unmap(&paging, PAGE_1G, PAGE_1G, &flush), 0);
    vmiter_init(&it, &paging, PAGE_1G + PAGE_2M);
    assert_int_equal(vmiter_map(&it, 0, USER_RW, PAGE_2M, &flush), -EEXIST);
    assert_int_equal(vmiter_unmap(&it, PAGE_2M, &flush), -EEXIST);
    end();
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    start(4); /* 36 bits of physical address */
    const uint64_t half = UINT64_C(0x800000000000), top = UINT64_C(1) << 36, page = PAGE_SIZE;
    const struct {
        vaddr_t va;
        paddr_t pa;
        uint64_t size, perm, largest;
        int error;
    } rows[] = {
        {page + 1, 0, page, USER_RW, page, -EINVAL},
        {page, 8, page, USER_RW, page, -EINVAL},
        {page, 0, page + 1, USER_RW, page, -EINVAL},
        {half - page, 0, 2 * page, USER_RW, page, -EINVAL},
        {half, 0, page, USER_RW, page, -EINVAL},
        {-half - page, 0, page, PTE_P, page, -EINVAL},
        {-half - page, 0, 2 * page, PTE_P, page, -EINVAL},
        {-page, 0, 2 * page, PTE_P, page, -EINVAL},
        {page, top, page, USER_RW, page, -EINVAL},
        {page, top - page, 2 * page, USER_RW, page, -EINVAL},
        {page, -page, 2 * page, USER_RW, page, -EINVAL},
        {page, 0, page, PTE_P | PTE_W, page, -EINVAL},
        {page, 0, page, PTE_W | PTE_NX, page, -EINVAL},
        {-half, 0, page, USER_RX, page, -EINVAL},
        {page, 0, page, PTE_P | PTE_PS, page, -EINVAL},
        {page, 0, page, PTE_P | PTE_MARK, page, -EINVAL},
        {page, 0, page, USER_RW | 0x2000, page, -EINVAL},
        {page, 0, page, USER_RW, 2 * page, -EINVAL},
        {page, 0, page, USER_RW, 0, -EINVAL},
        {0, 0, half, USER_RW, PAGE_1G, -EINVAL},
        {page, 0, 0, USER_RW, page, 0},
        {page, top - page, page, USER_RW, page, 0},
        {-page, 0, page, PTE_P, page, 0},
        {half - page, 0, page, USER_RX, page, 0},
        {-half, 0, page, PERM_KERNEL_RW, page, 0},
        {page, 0, page, USER_RW, page, -EEXIST},
        {0, 0, 3 * page, USER_RW, page, -EEXIST},
        {0, 0, PAGE_1G, USER_RW, PAGE_1G, -EEXIST},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int error = paging_map(&paging, rows[i].va, rows[i].pa, rows[i].size, rows[i].perm, rows[i].largest);
        if (error != rows[i].error)
            fail_msg("row %u: %d instead of %d", i, error, rows[i].error);
    }
    static struct model expected;
    expected.count = 0;
    model_set(&expected, 1, 1, top / page - 1, USER_RW);
    model_set(&expected, UINT64_C(0xfffffffffffff), 1, 0, PTE_P);
    model_set(&expected, half / page - 1, 1, 0, USER_RX);
    model_set(&expected, -half >> 12, 1, 0, PERM_KERNEL_RW & ~PTE_G);
    model_check(&expected, &paging);

    struct paging_flush flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_unmap(&paging, 1, page, &flush), -EINVAL);
    assert_int_equal(paging_unmap(&paging, half, page, &flush), -EINVAL);
    assert_int_equal(paging_unmap(&paging, page, 0, &flush), 0);
    assert_int_equal(paging_protect(&paging, page, page, PTE_P | PTE_W, &flush), -EINVAL);
    assert_int_equal(paging_protect(&paging, page, page, PTE_NX, &flush), -EINVAL);
    assert_int_equal(paging_protect(&paging, -page, page, USER_RX, &flush), -EINVAL);
    assert_int_equal(paging_protect(&paging, page, 0, USER_RX, &flush), 0);
    assert_int_equal(paging_split(&paging, 1, &flush), -EINVAL);
    assert_int_equal(paging_split(&paging, half, &flush), -EINVAL);
    assert_flush(&flush, 0, 0, 0);
    model_check(&expected, &paging);
    end();
}

static void without_nx_writable_pages_may_be_executed(void **state)
{
    (void)state;
    start(3);
    assert_int_equal(paging_map(&paging, 0, 0, PAGE_SIZE, PTE_P | PTE_W | PTE_U, PAGE_SIZE), 0);
    assert_int_equal(paging_map(&paging, PAGE_SIZE, 0, PAGE_SIZE, USER_RW, PAGE_SIZE), 0);
    assert_int_equal(manual_walk(&paging, PAGE_SIZE).flags, PTE_P | PTE_W | PTE_U);
    assert_int_equal(paging_check(&paging, NULL, NULL), 0);
    end();
}

static void tables_that_allow_less_are_respected(void **state)
{
    (void)state;
    start(0);
    assert_int_equal(paging_map(&paging, 0, 0, PAGE_SIZE, PTE_P | PTE_NX, PAGE_SIZE), 0);
    uint64_t *root = memory_table(&memory, paging.root);
    const struct {
        uint64_t flip, perm;
        int error;
    } rows[] = {{PTE_W, USER_RW, -EINVAL},  {PTE_W, USER_RX, 0},        {PTE_U, USER_RX, -EINVAL},
                {PTE_U, PERM_KERNEL_RW, 0}, {PTE_NX, USER_RX, -EINVAL}, {PTE_NX, USER_RW, 0}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vmiter it;
        struct paging_flush flush = PAGING_FLUSH_NONE;
        root[0] ^= rows[i].flip;
        assert_int_equal(paging_map(&paging, PAGE_2M, 0, PAGE_SIZE, rows[i].perm, PAGE_SIZE), rows[i].error);
        vmiter_init(&it, &paging, 0);
        assert_int_equal(vmiter_map(&it, 0, rows[i].perm, PAGE_SIZE, &flush), rows[i].error);
        probe_iterator(&it, 0);
        root[0] ^= rows[i].flip;
        assert_int_equal(paging_unmap(&paging, PAGE_2M, PAGE_SIZE, &flush), 0);
    }
    end();
}

static void flushes_are_exact(void **state)
{
    (void)state;
    start(0);
    vaddr_t va = 3 * PAGE_1G;
    assert_int_equal(paging_map(&paging, va, 0, PAGE_1G, USER_RW, PAGE_2M), 0);
    struct paging_flush flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_unmap(&paging, va - PAGE_2M, 3 * PAGE_2M, &flush), 0);
    assert_flush(&flush, va, va + 2 * PAGE_2M, 2);
    assert_false(flush.global || flush.structure);

    flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_unmap(&paging, va, 2 * PAGE_2M, &flush), 0); /* nothing there any more */
    assert_int_equal(paging_protect(&paging, va, 3 * PAGE_2M, USER_RW, &flush), 0); /* as it is */
    assert_flush(&flush, 0, 0, 0);

    /* A split changes the one large leaf; then each small one that changes counts again. */
    assert_int_equal(paging_protect(&paging, va + 2 * PAGE_2M, PAGE_SIZE, USER_RX, &flush), 0);
    assert_flush(&flush, va + 2 * PAGE_2M, va + 3 * PAGE_2M, 2);

    flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_map(&paging, -PAGE_SIZE, 0, PAGE_SIZE, PERM_KERNEL_RW, PAGE_SIZE), 0);
    assert_int_equal(paging_unmap(&paging, -PAGE_SIZE, PAGE_SIZE, &flush), 0);
    assert_flush(&flush, -PAGE_SIZE, VMITER_END, 1);
    assert_true(flush.global);
    paging_prune(&paging, -PAGE_1G, VMITER_END, &flush);
    assert_true(flush.structure);
    paging_flush_free_tables(&paging, &flush);

    /* Several changes add to one flush. */
    flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_unmap(&paging, va + 9 * PAGE_2M, PAGE_2M, &flush), 0);
    assert_int_equal(paging_unmap(&paging, va + 4 * PAGE_2M, PAGE_2M, &flush), 0);
    assert_int_equal(paging_unmap(&paging, va + 12 * PAGE_2M, PAGE_2M, &flush), 0);
    assert_flush(&flush, va + 4 * PAGE_2M, va + 13 * PAGE_2M, 3);

    /* For tables that are loaded nowhere nobody needs to know. */
    assert_int_equal(paging_unmap(&paging, va, PAGE_1G, NULL), 0);
    assert_int_equal(manual_walk(&paging, va).present, false);
    end();
}

static void splits_keep_frame_permission_and_memory_type(void **state)
{
    (void)state;
    start(0);
    struct paging_flush flush = PAGING_FLUSH_NONE;
    uint64_t perm = PERM_KERNEL_RW | PERM_WRITE_COMBINING | PTE_SOFT1 | PTE_A | PTE_D;
    assert_int_equal(paging_map(&paging, DIRECT_MAP_BASE, 5 * PAGE_1G, PAGE_1G, perm, PAGE_1G), 0);
    vaddr_t va = DIRECT_MAP_BASE + 77 * PAGE_2M + 9 * PAGE_SIZE;
    assert_int_equal(paging_split(&paging, va, &flush), 0);
    assert_int_equal(leaf_size(va), PAGE_SIZE);
    assert_int_equal(leaf_size(va + PAGE_2M), PAGE_2M);
    assert_flush(&flush, DIRECT_MAP_BASE, DIRECT_MAP_BASE + PAGE_1G, 2);
    assert_true(flush.global);
    static struct model expected;
    expected.count = 0;
    model_set(&expected, DIRECT_MAP_BASE >> 12, PAGE_1G >> 12, 5 * PAGE_1G >> 12, perm);
    model_check(&expected, &paging);
    end();
}

/* A processor that uses the leaf while its new table is being filled. */
static const struct paging_ops *plain_ops;
static uint64_t *leaf_in_use;

static pte_t *pointer_while_in_use(void *context, paddr_t table)
{
    if (leaf_in_use && (*leaf_in_use & PTE_PS))
        *leaf_in_use |= PTE_A | PTE_D;
    return plain_ops->table_pointer(context, table);
}

static void splits_lose_no_dirty_bit(void **state)
{
    (void)state;
    start(0);
    struct paging_flush flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_map(&paging, PAGE_1G, 0, PAGE_2M, USER_RW, PAGE_2M), 0);
    struct vmiter it;
    vmiter_init(&it, &paging, PAGE_1G + PAGE_SIZE);
    plain_ops = paging.ops;
    struct paging_ops ops = *plain_ops;
    ops.table_pointer = pointer_while_in_use;
    paging.ops = &ops;
    leaf_in_use = manual_walk(&paging, PAGE_1G).entry;
    assert_int_equal(vmiter_unmap(&it, PAGE_SIZE, &flush), 0);
    leaf_in_use = NULL;
    paging.ops = plain_ops;
    assert_int_equal(manual_walk(&paging, PAGE_1G).flags, USER_RW | PTE_A | PTE_D);
    end();
}

static void protecting_in_place_keeps_quire_s_promises(void **state)
{
    (void)state;
    start(0);
    struct paging_flush flush = PAGING_FLUSH_NONE;
    struct vmiter it;
    assert_int_equal(paging_map(&paging, PAGE_2M, 0, PAGE_2M, USER_RX | PTE_D, PAGE_2M), 0);
    vmiter_init(&it, &paging, PAGE_2M + 5 * PAGE_SIZE);
    vmiter_protect(&it, PTE_P | PTE_W | PTE_U | PTE_SOFT0, &flush);
    assert_int_equal(vmiter_perm(&it), USER_RW | PTE_D | PTE_SOFT0);
    assert_flush(&flush, PAGE_2M, 2 * PAGE_2M, 1);
    assert_int_equal(paging_map(&paging, -PAGE_2M, 0, PAGE_2M, PERM_KERNEL_R, PAGE_2M), 0);
    vmiter_find(&it, -PAGE_2M);
    vmiter_protect(&it, PTE_P | PTE_U, &flush);
    assert_int_equal(vmiter_perm(&it), PTE_P | PTE_G);
    vmiter_protect(&it, 0, &flush);
    assert_false(vmiter_present(&it));
    vmiter_protect(&it, USER_RW, &flush);
    assert_false(vmiter_present(&it));
    assert_int_equal(flush.pages, 3);
    end();
}

static void pruning_gives_back_exactly_the_empty_tables(void **state)
{
    (void)state;
    start(1); /* five levels */
    struct paging_flush flush = PAGING_FLUSH_NONE;
    vaddr_t va = PAGING_SPAN(5) + PAGE_1G;
    assert_int_equal(paging_map(&paging, va, 0, 4 * PAGE_2M, USER_RW, PAGE_SIZE), 0);
    assert_int_equal(memory.live, 1 + 3 + 4);
    assert_int_equal(paging_unmap(&paging, va, 3 * PAGE_2M, &flush), 0);
    flush = PAGING_FLUSH_NONE;
    memory.watch = true;
    paging_prune(&paging, va + PAGE_SIZE, va + 3 * PAGE_2M - PAGE_SIZE, &flush); /* one whole table only */
    paging_prune(&paging, va, va, &flush);
    assert_int_equal(memory.live, 1 + 3 + 4); /* none freed before the flush */
    assert_true(flush.structure && flush.start != flush.end && flush.pages == 0);
    memory.watch = false;
    paging_flush_free_tables(&paging, &flush);
    assert_int_equal(memory.live, 1 + 3 + 3);

    flush = PAGING_FLUSH_NONE;
    assert_int_equal(paging_unmap(&paging, va + 3 * PAGE_2M, PAGE_2M, &flush), 0);
    paging_prune(&paging, va, va + PAGING_SPAN(3),
                 &flush); /* the level-3 and level-4 tables reach out of it */
    paging_flush_free_tables(&paging, &flush);
    assert_int_equal(memory.live, 1 + 2);
    paging_prune(&paging, 0, UINT64_C(1) << 56, &flush);
    paging_flush_free_tables(&paging, &flush);
    assert_int_equal(memory.live, 1);
    end();
}

static void copies_keep_sizes_and_refuse_overlaps(void **state)
{
    (void)state;
    start(0);
    struct paging copy;
    machine_start(&copy, &memory, &machines[0]);
    assert_int_equal(paging_map(&paging, PAGE_1G, 0, 2 * PAGE_1G + PAGE_2M, USER_RW, PAGE_1G), 0);
    assert_int_equal(paging_map(&paging, -PAGE_2M, 0, PAGE_2M, PERM_KERNEL_R, PAGE_2M), 0);
    /* From inside the first leaf to inside the last: those two are cut. */
    assert_int_equal(
        paging_copy(&copy, &paging, PAGE_1G + PAGE_2M + PAGE_SIZE, 3 * PAGE_1G + PAGE_2M - PAGE_SIZE), 0);
    const uint64_t sizes[][2] = {{PAGE_1G + PAGE_2M, 0},           {PAGE_1G + PAGE_2M + PAGE_SIZE, PAGE_SIZE},
                                 {PAGE_1G + 2 * PAGE_2M, PAGE_2M}, {2 * PAGE_1G, PAGE_1G},
                                 {3 * PAGE_1G, PAGE_SIZE},         {3 * PAGE_1G + PAGE_2M - PAGE_SIZE, 0}};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct manual_walk walk = manual_walk(&copy, sizes[i][0]);
        assert_int_equal(walk.present ? walk.size : 0, sizes[i][1]);
        if (walk.present)
            assert_int_equal(walk.pa, sizes[i][0] - PAGE_1G);
    }
    assert_int_equal(paging_copy(&copy, &paging, 0, VMITER_END), -EEXIST);
    assert_false(manual_walk(&copy, -PAGE_2M).present);
    assert_int_equal(paging_copy(&copy, &paging, -PAGE_1G, VMITER_END), 0);
    assert_int_equal(manual_walk(&copy, UINT64_MAX).size, PAGE_2M);
    assert_int_equal(paging_copy(&copy, &paging, 1, VMITER_END), -EINVAL);
    assert_int_equal(paging_copy(&copy, &paging, 0, 1), -EINVAL);
    /* What the other machine does not have. */
    paging_free(&copy, 0, 511);
    machine_start(&copy, &memory, &machines[4]);
    assert_int_equal(paging_map(&paging, 0, UINT64_C(1) << 36, PAGE_SIZE, USER_RW, PAGE_SIZE), 0);
    assert_int_equal(paging_copy(&copy, &paging, 0, PAGE_SIZE), -EINVAL);
    paging_free(&copy, 0, 511);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_are_as_large_as_they_may_be),
        cmocka_unit_test(the_whole_direct_map_is_quick_to_make),
        cmocka_unit_test(a_table_in_the_way_makes_smaller_leaves),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(without_nx_writable_pages_may_be_executed),
        cmocka_unit_test(tables_that_allow_less_are_respected),
        cmocka_unit_test(flushes_are_exact),
        cmocka_unit_test(splits_keep_frame_permission_and_memory_type),
        cmocka_unit_test(splits_lose_no_dirty_bit),
        cmocka_unit_test(protecting_in_place_keeps_quire_s_promises),
        cmocka_unit_test(pruning_gives_back_exactly_the_empty_tables),
        cmocka_unit_test(copies_keep_sizes_and_refuse_overlaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
