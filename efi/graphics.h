/* The screen: find the firmware's framebuffer, describe it in boot_info, start the squares. */
#ifndef EFI_GRAPHICS_H
#define EFI_GRAPHICS_H

#include "efi/boot_info.h"
#include "efi/options.h"
#include "efi/processor.h"

/* Fill info->framebuffer; kind NONE when there is no usable one, which is no failure. The current mode stays unless the options ask for
 * another, or it has no linear framebuffer and another one has. */
void graphics_find(const struct options *options, const struct processor *processor, struct boot_info *info);

#endif
