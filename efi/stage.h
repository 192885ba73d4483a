/* Stages: how far the boot came. Each finished step leaves a time stamp in boot_info and a coloured square at the top left of the
 * screen, so that a photograph of a PC without serial port tells where it stopped. */
#ifndef EFI_STAGE_H
#define EFI_STAGE_H

#include "efi/boot_info.h"
#include "efi/uefi.h"

/* A step is done; `name` has at most 23 characters. */
void stage_done(struct boot_info *info, const char *name);

/* Squares can be drawn from now on, by the firmware while it lives; those of the steps done so far appear at once. NULL: no screen. */
void stage_screen(struct boot_info *info, EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics);

/* Boot services are gone: squares go straight to the framebuffer in boot_info, where the firmware's tables (which are still in use) map
 * it writable. */
void stage_screen_after_firmware(struct boot_info *info);

/* The boot failed after the firmware was left: a red square, and stop for ever. */
_Noreturn void stage_dead_end(struct boot_info *info);

/* Where the square after the last one goes, for the switch, which draws the last one itself on the new tables. */
struct stage_square {
    uint64_t address; /* of its first pixel; 0: cannot be drawn */
    uint32_t colour;
    uint32_t side; /* pixels */
    uint32_t pitch;
};
struct stage_square stage_last_square(struct boot_info *info);

#endif
