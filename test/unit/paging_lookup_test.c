/* paging_lookup() and the iterator's effective permission against the second walker: every lattice of permissions, every reserved bit,
 * every kind of access. */
#include "test/unit/paging_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define VA_LOW  UINT64_C(0x0000123456789000)
#define VA_HIGH UINT64_C(0xffff923456789000)

static struct memory memory;
static struct paging paging;
static uint64_t *path[6]; /* path[l]: the entry of level l on the way to the address */

/* A walk to `va` by a leaf at `leaf_level`, on a machine that has everything but what the test then takes away. */
static void start(unsigned levels, unsigned leaf_level, uint64_t va)
{
    struct machine machine = {"", (uint8_t)levels, 52, true, true, true, true};
    memory_open(&memory, 0);
    machine_start(&paging, &memory, &machine);
    struct vmiter it;
    vmiter_init(&it, &paging, va & ~(PAGING_SPAN(leaf_level) - 1));
    assert_int_equal(
        vmiter_map(&it, 7 * PAGING_SPAN(leaf_level), PERM_KERNEL_RW, PAGING_SPAN(leaf_level), NULL), 0);
    paddr_t table = paging.root;
    for (unsigned level = levels; level >= leaf_level; level--) {
        path[level] = &memory_table(&memory, table)[va >> (3 + 9 * level) & 511];
        table = *path[level] & PTE_ADDRESS_MASK;
    }
}

static void end(void)
{
    paging_free(&paging, 0, 511);
    assert_int_equal(memory.live, 0);
    memory_close(&memory);
}

static void probe(uint64_t va)
{
    probe_lookup(&paging, va);
    if (manual_walk(&paging, va).reserved)
        return; /* of those the iterator says nothing */
    struct vmiter it;
    vmiter_init(&it, &paging, va);
    probe_iterator(&it, va);
}

/* Give the entries of the path the W, U and NX bits of `lattice`, three bits for each level. */
static void set_lattice(unsigned levels, unsigned leaf_level, unsigned lattice)
{
    for (unsigned level = leaf_level; level <= levels; level++, lattice >>= 3)
        *path[level] =
            (*path[level] & ~(PTE_W | PTE_U | PTE_NX)) | (lattice & 3) << 1 | (lattice & 4 ? PTE_NX : 0);
}

static void every_lattice(unsigned levels, unsigned leaf_level, uint64_t va)
{
    start(levels, leaf_level, va);
    for (unsigned lattice = 0; lattice < 1u << 3 * (levels - leaf_level + 1); lattice++) {
        set_lattice(levels, leaf_level, lattice);
        probe(va + 0x123);
    }
    end();
}

static void permissions_are_the_and_over_all_levels(void **state)
{
    (void)state;
    for (unsigned leaf_level = 1; leaf_level <= 3; leaf_level++) {
        every_lattice(4, leaf_level, VA_LOW);
        every_lattice(5, leaf_level, VA_HIGH);
    }
}

static void no_walk_goes_through_an_absent_entry(void **state)
{
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        for (unsigned absent = 1; absent <= levels; absent++) {
            start(levels, 1, VA_LOW);
            uint64_t entry = *path[absent];
            for (unsigned lattice = 0; lattice < 1u << 3 * levels; lattice += 37) {
                set_lattice(levels, 1, lattice);
                /* Bits of an absent entry mean nothing, reserved or not. */
                *path[absent] = lattice & 1 ? ~PTE_P : *path[absent] & ~PTE_P;
                probe(VA_LOW);
                struct paging_walk walk =
                    paging_lookup(&paging, VA_LOW, (struct paging_access){.user = true});
                assert_int_equal(walk.refusal, PAGING_NOT_PRESENT);
                assert_int_equal(walk.refused_level, absent);
                assert_int_equal(walk.error_code, FAULT_USER);
                *path[absent] = entry;
            }
            end();
        }
    }
}

/* Flip every bit of every entry of a walk, in turn, but those that would only lead it elsewhere. */
static void flip_bits(unsigned levels, unsigned leaf_level, unsigned width)
{
    start(levels, leaf_level, VA_HIGH);
    paging.physical_width = (uint8_t)width;
    for (unsigned level = leaf_level; level <= levels; level++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            bool elsewhere = level > leaf_level && bit >= 12 && bit < width;
            bool becomes_table = level == leaf_level && level > 1 && bit == 7;
            if (elsewhere || becomes_table)
                continue;
            for (unsigned features = 0; features < 4; features++) {
                paging.nx = features & 1;
                paging.pages_1g = features & 2;
                *path[level] ^= UINT64_C(1) << bit;
                probe(VA_HIGH);
                *path[level] ^= UINT64_C(1) << bit;
            }
        }
    }
    end();
}

static void reserved_bits_are_refused_at_every_level(void **state)
{
    (void)state;
    static const unsigned widths[] = {36, 39, 40, 46, 51, 52};
    for (unsigned levels = 4; levels <= 5; levels++)
        for (unsigned leaf_level = 1; leaf_level <= 3; leaf_level++)
            for (unsigned w = 0; w < sizeof widths / sizeof widths[0]; w++)
                flip_bits(levels, leaf_level, widths[w]);
}

/* One expectation by hand for each refusal, so that both walkers cannot be wrong together. */
static void each_refusal_has_its_error_code(void **state)
{
    (void)state;
    const struct paging_access user_read = {.user = true}, user_write = {.user = true, .write = true},
                               user_fetch = {.user = true, .fetch = true},
                               write = {.write = true, .wp = true}, smep = {.fetch = true, .smep = true},
                               smap = {.smap = true}, smap_ac = {.smap = true, .ac = true},
                               lax = {.write = true};
    static const struct {
        uint64_t level1, level3; /* W, U, NX bits */
        unsigned access;
        enum paging_refusal refusal;
        unsigned level, code;
    } rows[] = {
        {PTE_U, PTE_U | PTE_W, 0, PAGING_ALLOWED, 0, 0},
        {PTE_U, PTE_W, 0, PAGING_NOT_USER, 3, 5},
        {PTE_W, PTE_U | PTE_W, 0, PAGING_NOT_USER, 1, 5},
        {PTE_U, PTE_U | PTE_W, 1, PAGING_NOT_WRITABLE, 1, 7},
        {PTE_U | PTE_W, PTE_U, 1, PAGING_NOT_WRITABLE, 3, 7},
        {PTE_U | PTE_NX, PTE_U | PTE_W, 2, PAGING_NO_EXECUTE, 1, 21},
        {PTE_U, PTE_U | PTE_W | PTE_NX, 2, PAGING_NO_EXECUTE, 3, 21},
        {0, PTE_W, 3, PAGING_NOT_WRITABLE, 1, 3},
        {PTE_U, PTE_U | PTE_W, 4, PAGING_SMEP, 1, 17},
        {0, PTE_U | PTE_W, 4, PAGING_ALLOWED, 0, 0},
        {PTE_U, PTE_U | PTE_W, 5, PAGING_SMAP, 1, 1},
        {PTE_U, PTE_U | PTE_W, 6, PAGING_ALLOWED, 0, 0},
        {0, PTE_U | PTE_W, 7, PAGING_ALLOWED, 0, 0},
    };
    const struct paging_access accesses[] = {user_read, user_write, user_fetch, write,
                                             smep,      smap,       smap_ac,    lax};
    start(4, 1, VA_LOW);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned level = 1; level <= 4; level++)
            *path[level] = (*path[level] & ~PTE_NX) | PTE_W | PTE_U;
        *path[1] = (*path[1] & ~(PTE_W | PTE_U)) | rows[i].level1;
        *path[3] = (*path[3] & ~(PTE_W | PTE_U)) | rows[i].level3;
        struct paging_walk walk = paging_lookup(&paging, VA_LOW + 5, accesses[rows[i].access]);
        assert_int_equal(walk.refusal, rows[i].refusal);
        assert_int_equal(walk.refused_level, rows[i].level);
        assert_int_equal(walk.error_code, rows[i].code);
        assert_int_equal(walk.pa, walk.refusal == PAGING_ALLOWED ? 7 * PAGE_SIZE + 5 : PADDR_NONE);
        assert_int_equal(walk.size, PAGE_SIZE);
        assert_int_equal(walk.steps, 4);
    }
    *path[2] |= PTE_PS | UINT64_C(1) << 20;
    struct paging_walk walk = paging_lookup(&paging, VA_LOW, user_write);
    assert_int_equal(walk.refusal, PAGING_RESERVED_BIT);
    assert_int_equal(walk.refused_level, 2);
    assert_int_equal(walk.error_code, FAULT_PRESENT | FAULT_WRITE | FAULT_USER | FAULT_RESERVED);
    assert_int_equal(walk.size, 0);
    assert_int_equal(walk.perm, PTE_P | PTE_W | PTE_U); /* of levels 4 and 3 */
    *path[2] &= ~(PTE_PS | UINT64_C(1) << 20);
    end();
}

static void addresses_between_the_halves_are_not_canonical(void **state)
{
    (void)state;
    for (unsigned levels = 4; levels <= 5; levels++) {
        start(levels, 1, VA_LOW);
        uint64_t half = UINT64_C(1) << (levels == 4 ? 47 : 56);
        const uint64_t edges[] = {half - 1, half, 2 * half - 1, 2 * half, -half - 1, -half, UINT64_MAX, 0};
        const bool canonical[] = {true, false, false, false, false, true, true, true};
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(paging_canonical(&paging, edges[i]), canonical[i]);
            probe_lookup(&paging, edges[i]);
            struct paging_walk walk = paging_lookup(&paging, edges[i], (struct paging_access){.user = true});
            assert_int_equal(walk.refusal, canonical[i] ? PAGING_NOT_PRESENT : PAGING_NON_CANONICAL);
            assert_int_equal(walk.error_code, canonical[i] ? FAULT_USER : 0);
            assert_int_equal(walk.refused_level, manual_walk(&paging, edges[i]).level);
        }
        end();
    }
}

static void refusals_have_sentences(void **state)
{
    (void)state;
    assert_string_equal(paging_refusal_name(PAGING_NOT_WRITABLE), "the page is not writable");
    for (int i = PAGING_ALLOWED; i <= PAGING_SMAP; i++)
        for (int j = PAGING_ALLOWED; j < i; j++)
            assert_string_not_equal(paging_refusal_name((enum paging_refusal)i),
                                    paging_refusal_name((enum paging_refusal)j));
    assert_non_null(paging_refusal_name((enum paging_refusal)99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permissions_are_the_and_over_all_levels),
        cmocka_unit_test(no_walk_goes_through_an_absent_entry),
        cmocka_unit_test(reserved_bits_are_refused_at_every_level),
        cmocka_unit_test(each_refusal_has_its_error_code),
        cmocka_unit_test(addresses_between_the_halves_are_not_canonical),
        cmocka_unit_test(refusals_have_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
