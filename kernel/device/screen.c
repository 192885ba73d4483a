#include "kernel/device/screen.h"

#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/device/font.h"
#include "kernel/lib/string.h"

/* Glyphs are drawn larger as long as a grid of this size still fits. */
#define COMFORTABLE_COLUMNS 100
#define COMFORTABLE_ROWS    36
#define SCALE_MAX           8

#define CELLS_MAX           (SCREEN_COLUMNS_MAX * SCREEN_ROWS_MAX)
#define BLANK               ((SCREEN_ATTRIBUTE << 8) | ' ')
#define COLOURS             16
#define BITS_PER_BYTE       8

/* How many lines of pixels one step of screen_refresh() clears: about what a row of cells costs. */
#define LINES_AT_A_TIME     16

/* The CGA's colours, as an IBM colour display showed them: 0xRRGGBB. */
static const uint32_t palette[COLOURS] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static uint16_t cells[CELLS_MAX];
static uint16_t drawn[CELLS_MAX]; /* what the framebuffer shows, so that it never has to be read */

static struct {
    bool present;
    volatile uint8_t *pixels; /* of the grid's top left corner */
    uint32_t pitch, pixel_size;
    unsigned columns, rows, scale;
    unsigned cursor_row, cursor_column;
    bool cursor_visible;
    bool row_dirty[SCREEN_ROWS_MAX];
    uint32_t colour[COLOURS]; /* as pixels of this framebuffer */
    struct font font;
    uint16_t glyph_of[256];
    bool dirty;          /* some row is, or lines are to be cleared */
    uint32_t line_size;  /* bytes of a line of pixels in use */
    uint32_t lines;      /* of pixels */
    uint32_t clear_from; /* lines from here on still show what the firmware left */
    volatile uint8_t *framebuffer;
} screen;

static struct font_map font_map;

/* --- is this framebuffer one that can be used? --- */

/* One run of ones. */
static bool mask_usable(uint32_t mask)
{
    if (mask == 0)
        return false;
    uint32_t run = mask >> __builtin_ctz(mask);
    return (run & (run + 1)) == 0;
}

static const char *framebuffer_flaw(const struct boot_framebuffer *framebuffer)
{
    uint64_t row = (uint64_t)framebuffer->width * (framebuffer->bits_per_pixel / BITS_PER_BYTE);

    if (framebuffer->bits_per_pixel != 16 && framebuffer->bits_per_pixel != 24 &&
        framebuffer->bits_per_pixel != 32)
        return "its pixels have an unknown size";
    if (!mask_usable(framebuffer->red_mask) || !mask_usable(framebuffer->green_mask) ||
        !mask_usable(framebuffer->blue_mask))
        return "its colour masks are broken";
    if (framebuffer->width == 0 || framebuffer->height == 0)
        return "it is empty";
    if (framebuffer->pitch < row)
        return "its rows overlap";
    if ((uint64_t)(framebuffer->height - 1) * framebuffer->pitch + row > framebuffer->size)
        return "it is smaller than its picture";
    return NULL;
}

/* --- setting up --- */

/* An eight-bit component at the place and in the width of its mask. */
static uint32_t component(uint32_t eight_bits, uint32_t mask)
{
    unsigned shift = (unsigned)__builtin_ctz(mask);
    uint64_t most = mask >> shift;

    return (uint32_t)((eight_bits * most + 127) / 255) << shift;
}

static void colours_make(const struct boot_framebuffer *framebuffer)
{
    for (unsigned i = 0; i < COLOURS; i++)
        screen.colour[i] = component(palette[i] >> 16, framebuffer->red_mask) |
                           component(palette[i] >> 8 & 0xff, framebuffer->green_mask) |
                           component(palette[i] & 0xff, framebuffer->blue_mask);
}

static unsigned least(unsigned left, unsigned right)
{
    return left < right ? left : right;
}

/* How large the glyphs are, and so the grid. */
static void grid_choose(uint32_t width, uint32_t height)
{
    unsigned scale = 1;

    while (scale < SCALE_MAX && width / (screen.font.width * (scale + 1)) >= COMFORTABLE_COLUMNS &&
           height / (screen.font.height * (scale + 1)) >= COMFORTABLE_ROWS)
        scale++;
    screen.scale = scale;
    screen.columns = least(width / (screen.font.width * scale), SCREEN_COLUMNS_MAX);
    screen.rows = least(height / (screen.font.height * scale), SCREEN_ROWS_MAX);
}

static void pixel_write(volatile uint8_t *at, uint32_t colour)
{
    if (screen.pixel_size == 4) {
        *(volatile uint32_t *)at = colour;
        return;
    }
    for (uint32_t i = 0; i < screen.pixel_size; i++)
        at[i] = (uint8_t)(colour >> (i * BITS_PER_BYTE));
}

/* Black: whatever the firmware and the loader left there goes, some lines at a time. Black is all zeros whatever the masks, so this takes the
 * shortest way; nothing else touches the framebuffer meanwhile. */
static void lines_clear(void)
{
    for (unsigned i = 0; i < LINES_AT_A_TIME && screen.clear_from < screen.lines; i++, screen.clear_from++)
        memset((void *)(screen.framebuffer + (size_t)screen.clear_from * screen.pitch), 0, screen.line_size);
}

int screen_start(const struct boot_framebuffer *framebuffer, volatile void *pixels)
{
    if (framebuffer->kind != BOOT_FRAMEBUFFER_RGB || pixels == NULL)
        return -ENODEV;
    const char *flaw = framebuffer_flaw(framebuffer);
    if (flaw == NULL && font_open(&screen.font, font_file, (size_t)(font_file_end - font_file)) != 0)
        flaw = "the font is broken";
    if (flaw == NULL) {
        grid_choose(framebuffer->width, framebuffer->height);
        if (screen.columns == 0 || screen.rows == 0)
            flaw = "it is too small for one character";
    }
    if (flaw != NULL) {
        log_warning("screen: %ux%u framebuffer at %#lx is not used: %s", framebuffer->width,
                    framebuffer->height, framebuffer->base, flaw);
        return -EINVAL;
    }
    screen.pitch = framebuffer->pitch;
    screen.pixel_size = framebuffer->bits_per_pixel / BITS_PER_BYTE;
    colours_make(framebuffer);
    font_map_make(&screen.font, &font_map);
    font_map_cells(&font_map, screen.glyph_of);
    screen.framebuffer = pixels;
    screen.line_size = framebuffer->width * screen.pixel_size;
    screen.lines = framebuffer->height;
    screen.clear_from = 0;

    uint32_t left = (framebuffer->width - screen.columns * screen.font.width * screen.scale) / 2;
    uint32_t top = (framebuffer->height - screen.rows * screen.font.height * screen.scale) / 2;
    screen.pixels =
        (volatile uint8_t *)pixels + (size_t)top * screen.pitch + (size_t)left * screen.pixel_size;
    for (unsigned i = 0; i < screen.columns * screen.rows; i++)
        cells[i] = drawn[i] = BLANK;
    memset(screen.row_dirty, false, sizeof(screen.row_dirty));
    screen.dirty = true;
    screen.present = true;
    log_info("screen: %ux%u pixels of %u bits, %ux%u characters", framebuffer->width, framebuffer->height,
             framebuffer->bits_per_pixel, screen.columns, screen.rows);
    return 0;
}

bool screen_present(void)
{
    return screen.present;
}

unsigned screen_columns(void)
{
    return screen.columns;
}

unsigned screen_rows(void)
{
    return screen.rows;
}

/* --- cells --- */

static bool inside(unsigned row, unsigned column)
{
    return screen.present && row < screen.rows && column < screen.columns;
}

static void row_mark(unsigned row)
{
    screen.row_dirty[row] = true;
    screen.dirty = true;
}

void screen_put(unsigned row, unsigned column, uint16_t cell)
{
    if (!inside(row, column))
        return;
    cells[row * screen.columns + column] = cell;
    row_mark(row);
}

uint16_t screen_cell(unsigned row, unsigned column)
{
    return inside(row, column) ? cells[row * screen.columns + column] : BLANK;
}

void screen_scroll(unsigned lines, uint16_t blank)
{
    if (!screen.present || lines == 0)
        return;
    lines = least(lines, screen.rows);
    unsigned kept = (screen.rows - lines) * screen.columns;
    memmove(cells, cells + lines * screen.columns, kept * sizeof(cells[0]));
    for (unsigned i = kept; i < screen.rows * screen.columns; i++)
        cells[i] = blank;
    memset(screen.row_dirty, true, screen.rows);
    screen.dirty = true;
}

void screen_cursor(unsigned row, unsigned column, bool visible)
{
    if (!screen.present)
        return;
    row = least(row, screen.rows - 1);
    column = least(column, screen.columns - 1);
    if (row == screen.cursor_row && column == screen.cursor_column && visible == screen.cursor_visible)
        return;
    row_mark(screen.cursor_row);
    screen.cursor_row = row;
    screen.cursor_column = column;
    screen.cursor_visible = visible;
    row_mark(row);
}

/* --- drawing --- */

/* Two neighbouring pixels of 32 bits, at any multiple of four. */
typedef volatile uint64_t __attribute__((aligned(4), may_alias)) pixel_pair_t;

/* The usual case, eight pixels of 32 bits a row: each two bits of the glyph choose one store of two pixels. */
static void glyph_draw_fast(volatile uint8_t *at, const uint8_t *rows, uint32_t foreground,
                            uint32_t background)
{
    const uint64_t pair[4] = {
        (uint64_t)background << 32 | background,
        (uint64_t)foreground << 32 | background,
        (uint64_t)background << 32 | foreground,
        (uint64_t)foreground << 32 | foreground,
    };

    for (unsigned y = 0; y < screen.font.height; y++, at += screen.pitch) {
        pixel_pair_t *to = (pixel_pair_t *)at;
        unsigned bits = rows[y];
        if (bits == 0) { /* half of all rows */
            to[0] = to[1] = to[2] = to[3] = pair[0];
            continue;
        }
        to[0] = pair[bits >> 6];
        to[1] = pair[bits >> 4 & 3];
        to[2] = pair[bits >> 2 & 3];
        to[3] = pair[bits & 3];
    }
}

/* One row of a glyph, each pixel `scale` times. */
static void glyph_row_draw(volatile uint8_t *at, const uint8_t *row, uint32_t foreground, uint32_t background)
{
    for (unsigned x = 0; x < screen.font.width; x++) {
        bool on = row[x / BITS_PER_BYTE] & (0x80 >> (x % BITS_PER_BYTE));
        for (unsigned i = 0; i < screen.scale; i++, at += screen.pixel_size)
            pixel_write(at, on ? foreground : background);
    }
}

static void cell_draw(unsigned row, unsigned column, uint16_t cell)
{
    const uint8_t *glyph = font_glyph(&screen.font, screen.glyph_of[cell & 0xff]);
    uint32_t foreground = screen.colour[cell >> 8 & 0xf], background = screen.colour[cell >> 12];
    volatile uint8_t *at = screen.pixels + (size_t)row * screen.font.height * screen.scale * screen.pitch +
                           (size_t)column * screen.font.width * screen.scale * screen.pixel_size;

    if (screen.pixel_size == 4 && screen.scale == 1 && screen.font.width == BITS_PER_BYTE) {
        glyph_draw_fast(at, glyph, foreground, background);
        return;
    }
    for (unsigned y = 0; y < screen.font.height * screen.scale; y++, at += screen.pitch)
        glyph_row_draw(at, glyph + (y / screen.scale) * screen.font.row_bytes, foreground, background);
}

/* The cursor is its cell with the colours exchanged. */
static uint16_t cursor_cell(uint16_t cell)
{
    return (uint16_t)((cell & 0x00ff) | (cell & 0x0f00) << 4 | (cell & 0xf000) >> 4);
}

static void row_update(unsigned row)
{
    unsigned first = row * screen.columns;
    bool has_cursor = screen.cursor_visible && screen.cursor_row == row;

    for (unsigned column = 0; column < screen.columns; column++) {
        uint16_t cell = cells[first + column];
        if (has_cursor && screen.cursor_column == column)
            cell = cursor_cell(cell);
        if (drawn[first + column] == cell)
            continue;
        cell_draw(row, column, cell);
        drawn[first + column] = cell;
    }
}

bool screen_dirty(void)
{
    return screen.dirty;
}

bool screen_refresh(void)
{
    if (!screen.dirty)
        return false;
    if (screen.clear_from < screen.lines) {
        lines_clear();
        return true;
    }
    for (unsigned row = 0; row < screen.rows; row++) {
        if (screen.row_dirty[row]) {
            screen.row_dirty[row] = false;
            row_update(row);
            return true;
        }
    }
    screen.dirty = false;
    return false;
}

void screen_update(void)
{
    while (screen_refresh())
        ;
}
