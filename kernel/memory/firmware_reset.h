/* The firmware's way out: UEFI's ResetSystem(), to switch off and to reboot (UEFI 2.10, 8.5.1).
 *
 * Of all runtime services only this one is called, as long as the machine lives never and at its end once. The firmware runs where it always did: in a page-table root of its own
 * that shares the kernel's half and maps the runtime regions at their physical addresses, code R-X and data RW-NX as EFI_MEMORY_ATTRIBUTES_TABLE (4.6.4) says, or by their type
 * where there is no such table (data that old firmware keeps beside its code is then read-only, and it fails). It can reach nothing of a process; what faults in it is caught, and
 * the next way is tried. */
#ifndef KERNEL_MEMORY_FIRMWARE_RESET_H
#define KERNEL_MEMORY_FIRMWARE_RESET_H

#include "efi/boot_info.h"
#include "paging/paging.h"

/* Step 1, before frames_start(): copy the attributes table, which lies in memory that will be used again. After kernel_space_describe(). */
void firmware_reset_note(const struct boot_info *boot);

/* Step 2, any time after kernel_space_start(): make the tables, and register with kernel/device/power. Logs why not, when not. */
void firmware_reset_start(const struct boot_info *boot);

/* Reset: power off, or reboot. Returns when the firmware did, or failed. Interrupts off. */
void firmware_reset(bool reboot);

/* The firmware's tables, NULL when there are none: for tests. */
struct paging *firmware_reset_paging(void);

/* Call the code at `address` as the firmware's ResetSystem() would be: for tests. false: it faulted. Interrupts off. */
bool must_check firmware_reset_call(paddr_t address, bool reboot);

#endif
