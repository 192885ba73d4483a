/* Bringing the devices up: what needs both kernel/memory (to map registers) and kernel/device (to drive them), step by step for kernel_main. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "efi/boot_info.h"

/* The log goes to COM1 from here on. */
void machine_console_start(void);

/* Names for addresses, from the kernel file that the loader kept. */
void machine_symbols_start(const struct boot_info *boot);

/* The log also goes to the framebuffer, when there is one. */
void machine_screen_start(const struct boot_info *boot);

/* ACPI tables, interrupt controllers, clocks, ways to end. Interrupts off. */
void machine_devices_start(const struct boot_info *boot);

#endif
