/* Start-up of the machine's other processors: MADT, INIT-SIPI-SIPI (SDM vol. 3A, 9.4.4), their first steps. */
#ifndef KERNEL_PROCESSORS_H
#define KERNEL_PROCESSORS_H

#include "efi/boot_info.h"

/* Bring up every processor that the MADT calls enabled, as far as `cpus=N` allows; each enters its idle loop. One that does not answer is reported and left
 * out. Boot CPU, idle thread, once, when all that processes need is there: they run threads at once. */
void processors_start(const struct boot_info *boot);

#endif
