/* What each sequence ESC [ ... does. See teletype.h. Names are those of ECMA-48 and of DEC's manuals. */
#include "kernel/device/teletype_internal.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"

/* What ESC [ c answers: a VT220 with colours; and ESC [ > c: no version. */
#define ATTRIBUTES           "\x1b[?62;22c"
#define SECONDARY_ATTRIBUTES "\x1b[>1;1;0c"

/* --- colours: SGR --- */

/* 38;5;N and 38;2;R;G;B, and 48 likewise, the latter also with colons. How many parameters it took. */
static unsigned extended_colour(struct teletype *t, unsigned index, uint32_t *colour)
{
    const unsigned *parameter = t->parameter + index;
    unsigned left = t->parameter_count - index - 1;

    if (left >= 2 && parameter[1] == 5) {
        if (parameter[2] < 256)
            *colour = teletype_palette(parameter[2]);
        return 2;
    }
    if (left >= 4 && parameter[1] == 2) {
        *colour = (parameter[2] & 0xff) << 16 | (parameter[3] & 0xff) << 8 | (parameter[4] & 0xff);
        return 4;
    }
    return left;
}

static void style_flag(struct teletype_style *style, unsigned value)
{
    switch (value) {
    case 0:
        *style = TELETYPE_STYLE_DEFAULT;
        break;
    case 1:
        style->bold = true;
        break;
    case 2:
        style->dim = true;
        break;
    case 4:
    case 21:
    case 24:
        style->underlined = value != 24;
        break;
    case 7:
    case 27:
        style->reverse = value == 7;
        break;
    case 8:
    case 28:
        style->hidden = value == 8;
        break;
    case 22:
        style->bold = style->dim = false;
        break;
    default:
        break;
    }
}

/* One parameter; how many more it used. */
static unsigned style_set(struct teletype *t, unsigned index)
{
    struct teletype_style *style = &t->cursor.style;
    unsigned value = t->parameter[index];

    if (value == 38)
        return extended_colour(t, index, &style->foreground);
    if (value == 48)
        return extended_colour(t, index, &style->background);
    if (value >= 30 && value <= 37)
        style->foreground = TELETYPE_INDEXED | (value - 30);
    else if (value >= 40 && value <= 47)
        style->background = TELETYPE_INDEXED | (value - 40);
    else if (value >= 90 && value <= 97)
        style->foreground = TELETYPE_INDEXED | (value - 90 + 8);
    else if (value >= 100 && value <= 107)
        style->background = TELETYPE_INDEXED | (value - 100 + 8);
    else if (value == 39)
        style->foreground = TELETYPE_DEFAULT_FG;
    else if (value == 49)
        style->background = TELETYPE_DEFAULT_BG;
    else
        style_flag(style, value);
    return 0;
}

static void styles_set(struct teletype *t)
{
    for (unsigned i = 0; i < t->parameter_count; i++)
        i += style_set(t, i);
}

/* --- sequences --- */

/* Parameter `index`, or `fallback` when it is absent or 0. */
static unsigned parameter(const struct teletype *t, unsigned index, unsigned fallback)
{
    return index < t->parameter_count && t->parameter[index] != 0 ? t->parameter[index] : fallback;
}

/* 0: from the cursor to the end; 1: from the start to the cursor; 2: all of the line. */
static void erase_line(struct teletype *t, unsigned what)
{
    unsigned columns = t->grid.columns, column = teletype_clip(t->cursor.column, 0, columns);

    if (what <= 2)
        teletype_erase(t, t->cursor.row, what == 0 ? column : 0, what == 1 ? column + 1 : columns);
}

static void history_forget(struct teletype *t)
{
    teletype_scroll_back(t, -(int)t->grid.back);
    t->grid.history = 0;
}

static void erase_screen(struct teletype *t, unsigned what)
{
    unsigned first = what == 0 ? t->cursor.row + 1 : 0;
    unsigned end = what == 1 ? t->cursor.row : t->grid.rows;

    if (what == 3)
        history_forget(t);
    if (what > 2)
        return;
    for (unsigned row = first; row < end; row++)
        teletype_erase(t, row, 0, t->grid.columns);
    if (what < 2)
        erase_line(t, what);
}

/* Insert and delete lines work from the cursor to the end of the region, and only inside it. */
static void lines_change(struct teletype *t, bool insert, unsigned count)
{
    if (t->cursor.row < t->region_top || t->cursor.row >= t->region_end)
        return;
    if (insert)
        teletype_scroll_down(t, t->cursor.row, t->region_end, count);
    else
        teletype_scroll_up(t, t->cursor.row, t->region_end, count);
    t->cursor.column = 0;
}

static void region_set(struct teletype *t)
{
    unsigned top = parameter(t, 0, 1) - 1, end = parameter(t, 1, t->grid.rows);

    if (end > t->grid.rows)
        end = t->grid.rows;
    if (top + 1 >= end)
        return;
    t->region_top = top;
    t->region_end = end;
    teletype_cursor_place(t, 0, 0);
}

static void reply(struct teletype *t, const char *text)
{
    size_t length = strlen(text);

    if (length > TELETYPE_REPLY_MAX - t->reply_length)
        return;
    memcpy(t->reply + t->reply_length, text, length);
    t->reply_length += (unsigned)length;
}

static void report(struct teletype *t, unsigned what)
{
    char text[TELETYPE_REPLY_MAX];
    unsigned row = t->cursor.row - (t->cursor.origin ? t->region_top : 0);

    if (what == 5) {
        reply(t, "\x1b[0n");
    } else if (what == 6) {
        snprintf(text, sizeof(text), "\x1b[%u;%uR", row + 1,
                 teletype_clip(t->cursor.column, 0, t->grid.columns) + 1);
        reply(t, text);
    }
}

static void alternate_mode(struct teletype *t, unsigned mode, bool on)
{
    if (on == t->on_alternate)
        return;
    if (mode == 1049 && on)
        t->main_cursor = t->cursor;
    teletype_alternate(t, on);
    if (mode == 1049 && !on)
        t->cursor = t->main_cursor;
}

static void private_mode(struct teletype *t, unsigned mode, bool on)
{
    switch (mode) {
    case 1:
        t->application_keys = on;
        break;
    case 6:
        t->cursor.origin = on;
        teletype_cursor_place(t, 0, 0);
        break;
    case 7:
        t->no_wrap = !on;
        break;
    case 25:
        t->cursor_hidden = !on;
        break;
    case 47:
    case 1047:
    case 1049:
        alternate_mode(t, mode, on);
        break;
    case 1048:
        on ? teletype_cursor_save(t) : teletype_cursor_restore(t);
        break;
    default:
        break;
    }
}

static void modes_set(struct teletype *t, bool on)
{
    for (unsigned i = 0; i < t->parameter_count; i++) {
        if (t->introducer == '?')
            private_mode(t, t->parameter[i], on);
        else if (t->parameter[i] == 4)
            t->insert = on;
        else if (t->parameter[i] == 20)
            t->newline_mode = on;
    }
}

/* DECSTR: what a program may have left behind, but not the text. */
static void soft_reset(struct teletype *t)
{
    t->cursor.style = TELETYPE_STYLE_DEFAULT;
    t->cursor.origin = t->insert = t->no_wrap = t->cursor_hidden = t->application_keys = false;
    t->cursor.charset = 0;
    t->cursor.line_drawing[0] = t->cursor.line_drawing[1] = false;
    t->region_top = 0;
    t->region_end = t->grid.rows;
    t->saved = (struct teletype_cursor){.style = TELETYPE_STYLE_DEFAULT};
}

/* Moving the cursor. */
static bool sequence_move(struct teletype *t, char final)
{
    unsigned count = parameter(t, 0, 1), column = teletype_clip(t->cursor.column, 0, t->grid.columns);

    switch (final) {
    case 'A':
        teletype_cursor_up(t, count);
        return true;
    case 'B':
    case 'e':
        teletype_cursor_down(t, count);
        return true;
    case 'C':
    case 'a':
        teletype_cursor_to(t, t->cursor.row, column + count);
        return true;
    case 'D':
        teletype_cursor_to(t, t->cursor.row, column > count ? column - count : 0);
        return true;
    case 'E':
        teletype_cursor_down(t, count);
        t->cursor.column = 0;
        return true;
    case 'F':
        teletype_cursor_up(t, count);
        t->cursor.column = 0;
        return true;
    case 'G':
    case '`':
        teletype_cursor_to(t, t->cursor.row, count - 1);
        return true;
    case 'H':
    case 'f':
        teletype_cursor_place(t, count - 1, parameter(t, 1, 1) - 1);
        return true;
    case 'd':
        teletype_cursor_place(t, count - 1, column);
        return true;
    case 'I':
        teletype_tab(t, count);
        return true;
    case 'Z':
        teletype_tab_back(t, count);
        return true;
    default:
        return false;
    }
}

static void tab_clear(struct teletype *t, unsigned what)
{
    unsigned column = teletype_clip(t->cursor.column, 0, t->grid.columns);

    if (what == 0)
        t->tab_stops[column / 64] &= ~(UINT64_C(1) << column % 64);
    else if (what == 3)
        memset(t->tab_stops, 0, sizeof(t->tab_stops));
}

static void repeat(struct teletype *t, unsigned count)
{
    uint32_t character = t->last;

    for (unsigned i = 0; i < count && character != 0; i++)
        teletype_put(t, character);
}

/* Changing cells and modes. */
static void sequence_change(struct teletype *t, char final)
{
    unsigned count = parameter(t, 0, 1), first = parameter(t, 0, 0);
    unsigned column = teletype_clip(t->cursor.column, 0, t->grid.columns), room = t->grid.columns - column;

    switch (final) {
    case 'J':
        erase_screen(t, first);
        break;
    case 'K':
        erase_line(t, first);
        break;
    case 'X':
        teletype_erase(t, t->cursor.row, column, column + (count < room ? count : room));
        break;
    case '@':
        t->cursor.column = column;
        teletype_insert_columns(t, count);
        break;
    case 'P':
        t->cursor.column = column;
        teletype_delete_columns(t, count);
        break;
    case 'L':
    case 'M':
        lines_change(t, final == 'L', count);
        break;
    case 'S':
        teletype_scroll_up(t, t->region_top, t->region_end, count);
        break;
    case 'T':
        teletype_scroll_down(t, t->region_top, t->region_end, count);
        break;
    case 'b':
        repeat(t, count);
        break;
    case 'g':
        tab_clear(t, first);
        break;
    case 'h':
    case 'l':
        modes_set(t, final == 'h');
        break;
    case 'm':
        styles_set(t);
        break;
    case 'n':
        report(t, first);
        break;
    case 'c':
        reply(t, ATTRIBUTES);
        break;
    case 'r':
        region_set(t);
        break;
    case 's':
        teletype_cursor_save(t);
        break;
    case 'u':
        teletype_cursor_restore(t);
        break;
    default:
        break;
    }
}

/* The final byte of ESC [ ... says what it is. */
void teletype_sequence(struct teletype *t, char final)
{
    if (t->intermediate == '!' && final == 'p') {
        soft_reset(t);
    } else if (t->introducer == '?') {
        if (final == 'h' || final == 'l')
            modes_set(t, final == 'h');
    } else if (t->introducer == '>') {
        if (final == 'c')
            reply(t, SECONDARY_ATTRIBUTES);
    } else if (t->introducer == 0 && t->intermediate == 0) {
        if (!sequence_move(t, final))
            sequence_change(t, final);
    }
}
