#include "efi/stage.h"

#include "efi/processor.h"
#include "paging/paging.h"

#define SQUARE_SIDE 12
#define SQUARE_STEP 16

/* Red, green, blue; one after the other, neighbours easy to tell apart in a photograph. Red alone means failure. */
static const uint8_t square_colours[][3] = {
    {0xff, 0xff, 0xff}, {0x00, 0x60, 0xff}, {0x00, 0xd0, 0xd0}, {0xff, 0xd0, 0x00},
    {0xff, 0x80, 0x00}, {0xd0, 0x00, 0xd0}, {0x80, 0xff, 0x80}, {0x00, 0xb0, 0x00},
};
#define SQUARE_COLOURS (sizeof(square_colours) / sizeof(square_colours[0]))
static const uint8_t failure_colour[3] = {0xff, 0x00, 0x00};

static EFI_GRAPHICS_OUTPUT_PROTOCOL *screen;
static bool screen_direct;

/* A colour's bits in the place that a mask gives them. */
static uint32_t colour_field(uint8_t value, uint32_t mask)
{
    if (mask == 0)
        return 0;
    unsigned shift = (unsigned)__builtin_ctz(mask);
    uint32_t most = mask >> shift;
    return (uint32_t)((uint64_t)value * most / 0xff) << shift;
}

static uint32_t pixel_colour(const struct boot_framebuffer *framebuffer, const uint8_t *rgb)
{
    return colour_field(rgb[0], framebuffer->red_mask) | colour_field(rgb[1], framebuffer->green_mask) |
           colour_field(rgb[2], framebuffer->blue_mask);
}

static bool square_fits(const struct boot_framebuffer *framebuffer, unsigned index)
{
    return framebuffer->kind == BOOT_FRAMEBUFFER_RGB && framebuffer->height >= SQUARE_SIDE &&
           framebuffer->width >= index * SQUARE_STEP + SQUARE_SIDE;
}

static void square_by_firmware(unsigned index, const uint8_t *rgb)
{
    EFI_GRAPHICS_OUTPUT_BLT_PIXEL pixel = {.Blue = rgb[2], .Green = rgb[1], .Red = rgb[0]};
    screen->Blt(screen, &pixel, EfiBltVideoFill, 0, 0, index * SQUARE_STEP, 0, SQUARE_SIDE, SQUARE_SIDE, 0);
}

static void square_direct(const struct boot_framebuffer *framebuffer, unsigned index, const uint8_t *rgb)
{
    if (!square_fits(framebuffer, index))
        return;
    uint32_t bytes = framebuffer->bits_per_pixel / 8;
    uint32_t colour = pixel_colour(framebuffer, rgb);
    for (uint64_t y = 0; y < SQUARE_SIDE; ++y) {
        uint64_t row = framebuffer->base + y * framebuffer->pitch + (uint64_t)index * SQUARE_STEP * bytes;
        volatile uint8_t *pixel = (volatile uint8_t *)(uintptr_t)row;
        for (unsigned x = 0; x < SQUARE_SIDE; ++x)
            for (uint32_t byte = 0; byte < bytes; ++byte)
                *pixel++ = (uint8_t)(colour >> byte * 8);
    }
}

static void square_draw(struct boot_info *info, unsigned index, const uint8_t *rgb)
{
    if (screen_direct)
        square_direct(&info->framebuffer, index, rgb);
    else if (screen)
        square_by_firmware(index, rgb);
}

void stage_done(struct boot_info *info, const char *name)
{
    uint32_t index = info->stage_count;
    if (index == BOOT_STAGES_MAX)
        return;
    struct boot_stage *stage = &info->stages[index];
    stage->tsc = time_stamp();
    for (size_t i = 0; i + 1 < sizeof(stage->name) && name[i]; ++i)
        stage->name[i] = name[i];
    info->stage_count = index + 1;
    square_draw(info, index, square_colours[index % SQUARE_COLOURS]);
}

void stage_screen(struct boot_info *info, EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics)
{
    screen = graphics;
    for (uint32_t i = 0; i < info->stage_count; ++i)
        square_draw(info, i, square_colours[i % SQUARE_COLOURS]);
}

static pte_t *firmware_table_pointer(void *context, paddr_t table)
{
    (void)context;
    return (pte_t *)(uintptr_t)table;
}

/* The firmware's own tables, to be looked at only. */
static bool firmware_maps_writable(const struct boot_info *info, uint64_t address)
{
    static const struct paging_ops look_ops = {.table_pointer = firmware_table_pointer};
    struct processor processor;
    processor_detect(&processor);
    struct paging tables = {
        .ops = &look_ops,
        .root = info->firmware.cr3 & PTE_ADDRESS_MASK,
        .levels = info->firmware.cr4 & CR4_LA57 ? 5 : 4,
        .physical_width = processor.physical_width,
        .nx = (info->firmware.efer & EFER_NXE) != 0,
        .pages_1g = processor.pages_1g,
    };
    struct paging_access write = {.write = true, .wp = true};
    struct paging_walk walk = paging_lookup(&tables, address, write);
    return walk.refusal == PAGING_ALLOWED && walk.pa == address;
}

void stage_screen_after_firmware(struct boot_info *info)
{
    const struct boot_framebuffer *framebuffer = &info->framebuffer;
    screen = NULL;
    screen_direct = false;
    if (framebuffer->kind == BOOT_FRAMEBUFFER_NONE)
        return;
    uint64_t last = framebuffer->base + (uint64_t)SQUARE_SIDE * framebuffer->pitch;
    if (last > framebuffer->base + framebuffer->size)
        return;
    for (uint64_t page = ROUND_DOWN(framebuffer->base, PAGE_SIZE); page < last; page += PAGE_SIZE)
        if (!firmware_maps_writable(info, page))
            return;
    screen_direct = true;
}

void stage_dead_end(struct boot_info *info)
{
    square_draw(info, info->stage_count, failure_colour);
    for (;;)
        __asm__ volatile("cli; hlt");
}

struct stage_square stage_last_square(struct boot_info *info)
{
    const struct boot_framebuffer *framebuffer = &info->framebuffer;
    uint32_t index = info->stage_count;
    if (!square_fits(framebuffer, index) || framebuffer->bits_per_pixel != 32)
        return (struct stage_square){0};
    return (struct stage_square){
        .address = framebuffer->base + (uint64_t)index * SQUARE_STEP * sizeof(uint32_t),
        .colour = pixel_colour(framebuffer, square_colours[index % SQUARE_COLOURS]),
        .side = SQUARE_SIDE,
        .pitch = framebuffer->pitch,
    };
}
