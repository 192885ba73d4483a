#include "paging/layout.h"
#include "paging/paging.h"
#include "paging/vmiter.h"
#include "test/boot/probe_kernel/checks.h"
#include "test/boot/probe_kernel/output.h"

#define PERM_COMPARED (PTE_P | PTE_W | PTE_U | PTE_NX | PTE_PCD | PTE_PWT | PERM_PAT)
#define PERM_DEVICE   (PTE_P | PTE_W | PTE_NX | PERM_UNCACHED)
#define PERM_RAM      (PTE_P | PTE_W | PTE_NX)

extern char probe_text_start[], probe_text_end[], probe_rodata_start[], probe_rodata_end[],
    probe_data_start[], probe_data_end[];

static pte_t *table_pointer(void *context, paddr_t table)
{
    (void)context;
    return probe_pointer(table);
}

static const struct paging_ops look_ops = {.table_pointer = table_pointer};

static void print_violation(void *context, const char *line)
{
    (void)context;
    put_line(line);
}

/* A permission as this processor can hold it. */
static uint64_t perm_here(const struct paging *paging, uint64_t perm)
{
    if (!paging->nx)
        perm &= ~PTE_NX;
    if (!paging->pat && (perm & PERM_PAT))
        perm = (perm & ~PERM_WRITE_COMBINING) | PERM_UNCACHED;
    return perm;
}

/* [va, va + size) is mapped to [pa, ...) with exactly `perm`. */
static void check_mapped(struct paging *paging, vaddr_t va, paddr_t pa, uint64_t size, uint64_t perm,
                         const char *promise)
{
    struct vmiter it;
    vmiter_init(&it, paging, va);
    while (it.va - va < size) {
        bool right = vmiter_pa(&it) == pa + (it.va - va) &&
                     (vmiter_perm(&it) & PERM_COMPARED) == perm_here(paging, perm);
        if (!right) {
            put_text("probe: at ");
            put_hexadecimal(it.va);
            put_text(" found ");
            put_hexadecimal(vmiter_pa(&it));
            put_text(" perm ");
            put_hexadecimal(vmiter_perm(&it));
            put_line("");
        }
        check(right, promise, it.va);
        if (!right)
            return;
        vaddr_t before = it.va;
        vmiter_next(&it);
        if (it.va <= before)
            return;
    }
}

/* The bytes mapped in [start, end). */
static uint64_t mapped_bytes(struct paging *paging, vaddr_t start, vaddr_t end)
{
    struct vmiter it;
    uint64_t bytes = 0;
    for (vmiter_init(&it, paging, start); it.va < end; vmiter_next(&it))
        if (vmiter_present(&it))
            bytes += vmiter_size(&it);
    return bytes;
}

/* All of the RAM, and nothing but it. */
static void check_direct_map(struct paging *paging, const struct boot_info *info)
{
    const struct boot_memory *map = probe_memory_map(info);
    uint64_t expected = 0;
    for (uint32_t i = 0; i < info->memory_map_count; ++i) {
        if (!probe_direct_mapped(&map[i]))
            continue;
        check_mapped(paging, DIRECT_MAP_BASE + map[i].start, map[i].start, map[i].size, PERM_RAM,
                     "RAM is in the direct map");
        expected += map[i].size;
    }
    uint64_t mapped = mapped_bytes(paging, DIRECT_MAP_BASE, KERNEL_MAP_BASE);
    check(mapped == expected, "only RAM is in the direct map", mapped - expected);
}

static void check_low_half(struct paging *paging, const struct boot_info *info)
{
    uint64_t expected = CGA_WINDOW_END - CGA_WINDOW_BASE;
    check_mapped(paging, CGA_WINDOW_BASE, CGA_WINDOW_BASE, expected, PERM_DEVICE,
                 "the CGA window is mapped, uncached");

    const struct boot_framebuffer *framebuffer = &info->framebuffer;
    if (framebuffer->kind != BOOT_FRAMEBUFFER_NONE) {
        uint64_t start = ROUND_DOWN(framebuffer->base, PAGE_SIZE);
        uint64_t size = ROUND_UP(framebuffer->base + framebuffer->size, PAGE_SIZE) - start;
        check_mapped(paging, start, start, size, PERM_RAM | PERM_WRITE_COMBINING,
                     "the framebuffer is mapped, write-combining");
        expected += size;
    }
    for (uint32_t i = 0; i < info->range_count; ++i) {
        const struct boot_range *range = &info->ranges[i];
        struct vmiter it;
        if (range->kind != BOOT_RANGE_SWITCH)
            continue;
        vmiter_init(&it, paging, range->start);
        if (vmiter_present(&it)) {
            check(vmiter_pa(&it) == range->start, "the switch is mapped one to one", range->start);
            expected += range->size;
        }
    }
    uint64_t mapped = mapped_bytes(paging, 0, UINT64_C(1) << 47);
    check(mapped == expected, "nothing else is in the low half", mapped - expected);
}

static void check_kernel_mappings(struct paging *paging, const struct boot_info *info)
{
    check_mapped(paging, KERNEL_MAP_LAPIC, ROUND_DOWN(info->firmware.apic_base, PAGE_SIZE), PAGE_SIZE,
                 PERM_DEVICE, "the LAPIC is mapped, uncached");
    check_mapped(paging, KERNEL_MAP_IOAPIC, IOAPIC_DEFAULT, PAGE_SIZE, PERM_DEVICE,
                 "the IOAPIC is mapped, uncached");
    uint64_t mapped = mapped_bytes(paging, KERNEL_MAP_BASE, KERNEL_IMAGE_BASE);
    check(mapped == 2 * PAGE_SIZE, "nothing else is in the kernel mappings", mapped);
}

static void check_section(struct paging *paging, const char *start, const char *end, uint64_t perm,
                          const char *promise)
{
    for (vaddr_t va = ROUND_DOWN((vaddr_t)start, PAGE_SIZE); va < (vaddr_t)end; va += PAGE_SIZE) {
        struct vmiter it;
        vmiter_init(&it, paging, va);
        check((vmiter_perm(&it) & PERM_COMPARED) == perm_here(paging, perm), promise, vmiter_perm(&it));
        check(vmiter_size(&it) == PAGE_SIZE, "the kernel is mapped by pages", vmiter_size(&it));
    }
}

static void check_kernel_image(struct paging *paging)
{
    check_section(paging, probe_text_start, probe_text_end, PTE_P, "code is executable and not writable");
    check_section(paging, probe_rodata_start, probe_rodata_end, PTE_P | PTE_NX, "constants are neither");
    check_section(paging, probe_data_start, probe_data_end, PERM_RAM, "data is writable and not executable");
    uint64_t expected = ROUND_UP((vaddr_t)probe_data_end, PAGE_SIZE) - KERNEL_IMAGE_BASE;
    uint64_t mapped = mapped_bytes(paging, KERNEL_IMAGE_BASE, UINT64_C(0xfffffffffffff000));
    check(mapped == expected, "nothing else is at the image's addresses", mapped - expected);
}

void check_tables(const struct boot_info *info)
{
    struct probe_cpu cpu = probe_cpu();
    struct paging paging = {
        .ops = &look_ops,
        .root = info->page_tables,
        .levels = (uint8_t)info->levels,
        .physical_width = (uint8_t)cpu.physical_width,
        .nx = cpu.nx != 0,
        .pat = cpu.pat != 0,
        .pages_1g = cpu.pages_1g != 0,
        .global = true,
    };
    unsigned violations = paging_check(&paging, print_violation, NULL);
    check(violations == 0, "paging_check finds nothing", violations);
    check_direct_map(&paging, info);
    check_low_half(&paging, info);
    check_kernel_mappings(&paging, info);
    check_kernel_image(&paging);
}
