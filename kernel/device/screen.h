/* The framebuffer as a grid of character cells, drawn with a packaged PSF font.
 *
 * The text lives in grids (struct screen_grid) that others write; one or two of them are shown. What the framebuffer shows is remembered cell by cell, so that it is written
 * only where something changed and never read: a scroll costs at most one write of the screen. Nothing is drawn but by screen_refresh().
 *
 * No lock: the console (a log sink), the terminals and the refresher serialise; a panic may draw at any time. Never sleeps. */
#ifndef KERNEL_DEVICE_SCREEN_H
#define KERNEL_DEVICE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "efi/boot_info.h"

#define SCREEN_COLUMNS_MAX 240
#define SCREEN_ROWS_MAX    135

/* One cell: a character of the Basic Multilingual Plane below U+8000 (no console font has others), whether it is underlined, and two colours 0xRRGGBB. */
typedef uint64_t screen_cell_t;
#define SCREEN_CHARACTER_MAX 0x7fffu
#define SCREEN_UNDERLINED    (UINT64_C(1) << 15)
#define SCREEN_CELL(character, foreground, background)                                                       \
    ((screen_cell_t)(character) | (screen_cell_t)(foreground) << 16 | (screen_cell_t)(background) << 40)
#define SCREEN_CHARACTER(cell)  ((uint32_t)(cell)&SCREEN_CHARACTER_MAX)
#define SCREEN_FOREGROUND(cell) ((uint32_t)((cell) >> 16) & 0xffffff)
#define SCREEN_BACKGROUND(cell) ((uint32_t)((cell) >> 40))

/* The sixteen colours of a PC's text screen, in the CGA's order, as an IBM display showed them; and a cell of such a screen (character | attribute << 8). */
extern const uint32_t screen_cga_colour[16];
#define SCREEN_CELL_CGA(cell)                                                                                \
    SCREEN_CELL((cell)&0xff, screen_cga_colour[(cell) >> 8 & 0xf], screen_cga_colour[(cell) >> 12 & 0xf])

/* Cells to show: the last `rows` lines of a ring of `lines`, or earlier ones when scrolled back. */
struct screen_grid {
    unsigned rows, columns;
    screen_cell_t *cells; /* lines * columns */
    unsigned lines;       /* rows and history */
    unsigned top;         /* line of the ring that is row 0 */
    unsigned history;     /* lines above it that hold something */
    unsigned back;        /* by how many lines the view is scrolled back */
    unsigned cursor_row, cursor_column;
    bool cursor_visible;
    bool dirty[SCREEN_ROWS_MAX]; /* rows that may differ from what is drawn */
};

/* The cells of a row, as it is written, or as it is seen. */
static inline screen_cell_t *screen_row(const struct screen_grid *grid, unsigned row)
{
    return grid->cells + (size_t)((grid->top + row) % grid->lines) * grid->columns;
}

static inline const screen_cell_t *screen_row_seen(const struct screen_grid *grid, unsigned row)
{
    return grid->cells + (size_t)((grid->top + row + grid->lines - grid->back) % grid->lines) * grid->columns;
}

/* A grid and where its upper left corner stands. */
struct screen_pane {
    struct screen_grid *grid;
    unsigned row, column;
};
#define SCREEN_PANES_MAX 2

/* Use the framebuffer mapped at `pixels`; the screen has as many characters as fit (glyphs doubled or tripled on dense panels). -ENODEV: none, -EINVAL: one that cannot be used,
 * with a log line that says why. Until then, and after a failure, everything here is a no-op. */
int screen_start(const struct boot_framebuffer *framebuffer, volatile void *pixels);
bool screen_present(void);
unsigned screen_columns(void);
unsigned screen_rows(void);

/* Show these grids, which stay the caller's, and blanks elsewhere. */
void screen_show(const struct screen_pane *panes, unsigned count);

/* A grid has rows marked dirty. */
void screen_changed(void);

/* Is there anything to send? */
bool screen_dirty(void);

/* Send a little of what changed, at most one row of cells; false when the framebuffer shows everything. */
bool screen_refresh(void);

/* Send all of it. */
void screen_update(void);

/* What has been sent since screen_start(). A snapshot, without lock. */
struct screen_statistics {
    uint64_t pictures; /* times that the framebuffer came to show everything */
    uint64_t cells;
    uint64_t bytes;
};
void screen_statistics(struct screen_statistics *statistics);

#endif
