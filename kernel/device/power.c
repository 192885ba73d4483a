#include "kernel/device/power.h"

#include <asm/errno.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/port.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/device/acpi.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"
#include "kernel/device/console.h"
#include "kernel/lib/string.h"

/* PM1 control (ACPI 6.4, 4.8.3.2.1) and the sleep control register of hardware-reduced machines (4.8.3.7). */
#define PM1_SCI_ENABLE      (1u << 0)
#define PM1_SLEEP_TYPE(x)   ((unsigned)(x) << 10)
#define PM1_SLEEP_TYPE_MASK (7u << 10)
#define PM1_SLEEP_ENABLE    (1u << 13)
#define SLEEP_TYPE(x)       ((unsigned)(x) << 2)
#define SLEEP_ENABLE        (1u << 5)

/* PCI configuration mechanism 1 (PCI 3.0, 3.2.2.3.2). */
#define PCI_ADDRESS         0xcf8
#define PCI_DATA            0xcfc
#define PCI_ENABLE          (1u << 31)

/* The keyboard controller's command that pulses the reset line (8042). */
#define KEYBOARD_COMMAND    0x64
#define KEYBOARD_INPUT_FULL (1u << 1)
#define KEYBOARD_RESET      0xfe
#define KEYBOARD_WAIT_MAX   10000u

#define MILLISECOND         UINT64_C(1000000)
/* How long a machine may take to go down before the next way is tried, and to leave legacy mode. */
#define SETTLE_TIME         (500 * MILLISECOND)
#define ACPI_ENABLE_LOOKS   300u

enum way { WAY_FIRMWARE, WAY_ACPI, WAY_KEYBOARD, WAY_TRIPLE_FAULT, WAYS };

static const char *const way_names[WAYS] = {"firmware", "acpi", "keyboard", "triple-fault"};

static struct {
    enum way first;
    uint16_t debug_exit;
    void (*firmware)(bool reboot);
} state;

void power_set_debug_exit(uint16_t port)
{
    state.debug_exit = port;
}

int power_set_way(const char *name)
{
    for (enum way way = 0; way < WAYS; way++)
        if (strcmp(name, way_names[way]) == 0) {
            state.first = way;
            return 0;
        }
    return -EINVAL;
}

void power_set_firmware(void (*reset)(bool reboot))
{
    state.firmware = reset;
}

static void debug_exit(uint8_t value)
{
    if (state.debug_exit == 0)
        return;
    outl(state.debug_exit, value);
    /* QEMU 9 and later let the processor run on until another of their threads ends the machine. */
    clock_delay(SETTLE_TIME);
}

static void firmware_reset(bool reboot)
{
    /* Only once: should it fault, the panic must not come back here. */
    void (*reset)(bool reboot) = state.firmware;

    state.firmware = NULL;
    if (reset == NULL || state.first > WAY_FIRMWARE)
        return;
    log_info("power: %s by UEFI ResetSystem", reboot ? "reboot" : "off");
    reset(reboot);
}

/* The sleep registers do nothing while the firmware owns power management (4.8.2.5). */
static void acpi_mode_enter(const struct acpi_power *power)
{
    if (power->smi_command == 0 || power->acpi_enable == 0 || (inw(power->pm1a_control) & PM1_SCI_ENABLE))
        return;
    outb((uint16_t)power->smi_command, power->acpi_enable);
    for (unsigned looks = 0; looks < ACPI_ENABLE_LOOKS; looks++) {
        if (inw(power->pm1a_control) & PM1_SCI_ENABLE)
            return;
        clock_delay(MILLISECOND);
    }
}

static void sleep_write(uint16_t port, int type)
{
    unsigned value = inw(port) & ~(PM1_SLEEP_TYPE_MASK | PM1_SLEEP_ENABLE);

    outw(port, (uint16_t)(value | PM1_SLEEP_TYPE(type) | PM1_SLEEP_ENABLE));
}

static void acpi_power_off(void)
{
    const struct acpi_power *power = &acpi_info.power;

    if (power->sleep_type_a < 0 || (power->sleep_control == 0 && power->pm1a_control == 0))
        return;
    log_info("power: off by ACPI S5");
    if (power->sleep_control != 0) {
        outb(power->sleep_control, (uint8_t)(SLEEP_TYPE(power->sleep_type_a) | SLEEP_ENABLE));
    } else {
        acpi_mode_enter(power);
        sleep_write(power->pm1a_control, power->sleep_type_a);
        if (power->pm1b_control != 0)
            sleep_write(power->pm1b_control, power->sleep_type_b);
    }
    clock_delay(SETTLE_TIME);
}

/* The reset register (4.8.3.6). In memory it is left to the firmware's own ResetSystem: this floor maps nothing. */
static void acpi_reset(void)
{
    const struct acpi_power *power = &acpi_info.power;
    uint64_t address = power->reset_address;

    if (!power->reset_supported || state.first > WAY_ACPI ||
        (power->reset_space != 1 && power->reset_space != 2))
        return;
    log_info("power: reboot by the ACPI reset register");
    if (power->reset_space == 1) {
        outb((uint16_t)address, power->reset_value);
    } else {
        /* Bus 0; device, function and offset in 16 bits each. */
        uint32_t device = (uint32_t)(address >> 32) & 0x1f, function = (uint32_t)(address >> 16) & 7;
        outl(PCI_ADDRESS, PCI_ENABLE | device << 11 | function << 8 | (address & 0xfc));
        outb(PCI_DATA + (address & 3), power->reset_value);
    }
    clock_delay(SETTLE_TIME);
}

static void keyboard_reset(void)
{
    if (!acpi_info.i8042_present || state.first > WAY_KEYBOARD)
        return;
    log_info("power: reboot by the keyboard controller");
    for (unsigned looks = 0; looks < KEYBOARD_WAIT_MAX && (inb(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL);
         looks++)
        cpu_relax();
    outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
    clock_delay(SETTLE_TIME);
}

/* With no interrupt table every exception is a triple fault, which shuts the CPU down; a PC answers with a reset. */
static void triple_fault(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) nothing = {0, 0};

    log_info("power: reboot by a triple fault");
    __asm__ volatile("cli; lidt %0; ud2" : : "m"(nothing) : "memory");
}

void power_off(uint8_t debug_exit_value)
{
    __asm__ volatile("cli" : : : "memory");
    debug_exit(debug_exit_value);
    console_flush();
    firmware_reset(false);
    acpi_power_off();
    log_error("power: this machine cannot be switched off by software; it is safe to do it by hand");
    console_flush();
    lapic_send_others(VECTOR_STOP);
    cpu_stop();
}

void power_reboot(void)
{
    __asm__ volatile("cli" : : : "memory");
    debug_exit(POWER_EXIT_SUCCESS);
    console_flush();
    firmware_reset(true);
    acpi_reset();
    keyboard_reset();
    triple_fault();
    cpu_stop();
}

void power_panic(void)
{
    __asm__ volatile("cli" : : : "memory");
    debug_exit(POWER_EXIT_PANIC);
    lapic_send_others(VECTOR_STOP);
    cpu_stop();
}
