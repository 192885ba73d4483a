/* See boot_check.h. */
#include "kernel/boot_check.h"

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/direct_map.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame.h"
#include "paging/layout.h"

#define MIB (UINT64_C(1) << 20)

void boot_check(const struct boot_info *boot)
{
    ASSERT_EQ(boot->magic, BOOT_INFO_MAGIC, "the loader gave a boot_info");
    ASSERT_EQ(boot->version, BOOT_INFO_VERSION, "loader and kernel are of one version");
    ASSERT_EQ(boot->size, sizeof(struct boot_info));
    ASSERT(boot->levels == 4 || boot->levels == 5);
    ASSERT_LE(boot->range_count, BOOT_RANGES_MAX);
    ASSERT_LE(boot->stage_count, BOOT_STAGES_MAX);
    ASSERT(memchr(boot->command_line, '\0', sizeof(boot->command_line)) != NULL, "the command line ends");

    const struct boot_memory *map = direct_map(boot->memory_map);
    for (uint32_t i = 0; i < boot->memory_map_count; i++) {
        ASSERT_LT(map[i].start, map[i].start + map[i].size, "memory map entry %u is a range", i);
        ASSERT(i == 0 || map[i - 1].start + map[i - 1].size <= map[i].start,
               "memory map entry %u is in order", i);
    }
    for (uint32_t i = 0; i < boot->range_count; i++)
        ASSERT_LE(boot->ranges[i].start, boot->ranges[i].start + boot->ranges[i].size,
                  "loader range %u is a range", i);
}

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [BOOT_MEMORY_FREE] = "free",
        [BOOT_MEMORY_BOOT_SERVICES] = "boot services",
        [BOOT_MEMORY_LOADER] = "loader",
        [BOOT_MEMORY_ACPI_RECLAIM] = "ACPI tables",
        [BOOT_MEMORY_ACPI_NVS] = "ACPI NVS",
        [BOOT_MEMORY_RUNTIME_CODE] = "runtime code",
        [BOOT_MEMORY_RUNTIME_DATA] = "runtime data",
        [BOOT_MEMORY_MMIO] = "device registers",
        [BOOT_MEMORY_RESERVED] = "reserved",
        [BOOT_MEMORY_BAD] = "bad",
        [BOOT_MEMORY_UNACCEPTED] = "unaccepted",
        [BOOT_MEMORY_PERSISTENT] = "persistent",
        [BOOT_MEMORY_SOFT_RESERVED] = "soft-reserved",
    };
    return kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] : "unknown";
}

static bool kind_ram(uint32_t kind)
{
    return kind <= BOOT_MEMORY_LOADER;
}

/* Neighbours that are all usable are one line: of the kinds only the end result interests here. */
static void memory_report(const struct boot_info *boot)
{
    const struct boot_memory *map = direct_map(boot->memory_map);
    uint64_t usable = 0;

    for (uint32_t i = 0, last; i < boot->memory_map_count; i = last + 1) {
        for (last = i; last + 1 < boot->memory_map_count && kind_ram(map[i].kind) &&
                       kind_ram(map[last + 1].kind) &&
                       map[last].start + map[last].size == map[last + 1].start;)
            last++;
        uint64_t end = map[last].start + map[last].size;
        if (kind_ram(map[i].kind))
            usable += end - map[i].start;
        log_debug("memory: %012lx-%012lx %s", map[i].start, end,
                  kind_ram(map[i].kind) ? "usable" : kind_name(map[i].kind));
    }
    log_info("memory: %lu MiB usable in a map of %u entries", usable / MIB, boot->memory_map_count);
}

static void layout_report(void)
{
    static const struct {
        vaddr_t start, end;
        const char *name;
    } areas[] = {
        {USER_BASE, USER_END, "processes"},
        {DIRECT_MAP_BASE, DIRECT_MAP_BASE + DIRECT_MAP_SIZE, "direct map of RAM"},
        {KERNEL_MAP_BASE, KERNEL_MAP_BASE + KERNEL_MAP_SIZE, "kernel mappings"},
        {FRAME_MAP_BASE, FRAME_MAP_END, "frame array"},
        {KERNEL_IMAGE_BASE, UINT64_MAX, "kernel image"},
    };
    for (unsigned i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
        log_debug("space: %016lx-%016lx %s", areas[i].start, areas[i].end, areas[i].name);
}

void boot_report(const struct boot_info *boot, uint64_t entered)
{
    const struct boot_framebuffer *screen = &boot->framebuffer;

    log_info("firmware: %s, UEFI %u.%u, %u-level paging%s%s", boot->firmware.vendor,
             boot->firmware.uefi_revision >> 16, (boot->firmware.uefi_revision & 0xffff) / 10, boot->levels,
             boot->toggled_la57 ? " (switched by the loader)" : "", boot->secure_boot ? ", Secure Boot" : "");
    log_debug("firmware: CR0 %lx CR3 %lx CR4 %lx EFER %lx RFLAGS %lx PAT %lx APIC %lx", boot->firmware.cr0,
              boot->firmware.cr3, boot->firmware.cr4, boot->firmware.efer, boot->firmware.rflags,
              boot->firmware.pat, boot->firmware.apic_base);
    memory_report(boot);
    layout_report();
    if (screen->kind == BOOT_FRAMEBUFFER_NONE)
        log_info("framebuffer: none");
    else
        log_info("framebuffer: %ux%u, %u bits a pixel, at %#lx", screen->width, screen->height,
                 screen->bits_per_pixel, screen->base);
    log_info("boot: the kernel was entered at tick %lu", entered);
    log_info("options: %s", boot->command_line);
}
