/* Where the next character goes. See teletype.h. */
#include "kernel/device/teletype_internal.h"

/* To a row and column of the screen, clipped. */
void teletype_cursor_to(struct teletype *t, unsigned row, unsigned column)
{
    t->cursor.row = teletype_clip(row, 0, t->grid.rows);
    t->cursor.column = teletype_clip(column, 0, t->grid.columns);
}

/* To a place that a sequence names: in origin mode from the top of the region and within it. */
void teletype_cursor_place(struct teletype *t, unsigned row, unsigned column)
{
    if (t->cursor.origin) {
        t->cursor.row = teletype_clip(t->region_top + row, t->region_top, t->region_end);
        t->cursor.column = teletype_clip(column, 0, t->grid.columns);
    } else {
        teletype_cursor_to(t, row, column);
    }
}

/* Up and down stop at the region's edge when they start inside it. */
void teletype_cursor_up(struct teletype *t, unsigned count)
{
    unsigned top = t->cursor.row >= t->region_top ? t->region_top : 0;

    t->cursor.row = t->cursor.row - top > count ? t->cursor.row - count : top;
    t->cursor.column = teletype_clip(t->cursor.column, 0, t->grid.columns);
}

void teletype_cursor_down(struct teletype *t, unsigned count)
{
    unsigned end = t->cursor.row < t->region_end ? t->region_end : t->grid.rows;

    t->cursor.row = teletype_clip(t->cursor.row + count, 0, end);
    t->cursor.column = teletype_clip(t->cursor.column, 0, t->grid.columns);
}

void teletype_line_feed(struct teletype *t)
{
    if (t->cursor.row + 1 == t->region_end)
        teletype_scroll_up(t, t->region_top, t->region_end, 1);
    else if (t->cursor.row + 1 < t->grid.rows)
        t->cursor.row++;
}

void teletype_reverse_line_feed(struct teletype *t)
{
    if (t->cursor.row == t->region_top)
        teletype_scroll_down(t, t->region_top, t->region_end, 1);
    else if (t->cursor.row > 0)
        t->cursor.row--;
}

static bool tab_stop(const struct teletype *t, unsigned column)
{
    return t->tab_stops[column / 64] >> column % 64 & 1;
}

void teletype_tab(struct teletype *t, unsigned count)
{
    unsigned column = t->cursor.column;

    while (count > 0 && column + 1 < t->grid.columns)
        count -= tab_stop(t, ++column);
    t->cursor.column = teletype_clip(column, 0, t->grid.columns);
}

void teletype_tab_back(struct teletype *t, unsigned count)
{
    unsigned column = teletype_clip(t->cursor.column, 0, t->grid.columns);

    while (count > 0 && column > 0)
        count -= tab_stop(t, --column);
    t->cursor.column = column;
}

void teletype_cursor_save(struct teletype *t)
{
    t->saved = t->cursor;
}

void teletype_cursor_restore(struct teletype *t)
{
    t->cursor = t->saved;
}
