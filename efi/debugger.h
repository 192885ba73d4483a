/* How a debugger finds the loader, which the firmware may put anywhere. See README.md. */
#ifndef EFI_DEBUGGER_H
#define EFI_DEBUGGER_H

#include "efi/options.h"

/* Say where the image is on QEMU's debug console, when there is one; with the option `loader-wait` say it on the screen too, and wait
 * until a debugger sets loader_debugger.go. */
void debugger_meet(const struct options *options);

#endif
