/* See screen.h. */
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
#define LINE_BYTES_MAX      (64 * 1024) /* of pixels, of the widest row of cells */
#define BITS_PER_BYTE       8

/* How many lines of pixels one step of screen_refresh() clears: about what a row of cells costs. */
#define LINES_AT_A_TIME     16

/* What is drawn where no grid is, and what a cell is that was never drawn: no character, black. */
#define BLANK               SCREEN_CELL(' ', 0, 0)

const uint32_t screen_cga_colour[16] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static screen_cell_t drawn[CELLS_MAX]; /* what the framebuffer shows, so that it never has to be read */
static struct font_map font_map;
static uint8_t line[LINE_BYTES_MAX] __attribute__((aligned(8))); /* one line of pixels under way */

static struct {
    bool present;
    bool dirty;               /* some row is, or lines are to be cleared */
    volatile uint8_t *pixels; /* of the grid's top left corner */
    uint32_t pitch, pixel_size;
    uint32_t red_mask, green_mask, blue_mask;
    unsigned columns, rows, scale;
    struct font font;

    struct screen_pane pane[SCREEN_PANES_MAX];
    unsigned panes;
    bool row_blank[SCREEN_ROWS_MAX]; /* the panes changed: what no pane covers has to be blanked */

    struct screen_statistics sent;

    /* Lines of pixels from here on still show what the firmware left. */
    volatile uint8_t *framebuffer;
    uint32_t clear_from, lines, line_size;

    /* The last pair of colours, as pixels. */
    uint64_t colours;
    uint32_t foreground, background;
} screen;

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

    return most == 0xff ? eight_bits << shift : (uint32_t)((eight_bits * most + 127) / 255) << shift;
}

static uint32_t pixel_of(uint32_t colour)
{
    return component(colour >> 16, screen.red_mask) | component(colour >> 8 & 0xff, screen.green_mask) |
           component(colour & 0xff, screen.blue_mask);
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
    screen.columns = least(screen.columns, LINE_BYTES_MAX / (screen.font.width * scale * screen.pixel_size));
    screen.rows = least(height / (screen.font.height * scale), SCREEN_ROWS_MAX);
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
        screen.pixel_size = framebuffer->bits_per_pixel / BITS_PER_BYTE;
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
    screen.red_mask = framebuffer->red_mask;
    screen.green_mask = framebuffer->green_mask;
    screen.blue_mask = framebuffer->blue_mask;
    screen.colours = 0;
    screen.foreground = screen.background = 0;
    font_map_make(&screen.font, &font_map);
    screen.sent = (struct screen_statistics){0};
    screen.framebuffer = pixels;
    screen.line_size = framebuffer->width * screen.pixel_size;
    screen.lines = framebuffer->height;
    screen.clear_from = 0;

    uint32_t left = (framebuffer->width - screen.columns * screen.font.width * screen.scale) / 2;
    uint32_t top = (framebuffer->height - screen.rows * screen.font.height * screen.scale) / 2;
    screen.pixels =
        (volatile uint8_t *)pixels + (size_t)top * screen.pitch + (size_t)left * screen.pixel_size;
    for (unsigned i = 0; i < screen.columns * screen.rows; i++)
        drawn[i] = BLANK;
    memset(screen.row_blank, false, sizeof(screen.row_blank));
    screen.panes = 0;
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

void screen_show(const struct screen_pane *panes, unsigned count)
{
    if (!screen.present)
        return;
    screen.panes = least(count, SCREEN_PANES_MAX);
    for (unsigned i = 0; i < screen.panes; i++) {
        screen.pane[i] = panes[i];
        memset(panes[i].grid->dirty, true, sizeof(panes[i].grid->dirty));
    }
    memset(screen.row_blank, true, sizeof(screen.row_blank));
    screen.dirty = true;
}

void screen_changed(void)
{
    screen.dirty = screen.present;
}

/* --- drawing --- */

static void colours_set(screen_cell_t cell)
{
    uint64_t colours = cell >> 16;

    if (colours == screen.colours)
        return;
    screen.colours = colours;
    screen.foreground = pixel_of(SCREEN_FOREGROUND(cell));
    screen.background = pixel_of(SCREEN_BACKGROUND(cell));
}

static const uint8_t *glyph_of(screen_cell_t cell)
{
    return font_glyph(&screen.font, font_map_glyph(&font_map, SCREEN_CHARACTER(cell)));
}

/* The row of a glyph that an underline takes. */
static bool underline_at(screen_cell_t cell, unsigned y)
{
    return cell & SCREEN_UNDERLINED && y + 2 == screen.font.height;
}

static volatile uint8_t *place_of(unsigned row, unsigned column)
{
    return screen.pixels + (size_t)row * screen.font.height * screen.scale * screen.pitch +
           (size_t)column * screen.font.width * screen.scale * screen.pixel_size;
}

/* Two neighbouring pixels of 32 bits, at any multiple of four. */
typedef volatile uint64_t __attribute__((aligned(4), may_alias)) pixel_pair_t;

/* The usual case, eight pixels of 32 bits a row: each two bits of the glyph choose one store of two pixels. */
static void cell_draw_fast(volatile uint8_t *at, screen_cell_t cell)
{
    const uint8_t *rows = glyph_of(cell);

    colours_set(cell);
    const uint64_t low = screen.background, high = screen.foreground;
    const uint64_t pair[4] = {low << 32 | low, high << 32 | low, low << 32 | high, high << 32 | high};
    for (unsigned y = 0; y < screen.font.height; y++, at += screen.pitch) {
        pixel_pair_t *to = (pixel_pair_t *)at;
        unsigned bits = underline_at(cell, y) ? 0xff : rows[y];
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

static uint8_t *pixels_add(uint8_t *to, uint32_t pixel)
{
    for (unsigned i = 0; i < screen.scale; i++, to += screen.pixel_size)
        memcpy(to, &pixel, screen.pixel_size);
    return to;
}

/* Row `y` of the glyphs of `count` cells, into line[]; its bytes. */
static size_t line_make(const screen_cell_t *cells, unsigned count, unsigned y)
{
    uint8_t *to = line;

    for (unsigned i = 0; i < count; i++) {
        const uint8_t *row = glyph_of(cells[i]) + y * screen.font.row_bytes;
        bool underlined = underline_at(cells[i], y);
        colours_set(cells[i]);
        for (unsigned x = 0; x < screen.font.width; x++) {
            bool on = underlined || row[x / BITS_PER_BYTE] & (0x80 >> (x % BITS_PER_BYTE));
            to = pixels_add(to, on ? screen.foreground : screen.background);
        }
    }
    return (size_t)(to - line);
}

/* Draw neighbouring cells: line by line in ordinary memory, each sent as often as the scale says. */
static void cells_draw(unsigned row, unsigned column, const screen_cell_t *cells, unsigned count)
{
    volatile uint8_t *at = place_of(row, column);

    if (screen.pixel_size == 4 && screen.scale == 1 && screen.font.width == BITS_PER_BYTE) {
        for (unsigned i = 0; i < count; i++, at += BITS_PER_BYTE * 4)
            cell_draw_fast(at, cells[i]);
        return;
    }
    for (unsigned y = 0; y < screen.font.height; y++) {
        size_t size = line_make(cells, count, y);
        for (unsigned i = 0; i < screen.scale; i++, at += screen.pitch)
            memcpy((void *)at, line, size);
    }
}

/* The cursor is its cell with the colours exchanged. */
static screen_cell_t cursor_cell(screen_cell_t cell)
{
    return SCREEN_CELL((uint32_t)cell & 0xffff, SCREEN_BACKGROUND(cell), SCREEN_FOREGROUND(cell));
}

/* Send what differs in a part of a row. */
static void cells_update(unsigned row, unsigned column, const screen_cell_t *cells, unsigned count)
{
    screen_cell_t *shown = drawn + row * screen.columns + column;
    unsigned first = 0;

    while (first < count) {
        if (shown[first] == cells[first]) {
            first++;
            continue;
        }
        unsigned end = first;
        while (end < count && shown[end] != cells[end]) {
            shown[end] = cells[end];
            end++;
        }
        cells_draw(row, column + first, cells + first, end - first);
        screen.sent.cells += end - first;
        first = end;
    }
}

/* One row of a pane, which is at `row` of the screen. */
static void pane_row_update(const struct screen_pane *pane, unsigned row)
{
    const struct screen_grid *grid = pane->grid;
    unsigned columns = least(grid->columns, screen.columns - pane->column);
    screen_cell_t cells[SCREEN_COLUMNS_MAX];
    unsigned own = row - pane->row;

    memcpy(cells, screen_row_seen(grid, own), columns * sizeof(cells[0]));
    if (grid->cursor_visible && own == grid->cursor_row + grid->back && grid->cursor_column < columns)
        cells[grid->cursor_column] = cursor_cell(cells[grid->cursor_column]);
    cells_update(row, pane->column, cells, columns);
}

static bool pane_has(const struct screen_pane *pane, unsigned row, unsigned column)
{
    return row >= pane->row && row - pane->row < pane->grid->rows && column >= pane->column &&
           column - pane->column < pane->grid->columns;
}

/* Blank what no pane covers. */
static void row_blank(unsigned row)
{
    static const screen_cell_t blank = BLANK;

    for (unsigned column = 0; column < screen.columns; column++) {
        bool covered = false;
        for (unsigned i = 0; i < screen.panes; i++)
            covered |= pane_has(&screen.pane[i], row, column);
        if (!covered)
            cells_update(row, column, &blank, 1);
    }
}

static bool row_refresh(unsigned row)
{
    bool any = false;

    if (screen.row_blank[row]) {
        screen.row_blank[row] = false;
        row_blank(row);
        any = true;
    }
    for (unsigned i = 0; i < screen.panes; i++) {
        struct screen_pane *pane = &screen.pane[i];
        if (!pane_has(pane, row, pane->column) || !pane->grid->dirty[row - pane->row])
            continue;
        pane->grid->dirty[row - pane->row] = false;
        pane_row_update(pane, row);
        any = true;
    }
    return any;
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
        if (row_refresh(row))
            return true;
    }
    screen.dirty = false;
    screen.sent.pictures++;
    return false;
}

void screen_statistics(struct screen_statistics *statistics)
{
    *statistics = screen.sent;
    statistics->bytes = statistics->cells * screen.font.width * screen.font.height * screen.scale *
                        screen.scale * screen.pixel_size;
}

void screen_update(void)
{
    while (screen_refresh())
        ;
}
