/* Table pages run out at every point of every call: no mapping changes, nothing leaks, and the call works once there is memory. */
#include "paging/vmiter.h"
#include "test/unit/paging_model.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GIB  PAGE_1G
#define FROM UINT64_C(0x7f8000000000)

static struct memory memory;
static struct paging paging, source;

static int map_page(struct paging_flush *flush)
{
    (void)flush;
    return paging_map(&paging, UINT64_C(0xffffffff80000000), 0x5000, PAGE_SIZE, PERM_KERNEL_R, PAGE_SIZE);
}

static int map_mixed(struct paging_flush *flush)
{
    (void)flush;
    return paging_map(&paging, 5 * GIB - 3 * PAGE_SIZE, GIB - 3 * PAGE_SIZE,
                      2 * GIB + PAGE_2M + 9 * PAGE_SIZE, PTE_P | PTE_U, PAGE_1G);
}

static int unmap_middle(struct paging_flush *flush)
{
    return paging_unmap(&paging, FROM + PAGE_SIZE, 2 * GIB - 2 * PAGE_SIZE, flush);
}

static int protect_middle(struct paging_flush *flush)
{
    return paging_protect(&paging, FROM + GIB / 2 + PAGE_SIZE, PAGE_2M, PTE_P | PTE_U, flush);
}

static int split(struct paging_flush *flush)
{
    return paging_split(&paging, FROM + 7 * PAGE_SIZE, flush);
}

static int copy(struct paging_flush *flush)
{
    (void)flush;
    return paging_copy(&paging, &source, 0, VMITER_END);
}

static int iterator_map_into_leaf(struct paging_flush *flush)
{
    struct vmiter it;
    vmiter_init(&it, &paging, FROM + GIB + 5 * PAGE_SIZE);
    return vmiter_map(&it, 0x9000, PTE_P | PTE_U, PAGE_SIZE, flush);
}

static int iterator_map_2m(struct paging_flush *flush)
{
    struct vmiter it;
    vmiter_init(&it, &paging, 0);
    return vmiter_map(&it, PAGE_2M, PTE_P | PTE_U, PAGE_2M, flush);
}

static int iterator_unmap_from_leaf(struct paging_flush *flush)
{
    struct vmiter it;
    vmiter_init(&it, &paging, FROM + GIB + 5 * PAGE_SIZE);
    return vmiter_unmap(&it, PAGE_SIZE, flush);
}

static void start(unsigned levels)
{
    struct machine machine = {"", (uint8_t)levels, 46, true, true, true, true};
    memory_open(&memory, 0);
    machine_start(&paging, &memory, &machine);
    machine_start(&source, &memory, &machine);
    assert_int_equal(paging_map(&paging, FROM, 0, 2 * GIB, PTE_P | PTE_U | PTE_W | PTE_NX, PAGE_1G), 0);
    assert_int_equal(paging_map(&source, 0x1000, 0x7000, 5 * PAGE_SIZE, PTE_P | PTE_U, PAGE_1G), 0);
    assert_int_equal(paging_map(&source, UINT64_C(0xffffffffc0000000), 0, GIB, PERM_KERNEL_RW, PAGE_2M), 0);
}

static void end(void)
{
    paging_free(&paging, 0, 511);
    paging_free(&source, 0, 511);
    assert_int_equal(memory.live, 0);
    memory_close(&memory);
}

static void add_leaf(void *context, uint64_t va, uint64_t size, uint64_t pa, uint64_t flags)
{
    model_set(context, va >> 12, size >> 12, pa >> 12, flags);
}

/* With five levels, everything in the low half shares the level-4 table that the first mapping made. The `needed` table pages come, and no more: the call succeeds only then. */
static void starve(int (*call)(struct paging_flush *flush), unsigned levels, unsigned needed)
{
    static struct model before;
    for (unsigned given = 0; given <= needed; given++) {
        start(levels);
        before.count = 0;
        manual_enumerate(&paging, add_leaf, &before);
        unsigned live = memory.live;
        struct paging_flush flush = PAGING_FLUSH_NONE;
        memory.allocations = given;
        memory.watch = true;
        int error = call(&flush);
        memory.watch = false;
        assert_int_equal(error, given < needed ? -ENOMEM : 0);
        memory_check_live(&memory, &paging, &source);
        assert_int_equal(paging_check(&paging, NULL, NULL), 0);
        if (error) {
            model_check(&before, &paging);
            if (flush.pages == 0) { /* no leaf was split: pruning brings the tables back to what they were */
                paging_prune(&paging, 0, VMITER_END, &flush);
                paging_flush_free_tables(&paging, &flush);
                assert_int_equal(memory.live, live);
            }
            memory.allocations = -1;
            assert_int_equal(call(&flush), 0);
        }
        end();
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        starve(map_page, levels, levels - 1);
        starve(map_mixed, levels, 5);
        starve(unmap_middle, levels, 4);
        starve(protect_middle, levels, 3);
        starve(split, levels, 2);
        starve(copy, levels, 3 + levels - 2);
        starve(iterator_map_into_leaf, levels, 2);
        starve(iterator_map_2m, levels, 2);
        starve(iterator_unmap_from_leaf, levels, 2);
    }
}

static void no_root_without_memory(void **state)
{
    (void)state;
    start(4);
    struct paging third = paging;
    memory.allocations = 0;
    assert_int_equal(paging_init(&third), -ENOMEM);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(no_root_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
