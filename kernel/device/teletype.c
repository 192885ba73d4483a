/* Bytes to characters and sequences. See teletype.h. Names of sequences are those of ECMA-48 and of DEC's manuals. */
#include "kernel/device/teletype.h"

#include "kernel/device/teletype_internal.h"
#include "kernel/lib/string.h"

#define PARAMETER_LIMIT 9999
#define BELL            0x07
#define SHIFT_OUT       0x0e
#define SHIFT_IN        0x0f
#define CANCEL          0x18
#define SUBSTITUTE      0x1a
#define ESCAPE          0x1b
#define UNKNOWN         0xfffd

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

/* --- characters --- */

void teletype_put(struct teletype *t, uint32_t character)
{
    if (t->cursor.column >= t->grid.columns) {
        t->cursor.column = t->no_wrap ? t->grid.columns - 1 : 0;
        if (!t->no_wrap)
            teletype_line_feed(t);
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
        teletype_line_feed(t);
        break;
    case '\r':
        t->cursor.column = 0;
        break;
    case '\t':
        teletype_tab(t, 1);
        break;
    case '\b':
        t->cursor.column = teletype_clip(t->cursor.column, 0, t->grid.columns);
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
        teletype_sequence(t, byte);
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
        teletype_cursor_save(t);
        break;
    case '8':
        teletype_cursor_restore(t);
        break;
    case 'D':
        teletype_line_feed(t);
        break;
    case 'E':
        t->cursor.column = 0;
        teletype_line_feed(t);
        break;
    case 'H':
        t->tab_stops[teletype_clip(t->cursor.column, 0, t->grid.columns) / 64] |=
            UINT64_C(1) << teletype_clip(t->cursor.column, 0, t->grid.columns) % 64;
        break;
    case 'M':
        teletype_reverse_line_feed(t);
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
    teletype_cursor_to(t, 0, 0);
}

/* A byte above 0x7f: the beginning or the rest of a UTF-8 character. */
static void utf8_byte(struct teletype *t, uint8_t byte)
{
    if ((byte & 0xc0) == 0x80 && t->continuation > 0) {
        t->character = t->character << 6 | (byte & 0x3f);
        if (--t->continuation == 0)
            teletype_put(t, t->character >= t->smallest ? t->character : UNKNOWN);
        return;
    }
    if (t->continuation > 0)
        teletype_put(t, UNKNOWN);
    t->continuation = 0;
    if (byte >= 0xc2 && byte < 0xf5) {
        t->continuation = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        t->character = byte & (byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0x0f : 0x07);
        t->smallest = byte < 0xe0 ? 0x80 : byte < 0xf0 ? 0x800 : 0x10000;
    } else {
        teletype_put(t, UNKNOWN);
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
        teletype_put(t, UNKNOWN);
    }
    if (byte < ' ' || byte == 0x7f)
        control(t, byte);
    else
        teletype_put(t, (uint8_t)byte);
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
    unsigned column = teletype_clip(t->cursor.column, 0, grid->columns);

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
