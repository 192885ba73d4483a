/* Bytes to characters and sequences. See teletype.h. Names of sequences are those of ECMA-48 and of DEC's manuals. */
#include "kernel/device/teletype.h"

#include "kernel/device/teletype_internal.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"

#define PARAMETER_LIMIT      9999
#define BELL                 0x07
#define SHIFT_OUT            0x0e
#define SHIFT_IN             0x0f
#define CANCEL               0x18
#define SUBSTITUTE           0x1a
#define ESCAPE               0x1b
#define UNKNOWN              0xfffd

/* What ESC [ c answers: a VT220 with colours; and ESC [ > c: no version. */
#define ATTRIBUTES           "\x1b[?62;22c"
#define SECONDARY_ATTRIBUTES "\x1b[>1;1;0c"

enum reading {
    PLAIN,
    AFTER_ESCAPE,
    IN_SEQUENCE, /* ESC [ ... */
    IN_STRING,   /* ESC ] ... BEL or ESC \ : titles and the like */
    IN_CHARSET,  /* ESC ( or ESC ) and one more */
    IN_HASH,     /* ESC # and one more */
};

/* DEC's line-drawing set for ` to ~. */
static const uint16_t line_drawing[] = {
    0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b, 0x2518,
    0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524,
    0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
};

/* --- the cursor --- */

static unsigned clip(unsigned value, unsigned low, unsigned end)
{
    return value < low ? low : value < end ? value : end - 1;
}

/* To a row and column of the screen, clipped. */
static void cursor_to(struct teletype *t, unsigned row, unsigned column)
{
    t->cursor.row = clip(row, 0, t->grid.rows);
    t->cursor.column = clip(column, 0, t->grid.columns);
}

/* To a place that a sequence names: in origin mode from the top of the region and within it. */
static void cursor_place(struct teletype *t, unsigned row, unsigned column)
{
    if (t->cursor.origin) {
        t->cursor.row = clip(t->region_top + row, t->region_top, t->region_end);
        t->cursor.column = clip(column, 0, t->grid.columns);
    } else {
        cursor_to(t, row, column);
    }
}

/* Up and down stop at the region's edge when they start inside it. */
static void cursor_up(struct teletype *t, unsigned count)
{
    unsigned top = t->cursor.row >= t->region_top ? t->region_top : 0;

    t->cursor.row = t->cursor.row - top > count ? t->cursor.row - count : top;
    t->cursor.column = clip(t->cursor.column, 0, t->grid.columns);
}

static void cursor_down(struct teletype *t, unsigned count)
{
    unsigned end = t->cursor.row < t->region_end ? t->region_end : t->grid.rows;

    t->cursor.row = clip(t->cursor.row + count, 0, end);
    t->cursor.column = clip(t->cursor.column, 0, t->grid.columns);
}

static void line_feed(struct teletype *t)
{
    if (t->cursor.row + 1 == t->region_end)
        teletype_scroll_up(t, t->region_top, t->region_end, 1);
    else if (t->cursor.row + 1 < t->grid.rows)
        t->cursor.row++;
}

static void reverse_line_feed(struct teletype *t)
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

static void tab(struct teletype *t, unsigned count)
{
    unsigned column = t->cursor.column;

    while (count > 0 && column + 1 < t->grid.columns)
        count -= tab_stop(t, ++column);
    t->cursor.column = clip(column, 0, t->grid.columns);
}

static void tab_back(struct teletype *t, unsigned count)
{
    unsigned column = clip(t->cursor.column, 0, t->grid.columns);

    while (count > 0 && column > 0)
        count -= tab_stop(t, --column);
    t->cursor.column = column;
}

static void cursor_save(struct teletype *t)
{
    t->saved = t->cursor;
}

static void cursor_restore(struct teletype *t)
{
    t->cursor = t->saved;
}

/* --- characters --- */

static void character_put(struct teletype *t, uint32_t character)
{
    if (t->cursor.column >= t->grid.columns) {
        t->cursor.column = t->no_wrap ? t->grid.columns - 1 : 0;
        if (!t->no_wrap)
            line_feed(t);
    }
    if (t->cursor.line_drawing[t->cursor.charset] && character >= '`' && character <= '~')
        character = line_drawing[character - '`'];
    if (t->insert)
        teletype_insert_columns(t, 1);
    screen_row(&t->grid, t->cursor.row)[t->cursor.column++] = teletype_cell(t, character);
    teletype_row_mark(t, t->cursor.row);
    t->last = character;
}

static void control(struct teletype *t, char byte)
{
    switch (byte) {
    case BELL:
        t->bells++;
        break;
    case '\n':
    case '\v':
    case '\f':
        if (t->newline_mode)
            t->cursor.column = 0;
        line_feed(t);
        break;
    case '\r':
        t->cursor.column = 0;
        break;
    case '\t':
        tab(t, 1);
        break;
    case '\b':
        t->cursor.column = clip(t->cursor.column, 0, t->grid.columns);
        if (t->cursor.column > 0)
            t->cursor.column--;
        break;
    case SHIFT_OUT:
    case SHIFT_IN:
        t->cursor.charset = byte == SHIFT_OUT;
        break;
    case ESCAPE:
        t->reading = AFTER_ESCAPE;
        break;
    default: /* the rest of the control characters shows nothing */
        break;
    }
}

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
    unsigned columns = t->grid.columns, column = clip(t->cursor.column, 0, columns);

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
    cursor_place(t, 0, 0);
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
        snprintf(text, sizeof(text), "\x1b[%u;%uR", row + 1, clip(t->cursor.column, 0, t->grid.columns) + 1);
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
        cursor_place(t, 0, 0);
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
        on ? cursor_save(t) : cursor_restore(t);
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
    unsigned count = parameter(t, 0, 1), column = clip(t->cursor.column, 0, t->grid.columns);

    switch (final) {
    case 'A':
        cursor_up(t, count);
        return true;
    case 'B':
    case 'e':
        cursor_down(t, count);
        return true;
    case 'C':
    case 'a':
        cursor_to(t, t->cursor.row, column + count);
        return true;
    case 'D':
        cursor_to(t, t->cursor.row, column > count ? column - count : 0);
        return true;
    case 'E':
        cursor_down(t, count);
        t->cursor.column = 0;
        return true;
    case 'F':
        cursor_up(t, count);
        t->cursor.column = 0;
        return true;
    case 'G':
    case '`':
        cursor_to(t, t->cursor.row, count - 1);
        return true;
    case 'H':
    case 'f':
        cursor_place(t, count - 1, parameter(t, 1, 1) - 1);
        return true;
    case 'd':
        cursor_place(t, count - 1, column);
        return true;
    case 'I':
        tab(t, count);
        return true;
    case 'Z':
        tab_back(t, count);
        return true;
    default:
        return false;
    }
}

static void tab_clear(struct teletype *t, unsigned what)
{
    unsigned column = clip(t->cursor.column, 0, t->grid.columns);

    if (what == 0)
        t->tab_stops[column / 64] &= ~(UINT64_C(1) << column % 64);
    else if (what == 3)
        memset(t->tab_stops, 0, sizeof(t->tab_stops));
}

static void repeat(struct teletype *t, unsigned count)
{
    uint32_t character = t->last;

    for (unsigned i = 0; i < count && character != 0; i++)
        character_put(t, character);
}

/* Changing cells and modes. */
static void sequence_change(struct teletype *t, char final)
{
    unsigned count = parameter(t, 0, 1), first = parameter(t, 0, 0);
    unsigned column = clip(t->cursor.column, 0, t->grid.columns), room = t->grid.columns - column;

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
        cursor_save(t);
        break;
    case 'u':
        cursor_restore(t);
        break;
    default:
        break;
    }
}

/* The final byte of ESC [ ... says what it is. */
static void sequence_end(struct teletype *t, char final)
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

static void sequence_byte(struct teletype *t, char byte)
{
    unsigned *current = &t->parameter[t->parameter_count - 1];

    if (byte >= '0' && byte <= '9') {
        if (*current < PARAMETER_LIMIT)
            *current = *current * 10 + (unsigned)(byte - '0');
    } else if (byte == ';' || byte == ':') {
        if (t->parameter_count < TELETYPE_PARAMETERS_MAX)
            t->parameter[t->parameter_count++] = 0;
        else
            *current = 0; /* too many: the last place takes the rest in turn */
    } else if (byte >= '<' && byte <= '?') {
        t->introducer = byte;
    } else if (byte >= ' ' && byte <= '/') {
        t->intermediate = byte;
    } else if (byte >= '@' && byte <= '~') {
        t->reading = PLAIN;
        sequence_end(t, byte);
    } else if (byte == CANCEL || byte == SUBSTITUTE) {
        t->reading = PLAIN;
    } else if (byte < ' ') {
        control(t, byte); /* is done at once, in the middle of the sequence */
    }
}

static void sequence_begin(struct teletype *t)
{
    t->reading = IN_SEQUENCE;
    t->introducer = t->intermediate = 0;
    t->parameter_count = 1;
    t->parameter[0] = 0;
}

static void escape_byte(struct teletype *t, char byte)
{
    t->reading = PLAIN;
    switch (byte) {
    case '[':
        sequence_begin(t);
        break;
    case ']':
    case 'P':
    case '_':
    case '^':
    case 'X':
        t->reading = IN_STRING;
        break;
    case '(':
    case ')':
        t->intermediate = byte;
        t->reading = IN_CHARSET;
        break;
    case '#':
        t->reading = IN_HASH;
        break;
    case '7':
        cursor_save(t);
        break;
    case '8':
        cursor_restore(t);
        break;
    case 'D':
        line_feed(t);
        break;
    case 'E':
        t->cursor.column = 0;
        line_feed(t);
        break;
    case 'H':
        t->tab_stops[clip(t->cursor.column, 0, t->grid.columns) / 64] |=
            UINT64_C(1) << clip(t->cursor.column, 0, t->grid.columns) % 64;
        break;
    case 'M':
        reverse_line_feed(t);
        break;
    case 'c':
        teletype_reset(t);
        break;
    case ESCAPE:
        t->reading = AFTER_ESCAPE;
        break;
    default:
        break;
    }
}

/* DECALN: a screen full of E, to adjust the picture by. */
static void alignment(struct teletype *t)
{
    t->region_top = 0;
    t->region_end = t->grid.rows;
    for (unsigned row = 0; row < t->grid.rows; row++) {
        teletype_erase(t, row, 0, t->grid.columns);
        for (unsigned column = 0; column < t->grid.columns; column++)
            screen_row(&t->grid, row)[column] = teletype_cell(t, 'E');
    }
    cursor_to(t, 0, 0);
}

/* A byte above 0x7f: the beginning or the rest of a UTF-8 character. */
static void utf8_byte(struct teletype *t, uint8_t byte)
{
    if ((byte & 0xc0) == 0x80 && t->continuation > 0) {
        t->character = t->character << 6 | (byte & 0x3f);
        if (--t->continuation == 0)
            character_put(t, t->character >= t->smallest ? t->character : UNKNOWN);
        return;
    }
    if (t->continuation > 0)
        character_put(t, UNKNOWN);
    t->continuation = 0;
    if (byte >= 0xc2 && byte < 0xf5) {
        t->continuation = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        t->character = byte & (byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0x0f : 0x07);
        t->smallest = byte < 0xe0 ? 0x80 : byte < 0xf0 ? 0x800 : 0x10000;
    } else {
        character_put(t, UNKNOWN);
    }
}

static void plain_byte(struct teletype *t, char byte)
{
    if ((uint8_t)byte >= 0x80) {
        utf8_byte(t, (uint8_t)byte);
        return;
    }
    if (t->continuation > 0) {
        t->continuation = 0;
        character_put(t, UNKNOWN);
    }
    if (byte < ' ' || byte == 0x7f)
        control(t, byte);
    else
        character_put(t, (uint8_t)byte);
}

static void byte_write(struct teletype *t, char byte)
{
    switch (t->reading) {
    case AFTER_ESCAPE:
        escape_byte(t, byte);
        break;
    case IN_SEQUENCE:
        if (byte == ESCAPE)
            t->reading = AFTER_ESCAPE;
        else
            sequence_byte(t, byte);
        break;
    case IN_STRING:
        if (byte == BELL || byte == CANCEL || byte == SUBSTITUTE)
            t->reading = PLAIN;
        else if (byte == ESCAPE)
            t->reading = AFTER_ESCAPE;
        break;
    case IN_CHARSET:
        t->reading = PLAIN;
        t->cursor.line_drawing[t->intermediate == ')'] = byte == '0';
        break;
    case IN_HASH:
        t->reading = PLAIN;
        if (byte == '8')
            alignment(t);
        break;
    default:
        plain_byte(t, byte);
        break;
    }
}

static void cursor_show(struct teletype *t)
{
    struct screen_grid *grid = &t->grid;
    unsigned column = clip(t->cursor.column, 0, grid->columns);

    if (grid->cursor_row != t->cursor.row || grid->cursor_column != column ||
        grid->cursor_visible == t->cursor_hidden) {
        teletype_row_mark(t, grid->cursor_row);
        teletype_row_mark(t, t->cursor.row);
    }
    grid->cursor_row = t->cursor.row;
    grid->cursor_column = column;
    grid->cursor_visible = !t->cursor_hidden;
    screen_changed();
}

void teletype_write(struct teletype *t, const char *text, size_t size)
{
    while (size-- > 0)
        byte_write(t, *text++);
    cursor_show(t);
}

void teletype_write_coloured(struct teletype *t, uint8_t attribute, const char *text, size_t size)
{
    struct teletype_style style = t->cursor.style;
    uint8_t reading = t->reading;
    unsigned continuation = t->continuation;
    bool newline_mode = t->newline_mode, drawing = t->cursor.line_drawing[t->cursor.charset];

    t->cursor.style = (struct teletype_style){.foreground = screen_cga_colour[attribute & 0xf],
                                              .background = screen_cga_colour[attribute >> 4]};
    t->reading = PLAIN;
    t->continuation = 0;
    t->newline_mode = true;
    t->cursor.line_drawing[t->cursor.charset] = false;
    while (size-- > 0)
        plain_byte(t, *text++);
    t->cursor.style = style;
    t->reading = reading;
    t->continuation = continuation;
    t->newline_mode = newline_mode;
    t->cursor.line_drawing[t->cursor.charset] = drawing;
    cursor_show(t);
}

size_t teletype_take_reply(struct teletype *t, char *to)
{
    size_t length = t->reply_length;

    memcpy(to, t->reply, length);
    t->reply_length = 0;
    return length;
}
