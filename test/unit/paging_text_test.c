/* paging_dump() and paging_check(): their lines, character for character. */
#include "paging/layout.h"
#include "paging/text.h"
#include "paging/vmiter.h"
#include "test/unit/paging_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define USER_RW (PTE_P | PTE_W | PTE_U | PTE_NX)

static struct memory memory;
static struct paging paging;
static char output[4096];

static void collect(void *context, const char *line)
{
    assert_ptr_equal(context, &paging);
    assert_true(strlen(output) + strlen(line) + 2 < sizeof output);
    strcat(output, line);
    strcat(output, "\n");
}

static void start(unsigned machine)
{
    memory_open(&memory, UINT64_C(0x10000000));
    machine_start(&paging, &memory, &machines[machine]);
}

static void end(void)
{
    paging_free(&paging, 0, 511);
    assert_int_equal(memory.live, 0);
    memory_close(&memory);
}

static void map(vaddr_t va, paddr_t pa, uint64_t size, uint64_t perm)
{
    assert_int_equal(paging_map(&paging, va, pa, size, perm, PAGE_1G), 0);
}

static void assert_dump(vaddr_t first, vaddr_t behind, const char *expected)
{
    output[0] = '\0';
    paging_dump(&paging, first, behind, collect, &paging);
    assert_string_equal(output, expected);
}

static void mappings_are_listed_one_range_a_line(void **state)
{
    (void)state;
    start(0);
    assert_dump(0, VMITER_END, "");
    map(0x400000, 0x123000, PAGE_SIZE, PTE_P | PTE_U);
    map(0x401000, 0x124000, PAGE_SIZE, PTE_P | PTE_U);
    map(0x402000, 0x900000, 3 * PAGE_SIZE, USER_RW);
    map(DIRECT_MAP_BASE, 0, PAGE_1G, PERM_KERNEL_RW);
    map(DIRECT_MAP_BASE + PAGE_1G, PAGE_1G, 2 * PAGE_2M + PAGE_SIZE, PERM_KERNEL_RW);
    map(KERNEL_MAP_BASE, LAPIC_DEFAULT, PAGE_SIZE, PERM_KERNEL_RW | PERM_UNCACHED);
    map(KERNEL_MAP_FREE, UINT64_C(0x80000000), 4 * PAGE_2M, PERM_KERNEL_RW | PERM_WRITE_COMBINING);
    map(KERNEL_IMAGE_BASE, 0x2000000, 4 * PAGE_SIZE, PERM_KERNEL_RX | PTE_PWT);
    map(-PAGE_SIZE, 0, PAGE_SIZE, PTE_P | PTE_NX | PTE_PCD);
    assert_dump(0, VMITER_END,
                "0000000000400000-0000000000402000 -> 0000000000123000  8 KiB   r-xu - wb\n"
                "0000000000402000-0000000000405000 -> 0000000000900000  12 KiB  rw-u - wb\n"
                "ffff800000000000-ffff800040401000 -> 0000000000000000  1052676 KiB rw-- g wb\n"
                "ffffc00000000000-ffffc00000001000 -> 00000000fee00000  4 KiB   rw-- g uc\n"
                "ffffc00000200000-ffffc00000a00000 -> 0000000080000000  8 MiB   rw-- g wc\n"
                "ffffffff80000000-ffffffff80004000 -> 0000000002000000  16 KiB  r-x- g wt\n"
                "fffffffffffff000-ffffffffffffffff -> 0000000000000000  4 KiB   r--- - uc-\n");
    /* Parts, cut out of leaves. */
    assert_dump(DIRECT_MAP_BASE, DIRECT_MAP_BASE + PAGE_1G,
                "ffff800000000000-ffff800040000000 -> 0000000000000000  1 GiB   rw-- g wb\n");
    assert_dump(0x401000, 0x403000,
                "0000000000401000-0000000000402000 -> 0000000000124000  4 KiB   r-xu - wb\n"
                "0000000000402000-0000000000403000 -> 0000000000900000  4 KiB   rw-u - wb\n");
    assert_dump(0x405000, DIRECT_MAP_BASE, "");
    assert_dump(0x402000, 0x402000, "");
    end();
}

static void sizes_are_in_the_largest_exact_unit(void **state)
{
    (void)state;
    start(0);
    map(DIRECT_MAP_BASE, 0, 4 * PAGING_SPAN(4), PERM_KERNEL_RW);
    assert_dump(0, VMITER_END, "ffff800000000000-ffff820000000000 -> 0000000000000000  2 TiB   rw-- g wb\n");
    end();
}

static void every_memory_type_has_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"wb", "wt", "uc-", "uc", "wb", "wc", "uc-", "uc"};
    for (unsigned index = 0; index < 8; index++) {
        start(0);
        uint64_t perm =
            PTE_P | (index & 1 ? PTE_PWT : 0) | (index & 2 ? PTE_PCD : 0) | (index & 4 ? PERM_PAT : 0);
        map(0, 0, PAGE_2M, perm);
        char expected[128];
        snprintf(expected, sizeof expected,
                 "0000000000000000-0000000000200000 -> 0000000000000000  2 MiB   r-x- - %s\n", names[index]);
        assert_dump(0, PAGE_2M, expected);
        /* PAT_VALUE says the same: its byte of this index. */
        static const char *const codes[] = {"uc", "wc", "", "", "wt", "", "wb", "uc-"};
        assert_string_equal(codes[PAT_VALUE >> 8 * index & 7], names[index]);
        end();
    }
}

static void assert_check(const char *expected)
{
    unsigned lines = 0;
    for (const char *c = expected; *c; c++)
        lines += *c == '\n';
    output[0] = '\0';
    assert_int_equal(paging_check(&paging, collect, &paging), lines);
    assert_string_equal(output, expected);
    assert_int_equal(paging_check(&paging, NULL, NULL), lines); /* silent, and the marks are gone */
}

static uint64_t *entry_of(vaddr_t va, unsigned level)
{
    uint64_t table = paging.root;
    for (unsigned l = paging.levels; l > level; l--)
        table = memory_table(&memory, table)[PAGEINDEX(va, l)] & PTE_ADDRESS_MASK;
    return &memory_table(&memory, table)[PAGEINDEX(va, level)];
}

static void violations_are_found_and_named(void **state)
{
    (void)state;
    start(0);
    map(0x400000, 0x123000, 3 * PAGE_SIZE, PTE_P | PTE_U | PTE_SOFT2);
    map(PAGE_1G, 0, PAGE_SIZE, USER_RW);
    map(DIRECT_MAP_BASE, 0, PAGE_1G + PAGE_2M, PERM_KERNEL_RW | PTE_SOFT2);
    assert_check("");

    /* Writable and executable. */
    *entry_of(0x401000, 1) |= PTE_W;
    assert_check("0000000000401000 level 1 entry 0000000000124807: the page is writable and executable\n");
    *entry_of(0x400000, 4) |= PTE_NX; /* NX above is as good */
    assert_check("");
    *entry_of(0x400000, 4) &= ~PTE_NX;
    *entry_of(0x400000, 3) &= ~PTE_W; /* so is no W above */
    assert_check("");
    *entry_of(0x400000, 3) |= PTE_W;
    *entry_of(0x401000, 1) &= ~PTE_W;

    /* U in the high half, whether or not it has an effect. */
    *entry_of(DIRECT_MAP_BASE, 3) |= PTE_U;
    assert_check(
        "ffff800000000000 level 3 entry 8000000000000987: user mode may pass in the kernel's half\n");
    *entry_of(DIRECT_MAP_BASE, 3) &= ~PTE_U;

    /* Reserved bits: in a leaf, and in a table entry, below which nothing is looked at. */
    uint64_t *table_entry = entry_of(PAGE_1G, 2), *leaf = entry_of(PAGE_1G, 1);
    *entry_of(DIRECT_MAP_BASE, 3) |= 0x2000;
    *table_entry |= UINT64_C(1) << 51;
    *leaf &= ~PTE_NX;
    assert_check("0000000040000000 level 2 entry 0008000010005007: a reserved bit is set\n"
                 "ffff800000000000 level 3 entry 8000000000002983: a reserved bit is set\n");
    *entry_of(DIRECT_MAP_BASE, 3) &= ~UINT64_C(0x2000);
    *table_entry &= ~(UINT64_C(1) << 51);
    *leaf |= PTE_NX;
    assert_check("");

    /* A table reached twice: beside itself, above itself, and the root. */
    uint64_t table = *entry_of(0x400000, 2);
    *entry_of(0x600000, 2) = table;
    assert_check("0000000000600000 level 2 entry 0000000010003007: the table is reached twice\n");
    *entry_of(0x600000, 2) = 0;
    *entry_of(0x200000, 2) = paging.root | PTE_P;
    assert_check("0000000000200000 level 2 entry 0000000010000001: the table is reached twice\n");
    *entry_of(0x200000, 2) = *entry_of(0, 3);
    assert_check("0000000000200000 level 2 entry 0000000010002007: the table is reached twice\n");
    *entry_of(0x200000, 2) = 0;
    assert_check("");
    end();
}

static void lines_are_cut_not_overrun(void **state)
{
    (void)state;
    struct text text;
    text_start(&text);
    for (unsigned i = 0; i < 50; i++)
        text_hex(&text, i);
    text_pad(&text, 2 * TEXT_MAX);
    text_string(&text, "more");
    assert_int_equal(text.length, TEXT_MAX - 1);
    assert_int_equal(strlen(text.line), TEXT_MAX - 1);
    text_start(&text);
    text_decimal(&text, UINT64_MAX);
    text_pad(&text, 22);
    text_decimal(&text, 0);
    assert_string_equal(text.line, "18446744073709551615  0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings_are_listed_one_range_a_line),
        cmocka_unit_test(sizes_are_in_the_largest_exact_unit),
        cmocka_unit_test(every_memory_type_has_its_name),
        cmocka_unit_test(violations_are_found_and_named),
        cmocka_unit_test(lines_are_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
