/* From what the firmware says about its graphics to one framebuffer record: which output, which mode, which pixels.
 *
 * Pure: no firmware call, no allocation, no state. */
#ifndef EFI_FRAMEBUFFER_H
#define EFI_FRAMEBUFFER_H

#include "efi/boot_info.h"
#include "paging/types.h"

/* EFI_GRAPHICS_PIXEL_FORMAT (UEFI 2.10, 12.9.2). */
#define GRAPHICS_RGB      0 /* 32 bits, red in the lowest byte */
#define GRAPHICS_BGR      1 /* 32 bits, blue in the lowest byte */
#define GRAPHICS_BIT_MASK 2 /* the masks say */
#define GRAPHICS_BLT_ONLY 3 /* no linear framebuffer */

/* One mode, as EFI_GRAPHICS_OUTPUT_MODE_INFORMATION describes it. */
struct graphics_mode {
    uint32_t width;
    uint32_t height;
    uint32_t format;
    uint32_t red_mask, green_mask, blue_mask, reserved_mask;
    uint32_t pixels_per_row;
};

/* One output in its current mode. */
struct graphics_output {
    struct graphics_mode mode;
    uint64_t base;
    uint64_t size;
    bool console; /* the firmware's text console draws on this framebuffer */
    bool device;  /* the handle belongs to a device, not to a console that joins several */
};

/* Describe the framebuffer of `mode` at [base, base + size). A size of 0 is taken as "not said"; a size too small for the mode loses rows
 * at the bottom. -ENODEV, and a record of kind BOOT_FRAMEBUFFER_NONE, when there is none to use: BltOnly, base 0, impossible masks or
 * sizes, or addresses that the processor cannot map one to one (`physical_width` bits, below USER_END). */
int must_check framebuffer_describe(const struct graphics_mode *mode, uint64_t base, uint64_t size,
                                    unsigned physical_width, struct boot_framebuffer *framebuffer);

/* The output to use: the console's, else a device's, else any; the first of equals. -1 when none has a usable framebuffer. */
int framebuffer_choose(const struct graphics_output *outputs, size_t count, unsigned physical_width);

/* Does this mode have a linear framebuffer at all? */
bool graphics_mode_linear(const struct graphics_mode *mode);

/* The linear mode of exactly width x height; with both 0 the largest up to 1920x1200. -1 when there is none. */
int graphics_mode_choose(const struct graphics_mode *modes, size_t count, uint32_t width, uint32_t height);

#endif
