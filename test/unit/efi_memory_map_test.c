/* The firmware's map becomes the kernel's: whatever firmware says, the result is sorted, whole, disjoint, and never more generous. */

#include "test/unit/efi_map_model.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WB            UEFI_MEMORY_WRITE_BACK
#define ENTRIES_MAX   64
#define RANDOM_ROUNDS 4000

static struct boot_memory map[MEMORY_MAP_ENTRIES(ENTRIES_MAX)];
static uint64_t boundaries[MEMORY_MAP_BOUNDARIES(ENTRIES_MAX)];
static size_t count;

static void clean(const struct uefi_memory *raw, size_t descriptors)
{
    assert_true(descriptors <= ENTRIES_MAX);
    int error =
        memory_map_clean(raw, descriptors * sizeof(*raw), sizeof(*raw), map, MEMORY_MAP_ENTRIES(ENTRIES_MAX),
                         boundaries, MEMORY_MAP_BOUNDARIES(ENTRIES_MAX), &count);
    assert_int_equal(error, 0);
    map_model_check(raw, descriptors * sizeof(*raw), sizeof(*raw));
}

static struct uefi_memory ram(uint32_t type, uint64_t start, uint64_t pages)
{
    return (struct uefi_memory){.type = type, .physical_start = start, .page_count = pages, .attributes = WB};
}

static void unsorted_pieces_are_sorted_and_merged(void **state)
{
    (void)state;
    const struct uefi_memory raw[] = {
        ram(UEFI_CONVENTIONAL, 0x5000, 3), ram(UEFI_BOOT_SERVICES_DATA, 0x1000, 1),
        ram(UEFI_CONVENTIONAL, 0x2000, 3), ram(UEFI_CONVENTIONAL, 0x9000, 1),
        ram(UEFI_CONVENTIONAL, 0x4000, 0),
    };
    clean(raw, 5);
    assert_int_equal(count, 3);
    assert_int_equal(map[0].start, 0x1000);
    assert_int_equal(map[0].kind, BOOT_MEMORY_BOOT_SERVICES);
    assert_int_equal(map[1].start, 0x2000);
    assert_int_equal(map[1].size, 0x6000);
    assert_int_equal(map[2].start, 0x9000);
}

static void of_two_claims_the_one_that_allows_less_wins(void **state)
{
    (void)state;
    const struct uefi_memory raw[] = {
        ram(UEFI_CONVENTIONAL, 0x10000, 16),
        ram(UEFI_RUNTIME_DATA, 0x14000, 2),
        ram(UEFI_UNUSABLE, 0x15000, 1),
    };
    clean(raw, 3);
    assert_int_equal(count, 4);
    assert_int_equal(map[0].size, 0x4000);
    assert_int_equal(map[1].kind, BOOT_MEMORY_RUNTIME_DATA);
    assert_int_equal(map[2].kind, BOOT_MEMORY_BAD);
    assert_int_equal(map[3].start, 0x16000);
    assert_int_equal(map[3].size, 0xa000);
}

static void what_wraps_ends_at_the_top(void **state)
{
    (void)state;
    const struct uefi_memory raw[] = {
        ram(UEFI_MMIO, PHYSICAL_ADDRESS_END - PAGE_SIZE, UINT64_MAX),
        ram(UEFI_MMIO, UINT64_MAX - 0xfff, 16),
        ram(UEFI_CONVENTIONAL, 0, UINT64_C(1) << 52),
    };
    clean(raw, 3);
    assert_int_equal(count, 2);
    assert_int_equal(map[0].start, 0);
    assert_int_equal(map[1].start, PHYSICAL_ADDRESS_END - PAGE_SIZE);
    assert_int_equal(map[1].size, PAGE_SIZE);
    assert_int_equal(map[1].kind, BOOT_MEMORY_MMIO);
}

static void only_known_write_back_memory_is_free(void **state)
{
    (void)state;
    struct uefi_memory raw[] = {
        ram(0x70000000, 0x1000, 1),
        ram(0x80000001, 0x2000, 1),
        ram(16, 0x3000, 1),
        ram(UEFI_CONVENTIONAL, 0x4000, 1),
        ram(UEFI_CONVENTIONAL, 0x5000, 1),
        ram(UEFI_CONVENTIONAL, 0x6000, 1),
    };
    raw[3].attributes = 0;
    raw[4].attributes |= UEFI_MEMORY_SOFT_RESERVED;
    raw[5].attributes |= UEFI_MEMORY_RUNTIME;
    clean(raw, 6);
    for (size_t i = 0; i < count; ++i) {
        assert_int_not_equal(map[i].kind, BOOT_MEMORY_FREE);
        assert_false(memory_direct_mapped(&map[i]));
    }
    assert_int_equal(map[4].kind, BOOT_MEMORY_SOFT_RESERVED);
}

static void misaligned_ram_shrinks_and_misaligned_reservations_grow(void **state)
{
    (void)state;
    const struct uefi_memory raw[] = {ram(UEFI_CONVENTIONAL, 0x1800, 3),
                                      ram(UEFI_RESERVED_MEMORY, 0x8800, 1)};
    clean(raw, 2);
    assert_int_equal(map[0].start, 0x2000);
    assert_int_equal(map[0].size, 0x2000);
    assert_int_equal(map[1].start, 0x8000);
    assert_int_equal(map[1].size, 0x2000);
}

static void a_stride_below_a_descriptor_is_refused(void **state)
{
    (void)state;
    unsigned char raw[400] = {0};
    for (size_t stride = 0; stride < 80; ++stride)
        map_model_check(raw, sizeof(raw), stride);
}

static void short_buffers_are_refused(void **state)
{
    (void)state;
    const struct uefi_memory raw[2] = {ram(UEFI_CONVENTIONAL, 0, 1), ram(UEFI_CONVENTIONAL, 0, 1)};
    assert_int_equal(
        memory_map_clean(raw, sizeof(raw), 40, map, MEMORY_MAP_ENTRIES(2) - 1, boundaries, 100, &count),
        -ENOSPC);
    assert_int_equal(
        memory_map_clean(raw, sizeof(raw), 40, map, 100, boundaries, MEMORY_MAP_BOUNDARIES(2) - 1, &count),
        -ENOSPC);
    clean(raw, 1);
    struct boot_memory before = map[0];
    assert_int_equal(memory_map_reserve(map, &count, count + 1, 0, PAGE_SIZE), -ENOSPC);
    assert_memory_equal(&before, &map[0], sizeof(before));
}

/* Any stride, any number of descriptors, on few pages so that they overlap in every way. */
static void random_maps_agree_with_the_model(void **state)
{
    (void)state;
    static const size_t strides[] = {40, 41, 48, 56, 72, 96};
    srandom(20260101);
    for (unsigned round = 0; round < RANDOM_ROUNDS; ++round) {
        size_t stride = strides[random() % 6];
        size_t descriptors = round % 100 == 0 ? 500 : (size_t)random() % 12;
        unsigned char *raw = malloc(descriptors * stride + 1);
        memset(raw, 0xee, descriptors * stride + 1);
        for (size_t i = 0; i < descriptors; ++i) {
            struct uefi_memory memory =
                ram((uint32_t)random() % 18, (uint64_t)random() % MODEL_PAGES * PAGE_SIZE,
                    (uint64_t)random() % 24);
            if (random() % 8 == 0)
                memory.attributes = (uint64_t)random() % 16;
            if (random() % 16 == 0)
                memory.attributes |= random() % 2 ? UEFI_MEMORY_RUNTIME : UEFI_MEMORY_SOFT_RESERVED;
            if (random() % 32 == 0)
                memory.physical_start += (uint64_t)random() % PAGE_SIZE;
            if (random() % 32 == 0)
                memory.physical_start = PHYSICAL_ADDRESS_END - (uint64_t)random() % 16 * PAGE_SIZE;
            if (random() % 64 == 0)
                memory.page_count = UINT64_MAX - (uint64_t)random() % 4;
            memcpy(raw + i * stride, &memory, sizeof(memory));
        }
        map_model_check(raw, descriptors * stride, stride);
        free(raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsorted_pieces_are_sorted_and_merged),
        cmocka_unit_test(of_two_claims_the_one_that_allows_less_wins),
        cmocka_unit_test(what_wraps_ends_at_the_top),
        cmocka_unit_test(only_known_write_back_memory_is_free),
        cmocka_unit_test(misaligned_ram_shrinks_and_misaligned_reservations_grow),
        cmocka_unit_test(a_stride_below_a_descriptor_is_refused),
        cmocka_unit_test(short_buffers_are_refused),
        cmocka_unit_test(random_maps_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
