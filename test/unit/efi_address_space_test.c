/* The first address space over pretended memory: the pool is exactly as large as computed, every mapping is there, and nothing else, by
 * a walker that shares no code with paging/. */

#include "efi/address_space.h"
#include "paging/layout.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXTENTS_MAX   40
#define RANDOM_ROUNDS 300
#define POOL_BASE     UINT64_C(0x12345000)

static struct memory_extent extents[EXTENTS_MAX];
static const struct boot_framebuffer no_framebuffer = {.kind = BOOT_FRAMEBUFFER_NONE};
static const struct boot_framebuffer some_framebuffer = {
    .kind = BOOT_FRAMEBUFFER_RGB, .base = UINT64_C(0x70000000800), .size = 1280 * 800 * 4};
static const struct kernel_image kernel = {
    .segment_count = 2,
    .segments = {{.va = KERNEL_IMAGE_BASE, .size = 0x205000, .perm = PERM_KERNEL_RX},
                 {.va = KERNEL_IMAGE_BASE + 0x207000, .size = 0x3000, .perm = PERM_KERNEL_RW}},
};
/* The first could be mapped by a large leaf, but must not be. */
static const paddr_t segment_pages[] = {0x1200000, 0x2002000};

static struct address_space_parts parts_of(size_t extent_count)
{
    return (struct address_space_parts){
        .extents = extents,
        .extent_count = extent_count,
        .kernel = &kernel,
        .segment_pages = segment_pages,
        .framebuffer = &no_framebuffer,
        .lapic = LAPIC_DEFAULT,
        .ioapic = IOAPIC_DEFAULT,
        .identity_count = 1,
        .identities = {{0x9000, 0x1000, PTE_P}},
    };
}

/* SDM vol. 3A, figure 4-11, by shifts only. The leaf's entry and size; 0 when there is none. */
static uint64_t walk(const struct table_pool *pool, paddr_t root, unsigned levels, vaddr_t va, uint64_t *size)
{
    uint64_t table = root;
    for (unsigned level = levels;; --level) {
        uint64_t entry;
        unsigned shift = 12 + 9 * (level - 1);
        memcpy(&entry, pool->memory + (table - pool->base) + (va >> shift & 511) * 8, 8);
        if (!(entry & 1))
            return 0;
        *size = UINT64_C(1) << shift;
        if (level == 1 || (level < 4 && entry & 0x80))
            return entry;
        table = entry & UINT64_C(0xffffffffff000);
    }
}

/* Leaves of the whole tree below `table`, in bytes. */
static uint64_t bytes_below(const struct table_pool *pool, paddr_t table, unsigned level)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < 512; ++i) {
        uint64_t entry;
        memcpy(&entry, pool->memory + (table - pool->base) + i * 8, 8);
        if (!(entry & 1))
            continue;
        if (level == 1 || (level < 4 && entry & 0x80))
            bytes += UINT64_C(1) << (12 + 9 * (level - 1));
        else
            bytes += bytes_below(pool, entry & UINT64_C(0xffffffffff000), level - 1);
    }
    return bytes;
}

static void check_mapping(const struct table_pool *pool, const struct paging *paging,
                          const struct table_mapping *mapping)
{
    for (uint64_t done = 0; done < mapping->size;) {
        vaddr_t va = mapping->va + done;
        uint64_t size = 0;
        uint64_t entry = walk(pool, paging->root, paging->levels, va, &size);
        assert_int_not_equal(entry, 0);
        assert_true(size <= mapping->largest);
        assert_true(paging->pages_1g || size < PAGE_1G);
        assert_int_equal(va & (size - 1), 0);
        assert_int_equal(entry & UINT64_C(0xfffffffffe000) & ~(size - 1),
                         (mapping->pa + done) & UINT64_C(0xfffffffffe000));
        assert_int_equal(entry & (PTE_W | PTE_U | PTE_NX), mapping->perm & (PTE_W | PTE_NX));
        assert_int_equal(entry & (PTE_PWT | PTE_PCD), mapping->perm & (PTE_PWT | PTE_PCD));
        assert_int_equal((entry & (size == PAGE_SIZE ? PTE_PAT_SMALL : PTE_PAT_LARGE)) != 0,
                         (mapping->perm & PERM_PAT) != 0);
        done += size;
    }
}

static void check_build(const struct address_space_parts *parts, unsigned levels, bool pages_1g)
{
    struct table_mapping mappings[ADDRESS_SPACE_MAPPINGS(EXTENTS_MAX)];
    size_t count = 0;
    assert_int_equal(address_space_plan(parts, mappings, &count), 0);
    assert_true(count <= ADDRESS_SPACE_MAPPINGS(parts->extent_count));

    struct paging paging = {.levels = (uint8_t)levels,
                            .physical_width = 46,
                            .nx = true,
                            .global = true,
                            .pages_1g = pages_1g,
                            .pat = true};
    struct table_pool pool = {.base = POOL_BASE,
                              .pages = table_size_pages(mappings, count, levels, pages_1g)};
    pool.memory = calloc(pool.pages, PAGE_SIZE);
    assert_int_equal(address_space_build(&paging, &pool, mappings, count), 0);
    assert_int_equal(pool.used, pool.pages);

    uint64_t expected = 0;
    for (size_t i = 0; i < count; ++i) {
        check_mapping(&pool, &paging, &mappings[i]);
        expected += mappings[i].size;
    }
    assert_int_equal(bytes_below(&pool, paging.root, levels), expected);
    assert_int_equal(paging_check(&paging, NULL, NULL), 0);

    /* One page less is too little, and says so. */
    memset(pool.memory, 0, pool.pages * PAGE_SIZE);
    --pool.pages;
    pool.used = 0;
    assert_int_equal(address_space_build(&paging, &pool, mappings, count), -ENOMEM);
    free(pool.memory);
}

static void check_everywhere(const struct address_space_parts *parts)
{
    for (unsigned levels = 4; levels <= 5; ++levels)
        for (unsigned pages_1g = 0; pages_1g <= 1; ++pages_1g)
            check_build(parts, levels, pages_1g);
}

static void a_pc_of_256_megabytes(void **state)
{
    (void)state;
    extents[0] = (struct memory_extent){0, 0xa0000};
    extents[1] = (struct memory_extent){0x100000, 0x10000000};
    struct address_space_parts parts = parts_of(2);
    check_everywhere(&parts);
    parts.framebuffer = &some_framebuffer;
    check_everywhere(&parts);
}

static void memory_beyond_512_gigabytes_and_a_gap(void **state)
{
    (void)state;
    extents[0] = (struct memory_extent){0, 0xa0000};
    extents[1] = (struct memory_extent){0x100000, 0x80000000};
    extents[2] = (struct memory_extent){UINT64_C(0x100000000), UINT64_C(0x1080000000)};
    extents[3] = (struct memory_extent){UINT64_C(0x10000000000), UINT64_C(0x10040201000)};
    extents[4] = (struct memory_extent){DIRECT_MAP_SIZE - PAGE_SIZE, DIRECT_MAP_SIZE};
    struct address_space_parts parts = parts_of(5);
    check_everywhere(&parts);
}

/* Extents of every alignment, close together and far apart. */
static void random_memories(void **state)
{
    (void)state;
    static const unsigned shifts[] = {12, 12, 16, 21, 21, 30};
    srandom(20260102);
    for (unsigned round = 0; round < RANDOM_ROUNDS; ++round) {
        size_t count = 1 + (size_t)random() % EXTENTS_MAX;
        uint64_t at = 0x10000000;
        for (size_t i = 0; i < count; ++i) {
            at += (uint64_t)(1 + random() % 3) << shifts[random() % 6];
            uint64_t end = at + ((uint64_t)(1 + random() % 3) << shifts[random() % 6]);
            extents[i] = (struct memory_extent){at, end};
            at = end;
        }
        struct address_space_parts parts = parts_of(count);
        if (round % 2)
            parts.framebuffer = &some_framebuffer;
        check_everywhere(&parts);
    }
}

static void what_does_not_fit_the_drawing_is_refused(void **state)
{
    (void)state;
    struct table_mapping mappings[ADDRESS_SPACE_MAPPINGS(EXTENTS_MAX)];
    size_t count;
    extents[0] = (struct memory_extent){0x100000, DIRECT_MAP_SIZE + PAGE_SIZE};
    struct address_space_parts parts = parts_of(1);
    assert_int_equal(address_space_plan(&parts, mappings, &count), -EINVAL);
    extents[0] = (struct memory_extent){0x100000, 0x100000};
    assert_int_equal(address_space_plan(&parts, mappings, &count), -EINVAL);
    parts = parts_of(0);
    parts.identities[0].start = USER_END;
    assert_int_equal(address_space_plan(&parts, mappings, &count), -EINVAL);
    parts.identities[0].start = CGA_WINDOW_BASE;
    assert_int_equal(address_space_plan(&parts, mappings, &count), -EEXIST);
}

static void a_framebuffer_over_other_identities_collides(void **state)
{
    (void)state;
    struct boot_framebuffer framebuffer = {.kind = BOOT_FRAMEBUFFER_RGB, .base = 0x9fff, .size = 1};
    struct address_space_parts parts = parts_of(0);
    parts.framebuffer = &framebuffer;
    assert_true(address_space_framebuffer_collides(&parts));
    framebuffer.base = 0xa000;
    assert_false(address_space_framebuffer_collides(&parts));
    framebuffer.size = CGA_WINDOW_BASE;
    assert_true(address_space_framebuffer_collides(&parts));
    framebuffer.kind = BOOT_FRAMEBUFFER_NONE;
    assert_false(address_space_framebuffer_collides(&parts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pc_of_256_megabytes),
        cmocka_unit_test(memory_beyond_512_gigabytes_and_a_gap),
        cmocka_unit_test(random_memories),
        cmocka_unit_test(what_does_not_fit_the_drawing_is_refused),
        cmocka_unit_test(a_framebuffer_over_other_identities_collides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
