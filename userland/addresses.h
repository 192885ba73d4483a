/* Addresses that no process may touch, for the attacks: from the drawing in paging/layout.h, and those
 * that are nobody's at all. */
#ifndef USERLAND_ADDRESSES_H
#define USERLAND_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

#include "paging/layout.h"

struct named_address {
    const char *name;
    uintptr_t address;
};

#define MIB                  UINT64_C(0x100000)
#define NONCANONICAL_LOWEST  UINT64_C(0x0000800000000000)
#define NONCANONICAL_HIGHEST UINT64_C(0xffff7fffffffffff)
#define USER_LAST_PAGE       (USER_END - PAGE_SIZE) /* the last page that can be mapped */

static const struct named_address kernel_addresses[] = {
    {"direct map, first page", DIRECT_MAP_BASE},
    {"direct map, second page", DIRECT_MAP_BASE + PAGE_SIZE},
    {"direct map, CGA window", DIRECT_MAP_BASE + CGA_WINDOW_BASE},
    {"direct map, 1 MiB", DIRECT_MAP_BASE + MIB},
    {"direct map, 64 MiB", DIRECT_MAP_BASE + 64 * MIB},
    {"direct map, end", KERNEL_MAP_BASE - 8},
    {"kernel mappings, local APIC", KERNEL_MAP_LAPIC},
    {"kernel mappings, I/O APIC", KERNEL_MAP_IOAPIC},
    {"kernel mappings, first of the rest", KERNEL_MAP_FREE},
    {"kernel mappings, 1 MiB into the rest", KERNEL_MAP_FREE + MIB},
    {"frame map, first frame", FRAME_MAP_BASE},
    {"frame map, 1 MiB", FRAME_MAP_BASE + MIB},
    {"kernel image, first byte", KERNEL_IMAGE_BASE},
    {"kernel image, second page", KERNEL_IMAGE_BASE + PAGE_SIZE},
    {"kernel image, 64 KiB", KERNEL_IMAGE_BASE + MIB / 16},
    {"kernel image, 128 KiB", KERNEL_IMAGE_BASE + MIB / 8},
    {"kernel image, 256 KiB", KERNEL_IMAGE_BASE + MIB / 4},
    {"kernel image, 512 KiB", KERNEL_IMAGE_BASE + MIB / 2},
    {"kernel image, 1 MiB", KERNEL_IMAGE_BASE + MIB},
    {"last word of all", UINTPTR_MAX - 7},
};

/* Addresses of the low half that are never mapped. */
static const struct named_address forbidden_addresses[] = {
    {"null", 0},
    {"first page, a field of a null structure", 0x18},
    {"first page, last word", PAGE_SIZE - 8},
    {"second page", PAGE_SIZE},
    {"last word below 64 KiB", USER_BASE - 8},
    {"last page of the low half", USER_END},
    {"last word of the low half", NONCANONICAL_LOWEST - 8},
};

/* Not addresses at all: bits 47 to 63 differ. */
static const struct named_address noncanonical_addresses[] = {
    {"first non-canonical", NONCANONICAL_LOWEST},         {"last non-canonical", NONCANONICAL_HIGHEST - 7},
    {"bit 63 alone", UINT64_C(0x8000000000000000)},       {"bit 48 alone", UINT64_C(0x0001000000000000)},
    {"the seeds' example", UINT64_C(0x000f000000000000)}, {"deadbeef twice", UINT64_C(0xdeadbeefdeadbee8)},
};

#define ADDRESS_COUNT(table) (sizeof(table) / sizeof((table)[0]))

#endif
