/* Ending the machine: power off, reboot, leave QEMU. Each tries the ways there are, best first, and at last halts.
 *
 * Order: the debug-exit port when the command line has one (power_set_debug_exit); UEFI ResetSystem (registered by kernel/memory, which can map the
 * runtime services); ACPI S5 / reset register; keyboard controller (reboot); triple fault (reboot). The log says which is tried. Any context; do not return. */
#ifndef KERNEL_DEVICE_POWER_H
#define KERNEL_DEVICE_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "paging/types.h"

/* Status values for the debug-exit device; QEMU ends with (value << 1) | 1. */
#define POWER_EXIT_SUCCESS 0x10
#define POWER_EXIT_PANIC   0x11
#define POWER_EXIT_FAILED  0x12

void power_set_debug_exit(uint16_t port);

/* `reset(true)`: reboot, `reset(false)`: power off; returns when it did not work. */
void power_set_firmware(void (*reset)(bool reboot));

/* Pass over the ways before this one: "firmware", "acpi", "keyboard" or "triple-fault", for machines where one hangs (`power=WAY`). -EINVAL: no such way. */
int must_check power_set_way(const char *name);

_Noreturn void power_off(uint8_t debug_exit_value);
_Noreturn void power_reboot(void);

/* End after a panic: debug exit with POWER_EXIT_PANIC, else halt with the report on the screen. */
_Noreturn void power_panic(void);

#endif
