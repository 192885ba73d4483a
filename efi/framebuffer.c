#include "efi/framebuffer.h"

#include <asm/errno.h>

#include "paging/layout.h"

/* Larger than any display; keeps every product below inside 64 bits. */
#define GRAPHICS_EXTENT_MAX         65536

/* A mode picked without being asked for: full HD with its 16:10 sister, not the 8K that some adapters list. */
#define GRAPHICS_WIDTH_DEFAULT_MAX  1920
#define GRAPHICS_HEIGHT_DEFAULT_MAX 1200

/* One run of set bits: a colour that a shift and a mask can place. */
static bool mask_contiguous(uint32_t mask)
{
    if (mask == 0)
        return false;
    uint64_t low = mask & (~mask + 1);
    return ((mask + low) & mask) == 0;
}

/* Colours as masks. False when they cannot be drawn with. */
static bool mode_masks(const struct graphics_mode *mode, struct boot_framebuffer *framebuffer)
{
    switch (mode->format) {
    case GRAPHICS_RGB:
        framebuffer->red_mask = 0x000000ff;
        framebuffer->green_mask = 0x0000ff00;
        framebuffer->blue_mask = 0x00ff0000;
        framebuffer->bits_per_pixel = 32;
        return true;
    case GRAPHICS_BGR:
        framebuffer->red_mask = 0x00ff0000;
        framebuffer->green_mask = 0x0000ff00;
        framebuffer->blue_mask = 0x000000ff;
        framebuffer->bits_per_pixel = 32;
        return true;
    case GRAPHICS_BIT_MASK:
        break;
    default:
        return false;
    }

    uint32_t red = mode->red_mask, green = mode->green_mask, blue = mode->blue_mask;
    if (!mask_contiguous(red) || !mask_contiguous(green) || !mask_contiguous(blue) || (red & green) ||
        (red & blue) || (green & blue))
        return false;
    uint32_t all = red | green | blue | mode->reserved_mask;
    uint32_t bits = 32 - (uint32_t)__builtin_clz(all);
    framebuffer->red_mask = red;
    framebuffer->green_mask = green;
    framebuffer->blue_mask = blue;
    framebuffer->bits_per_pixel = (bits + 7) / 8 * 8;
    return true;
}

bool graphics_mode_linear(const struct graphics_mode *mode)
{
    struct boot_framebuffer masks;
    return mode->width > 0 && mode->height > 0 && mode->width <= GRAPHICS_EXTENT_MAX &&
           mode->height <= GRAPHICS_EXTENT_MAX && mode->pixels_per_row >= mode->width &&
           mode->pixels_per_row <= GRAPHICS_EXTENT_MAX && mode_masks(mode, &masks);
}

int framebuffer_describe(const struct graphics_mode *mode, uint64_t base, uint64_t size,
                         unsigned physical_width, struct boot_framebuffer *framebuffer)
{
    *framebuffer = (struct boot_framebuffer){.kind = BOOT_FRAMEBUFFER_NONE};
    struct boot_framebuffer found = {.kind = BOOT_FRAMEBUFFER_RGB};
    if (base == 0 || !graphics_mode_linear(mode) || !mode_masks(mode, &found))
        return -ENODEV;

    uint64_t pitch = (uint64_t)mode->pixels_per_row * found.bits_per_pixel / 8;
    uint64_t rows = mode->height;
    if (size != 0 && size / pitch < rows)
        rows = size / pitch;
    if (rows == 0)
        return -ENODEV;

    uint64_t end = (UINT64_C(1) << physical_width) < USER_END ? UINT64_C(1) << physical_width : USER_END;
    if (base >= end || ROUND_UP(rows * pitch, PAGE_SIZE) > end - base)
        return -ENODEV;

    found.base = base;
    found.size = rows * pitch;
    found.width = mode->width;
    found.height = (uint32_t)rows;
    found.pitch = (uint32_t)pitch;
    *framebuffer = found;
    return 0;
}

static int output_rank(const struct graphics_output *output, unsigned physical_width)
{
    struct boot_framebuffer framebuffer;
    if (framebuffer_describe(&output->mode, output->base, output->size, physical_width, &framebuffer) != 0)
        return 0;
    return 1 + (output->device ? 1 : 0) + (output->console ? 2 : 0);
}

int framebuffer_choose(const struct graphics_output *outputs, size_t count, unsigned physical_width)
{
    int best = -1;
    int best_rank = 0;
    for (size_t i = 0; i < count; ++i) {
        int rank = output_rank(&outputs[i], physical_width);
        if (rank > best_rank) {
            best = (int)i;
            best_rank = rank;
        }
    }
    return best;
}

int graphics_mode_choose(const struct graphics_mode *modes, size_t count, uint32_t width, uint32_t height)
{
    int best = -1;
    uint64_t best_area = 0;
    for (size_t i = 0; i < count; ++i) {
        const struct graphics_mode *mode = &modes[i];
        if (!graphics_mode_linear(mode))
            continue;
        uint64_t area = (uint64_t)mode->width * mode->height;
        if (width != 0 || height != 0) {
            if (mode->width == width && mode->height == height)
                return (int)i;
        } else if (mode->width <= GRAPHICS_WIDTH_DEFAULT_MAX && mode->height <= GRAPHICS_HEIGHT_DEFAULT_MAX &&
                   area > best_area) {
            best = (int)i;
            best_area = area;
        }
    }
    return best;
}
