/* Between the files of the teletype: what happens to the cells (teletype_cells.c). Rows and columns are clipped by the caller but where said. */
#ifndef KERNEL_DEVICE_TELETYPE_INTERNAL_H
#define KERNEL_DEVICE_TELETYPE_INTERNAL_H

#include "kernel/device/teletype.h"

/* One of the sixteen colours, in ANSI's order, and the default ones: bold makes the first eight bright. */
#define TELETYPE_INDEXED    (1u << 24)
#define TELETYPE_DEFAULT_FG (TELETYPE_INDEXED | 7)
#define TELETYPE_DEFAULT_BG (TELETYPE_INDEXED | 0)
#define TELETYPE_STYLE_DEFAULT                                                                               \
    ((struct teletype_style){.foreground = TELETYPE_DEFAULT_FG, .background = TELETYPE_DEFAULT_BG})

/* A character in the cursor's style; what erasing leaves. */
screen_cell_t teletype_cell(const struct teletype *teletype, uint32_t character);
screen_cell_t teletype_blank(const struct teletype *teletype);

/* Colour 0..255 of xterm's palette as 0xRRGGBB or TELETYPE_INDEXED. */
uint32_t teletype_palette(unsigned index);

/* Blank columns [first, end) of a row. */
void teletype_erase(struct teletype *teletype, unsigned row, unsigned first, unsigned end);

/* Scroll rows [top, end) up or down; whole-screen scrolls up of the main screen go into the history. */
void teletype_scroll_up(struct teletype *teletype, unsigned top, unsigned end, unsigned count);
void teletype_scroll_down(struct teletype *teletype, unsigned top, unsigned end, unsigned count);

/* Open a gap of `count` columns at the cursor, or close one. */
void teletype_insert_columns(struct teletype *teletype, unsigned count);
void teletype_delete_columns(struct teletype *teletype, unsigned count);

/* Change to the alternate screen and back. */
void teletype_alternate(struct teletype *teletype, bool on);

void teletype_row_mark(struct teletype *teletype, unsigned row);

/* --- the cursor (teletype_cursor.c): places are clipped here --- */

static inline unsigned teletype_clip(unsigned value, unsigned low, unsigned end)
{
    return value < low ? low : value < end ? value : end - 1;
}

/* To a row and column of the screen; to one that a sequence names, in origin mode counted from the region's top. */
void teletype_cursor_to(struct teletype *teletype, unsigned row, unsigned column);
void teletype_cursor_place(struct teletype *teletype, unsigned row, unsigned column);
void teletype_cursor_up(struct teletype *teletype, unsigned count);
void teletype_cursor_down(struct teletype *teletype, unsigned count);
void teletype_line_feed(struct teletype *teletype);
void teletype_reverse_line_feed(struct teletype *teletype);
void teletype_tab(struct teletype *teletype, unsigned count);
void teletype_tab_back(struct teletype *teletype, unsigned count);
void teletype_cursor_save(struct teletype *teletype);
void teletype_cursor_restore(struct teletype *teletype);

/* A character at the cursor, wrapping first where it must (teletype.c). */
void teletype_put(struct teletype *teletype, uint32_t character);

/* The final byte of ESC [ ... came: do what the sequence says (teletype_sequence.c). */
void teletype_sequence(struct teletype *teletype, char final);

/* Everything as at the start; the history stays. */
void teletype_reset(struct teletype *teletype);

#endif
