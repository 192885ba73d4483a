#include "paging/layout.h"
#include "test/boot/probe_kernel/checks.h"
#include "test/boot/probe_kernel/output.h"

#define MEMORY_WRITE_BACK UINT64_C(0x8)

const struct boot_memory *probe_memory_map(const struct boot_info *info)
{
    return probe_pointer(info->memory_map);
}

int probe_direct_mapped(const struct boot_memory *memory)
{
    switch (memory->kind) {
    case BOOT_MEMORY_FREE:
    case BOOT_MEMORY_BOOT_SERVICES:
    case BOOT_MEMORY_LOADER:
    case BOOT_MEMORY_ACPI_RECLAIM:
    case BOOT_MEMORY_ACPI_NVS:
    case BOOT_MEMORY_RUNTIME_CODE:
    case BOOT_MEMORY_RUNTIME_DATA:
        return (memory->attributes & MEMORY_WRITE_BACK) != 0;
    default:
        return 0;
    }
}

void check_memory_map(const struct boot_info *info)
{
    const struct boot_memory *map = probe_memory_map(info);
    uint64_t free_bytes = 0;
    check(info->memory_map_count > 0, "there is memory", info->memory_map_count);
    for (uint32_t i = 0; i < info->memory_map_count; ++i) {
        const struct boot_memory *memory = &map[i];
        uint64_t end = memory->start + memory->size;
        check(memory->start % PAGE_SIZE == 0 && memory->size % PAGE_SIZE == 0, "memory is whole pages",
              memory->start);
        check(memory->size > 0 && end > memory->start, "no memory is empty", memory->start);
        check(memory->kind >= BOOT_MEMORY_FREE && memory->kind <= BOOT_MEMORY_SOFT_RESERVED,
              "memory's kind is known", memory->kind);
        if (memory->kind == BOOT_MEMORY_FREE) {
            free_bytes += memory->size;
            check(probe_direct_mapped(memory), "free memory is write-back", memory->start);
        }
        if (i == 0)
            continue;
        const struct boot_memory *before = &map[i - 1];
        uint64_t before_end = before->start + before->size;
        check(before_end <= memory->start, "memory is sorted and does not overlap", memory->start);
        check(before_end != memory->start || before->kind != memory->kind ||
                  before->uefi_type != memory->uefi_type || before->attributes != memory->attributes,
              "equal neighbours are merged", memory->start);
    }
    put_text("probe: memory map entries ");
    put_hexadecimal(info->memory_map_count);
    put_text(", free bytes ");
    put_hexadecimal(free_bytes);
    put_line("");
}

/* A range's pages are all of loader memory. */
static int range_is_loader_memory(const struct boot_info *info, const struct boot_range *range)
{
    const struct boot_memory *map = probe_memory_map(info);
    uint64_t end = ROUND_UP(range->start + range->size, PAGE_SIZE);
    uint64_t at = range->start;
    for (uint32_t i = 0; i < info->memory_map_count; ++i)
        if (map[i].start <= at && map[i].start + map[i].size > at && map[i].kind == BOOT_MEMORY_LOADER)
            at = map[i].start + map[i].size;
    return at >= end;
}

static int ranges_overlap(const struct boot_range *left, const struct boot_range *right)
{
    uint64_t left_end = ROUND_UP(left->start + left->size, PAGE_SIZE);
    uint64_t right_end = ROUND_UP(right->start + right->size, PAGE_SIZE);
    return left->start < right_end && right->start < left_end;
}

void check_ranges(const struct boot_info *info)
{
    uint32_t of_kind[BOOT_RANGE_SWITCH + 1] = {0};
    for (uint32_t i = 0; i < info->range_count; ++i) {
        const struct boot_range *range = &info->ranges[i];
        check(range->start % PAGE_SIZE == 0 && range->size > 0, "a range starts a page and is not empty",
              range->start);
        check(range->name[0] != '\0' && range->name[BOOT_NAME_MAX - 1] == '\0', "a range has a name",
              range->start);
        check(range->kind >= BOOT_RANGE_BOOT_INFO && range->kind <= BOOT_RANGE_SWITCH,
              "a range's kind is known", range->kind);
        check(range_is_loader_memory(info, range), "a range is loader memory", range->start);
        for (uint32_t j = 0; j < i; ++j)
            check(!ranges_overlap(range, &info->ranges[j]), "ranges do not overlap", range->start);
        if (range->kind <= BOOT_RANGE_SWITCH)
            ++of_kind[range->kind];
        if (range->kind == BOOT_RANGE_ARCHIVE) {
            put_text("probe: archive ");
            put_text(range->name);
            put_text(", bytes ");
            put_hexadecimal(range->size);
            put_line("");
        }
        if (range->kind == BOOT_RANGE_TRAMPOLINE)
            check(range->start != 0 && range->start + range->size <= CGA_WINDOW_BASE,
                  "processors start below 640 KiB", range->start);
    }
    check(of_kind[BOOT_RANGE_BOOT_INFO] == 1, "one boot_info", of_kind[BOOT_RANGE_BOOT_INFO]);
    check(of_kind[BOOT_RANGE_KERNEL] == 3, "three kernel segments", of_kind[BOOT_RANGE_KERNEL]);
    check(of_kind[BOOT_RANGE_KERNEL_FILE] == 1, "one kernel file", of_kind[BOOT_RANGE_KERNEL_FILE]);
    check(of_kind[BOOT_RANGE_TABLES] == 1, "one pool of tables", of_kind[BOOT_RANGE_TABLES]);
    check(of_kind[BOOT_RANGE_STACK] == 1, "one stack", of_kind[BOOT_RANGE_STACK]);
    check(of_kind[BOOT_RANGE_MEMORY_MAP] == 1, "one memory map", of_kind[BOOT_RANGE_MEMORY_MAP]);
    check(of_kind[BOOT_RANGE_SWITCH] >= 2, "switch code and data", of_kind[BOOT_RANGE_SWITCH]);
    if (of_kind[BOOT_RANGE_TRAMPOLINE] == 0)
        put_line("probe: no trampoline pages");
}
