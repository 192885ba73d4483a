/* Text onto the screen's cells: control characters, UTF-8, and the escape sequences that programs commonly send (ECMA-48). */
#include "kernel/device/cp437.h"
#include "kernel/device/screen.h"

#define PARAMETERS_MAX  8
#define PARAMETER_LIMIT 9999
#define TAB_WIDTH       8
#define ESCAPE          0x1b
#define BELL            0x07
#define UNKNOWN         '?'

#define COLOUR_DEFAULT  7
#define COLOUR_BRIGHT   8

/* ANSI counts red, green, blue from the lowest bit; the CGA blue, green, red. */
static const uint8_t cga_colour[8] = {0, 4, 2, 6, 1, 5, 3, 7};

enum reading {
    PLAIN,
    AFTER_ESCAPE,
    IN_SEQUENCE, /* ESC [ ... */
    IN_STRING,   /* ESC ] ... BEL or ESC \ : titles and the like */
    IN_CHARSET,  /* ESC ( and one more */
};

struct style {
    uint8_t foreground, background; /* CGA colours */
    bool bold, reverse;
};

static struct teletype {
    unsigned row, column; /* column == columns: the next character wraps first */
    unsigned saved_row, saved_column;
    struct style style;
    bool cursor_hidden;

    enum reading reading;
    bool private_sequence; /* ESC [ ? */
    unsigned parameter[PARAMETERS_MAX];
    unsigned parameter_count;

    uint32_t character; /* UTF-8 under way */
    unsigned continuation;
    uint32_t smallest; /* that its length may encode */
} tty = {.style = {.foreground = COLOUR_DEFAULT}};

static uint8_t attribute(const struct style *style)
{
    uint8_t foreground = style->foreground | (style->bold ? COLOUR_BRIGHT : 0);

    return style->reverse ? (uint8_t)(foreground << 4 | style->background)
                          : (uint8_t)(style->background << 4 | foreground);
}

static uint16_t blank(void)
{
    return (uint16_t)(attribute(&tty.style) << 8 | ' ');
}

static void line_feed(void)
{
    if (tty.row + 1 < screen_rows())
        tty.row++;
    else
        screen_scroll(1, blank());
}

static void put_cell(uint8_t byte)
{
    if (tty.column >= screen_columns()) {
        tty.column = 0;
        line_feed();
    }
    screen_put(tty.row, tty.column++, (uint16_t)(attribute(&tty.style) << 8 | byte));
}

static void control(char byte)
{
    switch (byte) {
    case '\n':
        tty.column = 0;
        line_feed();
        break;
    case '\r':
        tty.column = 0;
        break;
    case '\t':
        tty.column = (tty.column / TAB_WIDTH + 1) * TAB_WIDTH;
        if (tty.column >= screen_columns())
            tty.column = screen_columns() - 1;
        break;
    case '\b':
        if (tty.column > 0)
            tty.column--;
        break;
    case ESCAPE:
        tty.reading = AFTER_ESCAPE;
        break;
    default: /* the rest of the control characters shows nothing */
        break;
    }
}

/* --- escape sequences --- */

/* Parameter `index`, or `fallback` when it is absent or 0. */
static unsigned parameter(unsigned index, unsigned fallback)
{
    return index < tty.parameter_count && tty.parameter[index] != 0 ? tty.parameter[index] : fallback;
}

static unsigned clip(unsigned value, unsigned count)
{
    return value < count ? value : count - 1;
}

/* 38;5;N or 48;5;N: the first sixteen of the 256 colours; the rest, and true colour, are passed over. How many parameters it took. */
static unsigned extended_colour(unsigned index, uint8_t *colour)
{
    if (index + 2 < tty.parameter_count && tty.parameter[index + 1] == 5) {
        unsigned number = tty.parameter[index + 2];
        if (number < 16)
            *colour = cga_colour[number & 7] | (number & COLOUR_BRIGHT);
        return 2;
    }
    return index + 1 < tty.parameter_count && tty.parameter[index + 1] == 2 ? 4 : 0;
}

/* Select Graphic Rendition, one parameter; how many more it used. */
static unsigned style_set(unsigned index)
{
    unsigned value = tty.parameter[index];

    if (value == 0)
        tty.style = (struct style){.foreground = COLOUR_DEFAULT};
    else if (value == 1 || value == 22)
        tty.style.bold = value == 1;
    else if (value == 7 || value == 27)
        tty.style.reverse = value == 7;
    else if (value >= 30 && value <= 37)
        tty.style.foreground = cga_colour[value - 30];
    else if (value >= 40 && value <= 47)
        tty.style.background = cga_colour[value - 40];
    else if (value >= 90 && value <= 97)
        tty.style.foreground = cga_colour[value - 90] | COLOUR_BRIGHT;
    else if (value >= 100 && value <= 107)
        tty.style.background = cga_colour[value - 100] | COLOUR_BRIGHT;
    else if (value == 39)
        tty.style.foreground = COLOUR_DEFAULT;
    else if (value == 49)
        tty.style.background = 0;
    else if (value == 38)
        return extended_colour(index, &tty.style.foreground);
    else if (value == 48)
        return extended_colour(index, &tty.style.background);
    return 0;
}

static void styles_set(void)
{
    for (unsigned i = 0; i < tty.parameter_count; i++)
        i += style_set(i);
}

static void blank_range(unsigned row, unsigned first, unsigned end)
{
    for (unsigned column = first; column < end; column++)
        screen_put(row, column, blank());
}

/* 0: from the cursor to the end; 1: from the start to the cursor; 2: all of the line. */
static void erase_line(unsigned row, unsigned what)
{
    unsigned columns = screen_columns(), column = clip(tty.column, columns);

    blank_range(row, what == 0 ? column : 0, what == 1 ? column + 1 : columns);
}

static void erase_screen(unsigned what)
{
    unsigned first = what == 0 ? tty.row + 1 : 0;
    unsigned end = what == 1 ? tty.row : screen_rows();

    for (unsigned row = first; row < end; row++)
        blank_range(row, 0, screen_columns());
    if (what < 2)
        erase_line(tty.row, what);
}

static void cursor_move(unsigned row, unsigned column)
{
    tty.row = clip(row, screen_rows());
    tty.column = clip(column, screen_columns());
}

/* The final byte of ESC [ ... says what it is. */
static void sequence_end(char final)
{
    unsigned count = parameter(0, 1), first = parameter(0, 0);
    unsigned column = clip(tty.column, screen_columns());

    if (tty.private_sequence) {
        if (first == 25 && (final == 'h' || final == 'l'))
            tty.cursor_hidden = final == 'l';
        return;
    }
    switch (final) {
    case 'A':
        cursor_move(tty.row > count ? tty.row - count : 0, column);
        break;
    case 'B':
        cursor_move(tty.row + count, column);
        break;
    case 'C':
        cursor_move(tty.row, column + count);
        break;
    case 'D':
        cursor_move(tty.row, column > count ? column - count : 0);
        break;
    case 'G':
        cursor_move(tty.row, count - 1);
        break;
    case 'H':
    case 'f':
        cursor_move(count - 1, parameter(1, 1) - 1);
        break;
    case 'J':
        erase_screen(first);
        break;
    case 'K':
        erase_line(tty.row, first);
        break;
    case 'm':
        styles_set();
        break;
    case 's':
        tty.saved_row = tty.row;
        tty.saved_column = column;
        break;
    case 'u':
        cursor_move(tty.saved_row, tty.saved_column);
        break;
    default:
        break;
    }
}

static void sequence_byte(char byte)
{
    unsigned *current = &tty.parameter[tty.parameter_count - 1];

    if (byte >= '0' && byte <= '9') {
        if (*current < PARAMETER_LIMIT)
            *current = *current * 10 + (unsigned)(byte - '0');
    } else if (byte == ';') {
        if (tty.parameter_count < PARAMETERS_MAX)
            tty.parameter[tty.parameter_count++] = 0;
        else
            *current = 0; /* too many: the last place takes the rest in turn */
    } else if (byte == '?') {
        tty.private_sequence = true;
    } else if (byte >= '@' && byte <= '~') {
        tty.reading = PLAIN;
        sequence_end(byte);
    } else if (byte < ' ') {
        tty.reading = PLAIN;
        control(byte);
    }
}

static void escape_byte(char byte)
{
    tty.reading = PLAIN;
    if (byte == '[') {
        tty.reading = IN_SEQUENCE;
        tty.private_sequence = false;
        tty.parameter_count = 1;
        tty.parameter[0] = 0;
    } else if (byte == ']' || byte == 'P' || byte == '_' || byte == '^') {
        tty.reading = IN_STRING;
    } else if (byte == '(' || byte == ')') {
        tty.reading = IN_CHARSET;
    } else if (byte == 'c') {
        tty.style = (struct style){.foreground = COLOUR_DEFAULT};
        cursor_move(0, 0);
        erase_screen(2);
    }
}

/* --- characters --- */

static void put_character(uint32_t character)
{
    int cell = cp437_cell(character);

    put_cell(cell >= 0 ? (uint8_t)cell : UNKNOWN);
}

/* A byte above 0x7f: the beginning or the rest of a UTF-8 character. */
static void utf8_byte(uint8_t byte)
{
    if ((byte & 0xc0) == 0x80 && tty.continuation > 0) {
        tty.character = tty.character << 6 | (byte & 0x3f);
        if (--tty.continuation == 0)
            put_character(tty.character >= tty.smallest ? tty.character : UNKNOWN);
        return;
    }
    if (tty.continuation > 0)
        put_cell(UNKNOWN);
    tty.continuation = 0;
    if (byte >= 0xc2 && byte < 0xf5) {
        tty.continuation = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        tty.character = byte & (byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0x0f : 0x07);
        tty.smallest = byte < 0xe0 ? 0x80 : byte < 0xf0 ? 0x800 : 0x10000;
    } else {
        put_cell(UNKNOWN);
    }
}

static void plain_byte(char byte)
{
    if ((uint8_t)byte >= 0x80) {
        utf8_byte((uint8_t)byte);
        return;
    }
    if (tty.continuation > 0) {
        tty.continuation = 0;
        put_cell(UNKNOWN);
    }
    if (byte < ' ' || byte == 0x7f)
        control(byte);
    else
        put_cell((uint8_t)byte);
}

static void write_byte(char byte)
{
    switch (tty.reading) {
    case PLAIN:
        plain_byte(byte);
        break;
    case AFTER_ESCAPE:
        escape_byte(byte);
        break;
    case IN_SEQUENCE:
        sequence_byte(byte);
        break;
    case IN_STRING:
        if (byte == BELL)
            tty.reading = PLAIN;
        else if (byte == ESCAPE)
            tty.reading = AFTER_ESCAPE;
        break;
    case IN_CHARSET:
        tty.reading = PLAIN;
        break;
    }
}

void screen_write(const char *text, size_t size)
{
    if (!screen_present())
        return;
    while (size-- > 0)
        write_byte(*text++);
    screen_cursor(tty.row, tty.column, !tty.cursor_hidden);
}

void screen_write_coloured(uint8_t colours, const char *text, size_t size)
{
    struct teletype before = tty;

    tty.style = (struct style){.foreground = colours & 0xf, .background = colours >> 4};
    tty.reading = PLAIN;
    tty.continuation = 0;
    screen_write(text, size);
    before.row = tty.row;
    before.column = tty.column;
    tty = before;
}
