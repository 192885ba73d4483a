/* What a terminal does to its cells. See teletype.h. */
#include "kernel/device/teletype_internal.h"
#include "kernel/lib/string.h"

#define TAB_WIDTH 8

/* ANSI counts red, green, blue from the lowest bit; the CGA blue, green, red. */
static const uint8_t cga_of_ansi[16] = {0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15};

uint32_t teletype_palette(unsigned index)
{
    static const uint8_t steps[6] = {0, 95, 135, 175, 215, 255};

    if (index < 16)
        return TELETYPE_INDEXED | index;
    if (index < 232) {
        index -= 16;
        return (uint32_t)steps[index / 36] << 16 | (uint32_t)steps[index / 6 % 6] << 8 | steps[index % 6];
    }
    uint32_t grey = 8 + 10 * (index - 232);
    return grey << 16 | grey << 8 | grey;
}

static uint32_t colour_of(uint32_t colour, bool bright)
{
    if (!(colour & TELETYPE_INDEXED))
        return colour;
    return screen_cga_colour[cga_of_ansi[(colour & 0xf) | (bright ? 8 : 0)]];
}

screen_cell_t teletype_cell(const struct teletype *teletype, uint32_t character)
{
    const struct teletype_style *style = &teletype->cursor.style;
    uint32_t foreground = colour_of(style->foreground, style->bold);
    uint32_t background = colour_of(style->background, false);

    if (style->dim)
        foreground = foreground >> 1 & 0x7f7f7f;
    if (style->hidden)
        foreground = background;
    if (character > SCREEN_CHARACTER_MAX)
        character = '?';
    screen_cell_t cell = style->reverse ? SCREEN_CELL(character, background, foreground)
                                        : SCREEN_CELL(character, foreground, background);
    return style->underlined ? cell | SCREEN_UNDERLINED : cell;
}

/* Erased cells have the background colour (xterm's "bce"), and nothing else of the style. */
screen_cell_t teletype_blank(const struct teletype *teletype)
{
    return SCREEN_CELL(' ', colour_of(TELETYPE_DEFAULT_FG, false),
                       colour_of(teletype->cursor.style.background, false));
}

void teletype_row_mark(struct teletype *teletype, unsigned row)
{
    row += teletype->grid.back;
    if (row < teletype->grid.rows)
        teletype->grid.dirty[row] = true;
}

static void rows_mark(struct teletype *teletype, unsigned first, unsigned end)
{
    for (unsigned row = first; row < end; row++)
        teletype_row_mark(teletype, row);
}

void teletype_erase(struct teletype *teletype, unsigned row, unsigned first, unsigned end)
{
    screen_cell_t *cells = screen_row(&teletype->grid, row), blank = teletype_blank(teletype);

    for (unsigned column = first; column < end; column++)
        cells[column] = blank;
    teletype_row_mark(teletype, row);
}

static void row_copy(struct teletype *teletype, unsigned to, unsigned from)
{
    memcpy(screen_row(&teletype->grid, to), screen_row(&teletype->grid, from),
           teletype->grid.columns * sizeof(screen_cell_t));
}

/* The ring turns: the first row becomes history, and the oldest line of that the new last row. A view that is scrolled back stays where it is. */
static void ring_turn(struct teletype *teletype, unsigned count)
{
    struct screen_grid *grid = &teletype->grid;
    unsigned room = grid->lines - grid->rows;

    grid->top = (grid->top + count) % grid->lines;
    grid->history = grid->history + count < room ? grid->history + count : room;
    if (grid->back > 0)
        grid->back = grid->back + count < grid->history ? grid->back + count : grid->history;
}

void teletype_scroll_up(struct teletype *teletype, unsigned top, unsigned end, unsigned count)
{
    struct screen_grid *grid = &teletype->grid;

    count = count < end - top ? count : end - top;
    if (top == 0 && end == grid->rows && count <= grid->lines - grid->rows) {
        ring_turn(teletype, count);
    } else {
        for (unsigned row = top; row + count < end; row++)
            row_copy(teletype, row, row + count);
    }
    for (unsigned row = end - count; row < end; row++)
        teletype_erase(teletype, row, 0, grid->columns);
    rows_mark(teletype, top, end);
}

void teletype_scroll_down(struct teletype *teletype, unsigned top, unsigned end, unsigned count)
{
    count = count < end - top ? count : end - top;
    for (unsigned row = end; row-- > top + count;)
        row_copy(teletype, row, row - count);
    for (unsigned row = top; row < top + count; row++)
        teletype_erase(teletype, row, 0, teletype->grid.columns);
    rows_mark(teletype, top, end);
}

void teletype_insert_columns(struct teletype *teletype, unsigned count)
{
    unsigned row = teletype->cursor.row, column = teletype->cursor.column, columns = teletype->grid.columns;
    screen_cell_t *cells = screen_row(&teletype->grid, row);

    if (column >= columns)
        return;
    count = count < columns - column ? count : columns - column;
    memmove(cells + column + count, cells + column, (columns - column - count) * sizeof(cells[0]));
    teletype_erase(teletype, row, column, column + count);
}

void teletype_delete_columns(struct teletype *teletype, unsigned count)
{
    unsigned row = teletype->cursor.row, column = teletype->cursor.column, columns = teletype->grid.columns;
    screen_cell_t *cells = screen_row(&teletype->grid, row);

    if (column >= columns)
        return;
    count = count < columns - column ? count : columns - column;
    memmove(cells + column, cells + column + count, (columns - column - count) * sizeof(cells[0]));
    teletype_erase(teletype, row, columns - count, columns);
}

void teletype_alternate(struct teletype *teletype, bool on)
{
    struct screen_grid *grid = &teletype->grid;

    if (on == teletype->on_alternate || teletype->alternate == NULL)
        return;
    teletype->on_alternate = on;
    if (on) {
        teletype->main = *grid;
        grid->cells = teletype->alternate;
        grid->lines = grid->rows;
        grid->top = grid->history = grid->back = 0;
        for (unsigned row = 0; row < grid->rows; row++)
            teletype_erase(teletype, row, 0, grid->columns);
    } else {
        grid->cells = teletype->main.cells;
        grid->lines = teletype->main.lines;
        grid->top = teletype->main.top;
        grid->history = teletype->main.history;
        grid->back = 0;
    }
    rows_mark(teletype, 0, grid->rows);
}

void teletype_reset(struct teletype *teletype)
{
    struct screen_grid *grid = &teletype->grid;

    teletype_alternate(teletype, false);
    teletype->cursor = teletype->saved = (struct teletype_cursor){.style = TELETYPE_STYLE_DEFAULT};
    teletype->cursor_hidden = teletype->no_wrap = teletype->insert = teletype->newline_mode = false;
    teletype->application_keys = false;
    teletype->region_top = 0;
    teletype->region_end = grid->rows;
    memset(teletype->tab_stops, 0, sizeof(teletype->tab_stops));
    for (unsigned column = TAB_WIDTH; column < SCREEN_COLUMNS_MAX; column += TAB_WIDTH)
        teletype->tab_stops[column / 64] |= UINT64_C(1) << column % 64;
    grid->back = 0;
    for (unsigned row = 0; row < grid->rows; row++)
        teletype_erase(teletype, row, 0, grid->columns);
}

size_t teletype_cells(unsigned rows, unsigned columns, unsigned history)
{
    return (size_t)(2 * rows + history) * columns;
}

void teletype_start(struct teletype *teletype, unsigned rows, unsigned columns, unsigned history,
                    screen_cell_t *cells)
{
    *teletype = (struct teletype){
        .grid = {.rows = rows,
                 .columns = columns,
                 .cells = cells,
                 .lines = rows + history,
                 .cursor_visible = true},
        .alternate = cells + (size_t)(rows + history) * columns,
    };
    teletype_reset(teletype);
}

void teletype_scroll_back(struct teletype *teletype, int lines)
{
    struct screen_grid *grid = &teletype->grid;
    int back = (int)grid->back + lines;

    back = back < 0 ? 0 : back > (int)grid->history ? (int)grid->history : back;
    if ((unsigned)back == grid->back)
        return;
    grid->back = (unsigned)back;
    memset(grid->dirty, true, grid->rows);
    screen_changed();
}
