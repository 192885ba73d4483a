/* What the firmware knows about the machine and the kernel wants to know: tables, time, randomness. */
#ifndef EFI_MACHINE_H
#define EFI_MACHINE_H

#include "efi/boot_info.h"
#include "efi/processor.h"

/* RSDP, SMBIOS, memory attributes table, system table, firmware's name. Whatever is missing stays 0. */
void machine_tables(struct boot_info *info);

/* The firmware's clock; year 0 when there is none. */
void machine_time(struct boot_info *info);

/* info->random_seed and its sources. Call it last: the stages' time stamps are one of them. */
void machine_random(const struct processor *processor, struct boot_info *info);

#endif
