/* The worked examples of course notes on page tables: index exercises, minimum page counts, copy_mappings, free_everything, and the
 * listing of table pages. */
#include "paging/ptiter.h"
#include "paging/vmiter.h"
#include "test/unit/paging_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct memory memory;
static struct paging paging;

static void start(void)
{
    memory_open(&memory, 0x100000);
    machine_start(&paging, &memory, &machines[0]);
}

static void end(void)
{
    assert_int_equal(memory.live, 0);
    memory_close(&memory);
}

static void indexes_of_addresses(void **state)
{
    (void)state;
    static const struct {
        vaddr_t va;
        unsigned offset, level1, level2, level3, level4;
    } rows[] = {
        {0x9000, 0, 9, 0, 0, 0},
        {0x70000fff, 4095, 0, 384, 1, 0},
        {0x00f0089a00801000, 0, 1, 4, 104, 17},
        {0x0080100000f0089a, 0x89a, 256, 7, 0, 32},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(PAGEOFFSET(rows[i].va), rows[i].offset);
        assert_int_equal(PAGEINDEX(rows[i].va, 1), rows[i].level1);
        assert_int_equal(PAGEINDEX(rows[i].va, 2), rows[i].level2);
        assert_int_equal(PAGEINDEX(rows[i].va, 3), rows[i].level3);
        assert_int_equal(PAGEINDEX(rows[i].va, 4), rows[i].level4);
    }
    assert_int_equal(PAGEINDEX(UINT64_C(0x01fe000000000000), 5), 510);
}

static uint64_t pages_needed(uint64_t data_pages)
{
    start();
    assert_int_equal(
        paging_map(&paging, 0, 0, data_pages * PAGE_SIZE, PTE_P | PTE_W | PTE_U | PTE_NX, PAGE_SIZE), 0);
    assert_int_equal(manual_enumerate(&paging, NULL, NULL), memory.live);
    uint64_t pages = data_pages + memory.live;
    paging_free(&paging, 0, 511);
    end();
    return pages;
}

static void minimum_page_counts(void **state)
{
    (void)state;
    assert_int_equal(pages_needed(1), 5);              /* one byte, or 2^12 of them */
    assert_int_equal(pages_needed(1 << 9), 516);       /* one full level-1 table */
    assert_int_equal(pages_needed((1 << 9) + 1), 518); /* one page more needs one table more */
    assert_int_equal(pages_needed((UINT64_C(1) << 18) + 1), 262662);
}

#define MEMSIZE_VIRTUAL UINT64_C(0x300000)

static void copy_mappings(struct paging *to, struct paging *from)
{
    struct vmiter source, target;
    vmiter_init(&target, to, 0);
    for (vmiter_init(&source, from, 0); source.va < MEMSIZE_VIRTUAL; vmiter_advance(&source, PAGE_SIZE)) {
        if (vmiter_present(&source))
            assert_int_equal(vmiter_map(&target, vmiter_pa(&source), vmiter_perm(&source), PAGE_SIZE, NULL),
                             0);
        vmiter_advance(&target, PAGE_SIZE);
    }
}

static void add_leaf(void *context, uint64_t va, uint64_t size, uint64_t pa, uint64_t flags)
{
    model_set(context, va >> 12, size >> 12, pa >> 12, flags);
}

static void scatter(struct paging *to)
{
    for (vaddr_t va = 0; va < MEMSIZE_VIRTUAL; va += 5 * PAGE_SIZE) {
        uint64_t perm = va % 2 ? PERM_KERNEL_R : PTE_P | PTE_U | (va % 3 ? PTE_W | PTE_NX : 0);
        assert_int_equal(paging_map(to, va, 0x40000000 + 7 * va, 2 * PAGE_SIZE, perm, PAGE_SIZE), 0);
    }
}

static void copies_map_the_same(void **state)
{
    (void)state;
    static struct model expected;
    start();
    struct paging second, third;
    machine_start(&second, &memory, &machines[0]);
    machine_start(&third, &memory, &machines[0]);
    scatter(&paging);
    expected.count = 0;
    manual_enumerate(&paging, add_leaf, &expected);
    copy_mappings(&second, &paging);
    model_check(&expected, &second);
    assert_int_equal(paging_copy(&third, &paging, 0, MEMSIZE_VIRTUAL), 0);
    model_check(&expected, &third);
    paging_free(&paging, 0, 511);
    paging_free(&second, 0, 511);
    paging_free(&third, 0, 511);
    end();
}

static bool data_freed[4096];

static void free_everything(struct paging *from, unsigned *freed)
{
    struct vmiter it;
    for (vmiter_init(&it, from, 0); it.va < MEMSIZE_VIRTUAL; vmiter_advance(&it, PAGE_SIZE)) {
        if (!vmiter_user(&it))
            continue;
        unsigned frame = (unsigned)((vmiter_pa(&it) - 0x40000000) / PAGE_SIZE);
        assert_false(data_freed[frame]);
        data_freed[frame] = true;
        ++*freed;
    }
    struct ptiter tables;
    for (ptiter_init(&tables, from, 0, 511); ptiter_active(&tables); ptiter_next(&tables))
        from->ops->table_free(from->context, ptiter_table(&tables));
    from->ops->table_free(from->context, from->root);
}

static void everything_is_freed_once(void **state)
{
    (void)state;
    start();
    unsigned freed = 0;
    assert_int_equal(paging_map(&paging, 0, 0x40000000, 0x200000, PTE_P | PTE_U, PAGE_SIZE), 0);
    assert_int_equal(paging_map(&paging, 0x200000, 0x80000000, 0x100000, PTE_P, PAGE_SIZE), 0);
    free_everything(&paging, &freed);
    assert_int_equal(freed, 512); /* not what only the kernel may use */
    end();
}

static void tables_are_listed_children_first(void **state)
{
    (void)state;
    static const struct {
        vaddr_t va, last;
        unsigned level;
    } expected[] = {{0, 0x1fffff, 1}, {0x200000, 0x3fffff, 1}, {0, 0x3fffffff, 2}, {0, 0x7fffffffff, 3}};
    start();
    assert_int_equal(paging_map(&paging, 0, 0, 0x300000, PTE_P | PTE_U, PAGE_SIZE), 0);
    struct ptiter it;
    ptiter_init(&it, &paging, 0, 511);
    for (unsigned i = 0; i < 4; i++, ptiter_next(&it)) {
        assert_true(ptiter_active(&it));
        assert_int_equal(ptiter_va(&it), expected[i].va);
        assert_int_equal(ptiter_last_va(&it), expected[i].last);
        assert_int_equal(it.level, expected[i].level);
        assert_true(ptiter_table(&it) != paging.root);
    }
    assert_false(ptiter_active(&it));
    paging_free(&paging, 0, 511);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_of_addresses),
        cmocka_unit_test(minimum_page_counts),
        cmocka_unit_test(copies_map_the_same),
        cmocka_unit_test(everything_is_freed_once),
        cmocka_unit_test(tables_are_listed_children_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
