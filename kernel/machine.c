/* See machine.h. */
#include "kernel/machine.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/symbols.h"
#include "kernel/device/acpi.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"
#include "kernel/device/console.h"
#include "kernel/device/power.h"
#include "kernel/device/screen.h"
#include "kernel/device/serial.h"
#include "kernel/lib/direct_map.h"
#include "kernel/lib/options.h"
#include "kernel/memory/kernel_space.h"

#define HPET_SIZE         1024
#define IOAPIC_SIZE       32
#define APIC_BASE_ADDRESS UINT64_C(0x000ffffffffff000) /* of IA32_APIC_BASE, SDM vol. 3A, 11.4.4 */

static enum log_level log_threshold(void)
{
    return option_present("debug") ? LOG_DEBUG : LOG_INFO;
}

void machine_console_start(void)
{
    uint64_t port;

    serial_start();
    console_log_to(CONSOLE_SERIAL, log_threshold());
    if (option_number("debug-exit", &port) == 0)
        power_set_debug_exit((uint16_t)port);
    const char *way = option_value("power");
    if (way != NULL && power_set_way(way) != 0)
        log_error("options: power=%s is no way", way);
    panic_set_ending(power_panic);
}

void machine_symbols_start(const struct boot_info *boot)
{
    for (uint32_t i = 0; i < boot->range_count; i++)
        if (boot->ranges[i].kind == BOOT_RANGE_KERNEL_FILE &&
            symbols_start(direct_map(boot->ranges[i].start), boot->ranges[i].size) == 0)
            return;
    log_warning("symbols: the loader kept no usable kernel file; backtraces are numbers");
}

void machine_screen_start(const struct boot_info *boot)
{
    if (boot->framebuffer.kind == BOOT_FRAMEBUFFER_NONE)
        return;
    volatile void *pixels =
        kernel_map_device(boot->framebuffer.base, boot->framebuffer.size, PERM_WRITE_COMBINING);
    if (pixels == NULL)
        log_warning("framebuffer: %#lx cannot be mapped", boot->framebuffer.base);
    else if (screen_start(&boot->framebuffer, pixels) == 0)
        console_log_to(CONSOLE_SCREEN, log_threshold());
}

static const void *table_read(paddr_t pa, size_t size)
{
    return direct_map_covers(pa, size) ? direct_map(pa) : NULL;
}

static void interrupt_controllers_start(void)
{
    paddr_t lapic = rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;
    volatile void *registers = (volatile void *)KERNEL_MAP_LAPIC;

    pic_disable();
    if (lapic_start(registers) != 0)
        panic("this processor has no local APIC at %#lx", lapic);
    for (uint32_t i = 0; i < acpi_info.ioapic_count; i++) {
        volatile void *mapped = kernel_map_device(acpi_info.ioapic[i].address, IOAPIC_SIZE, PERM_UNCACHED);
        if (mapped != NULL)
            ioapic_add(&acpi_info.ioapic[i], mapped);
        else
            log_warning("I/O APIC %u at %#lx cannot be mapped", acpi_info.ioapic[i].id,
                        acpi_info.ioapic[i].address);
    }
}

void machine_devices_start(const struct boot_info *boot)
{
    volatile void *hpet = NULL;

    acpi_start(boot->rsdp, table_read);
    interrupt_controllers_start();
    if (acpi_info.hpet_address != 0)
        hpet = kernel_map_device(acpi_info.hpet_address, HPET_SIZE, PERM_UNCACHED);
    if (clock_start(hpet, &boot->time) != 0)
        log_error("no clock of this machine counts: times are guesses");
    log_set_clock(clock_now);
}
