/* A terminal that shows text: bytes, UTF-8 and escape sequences onto a grid of cells, as programs written for a VT100, the Linux console or xterm expect.
 *
 * Understood: \a \b \t \n \v \f \r, ESC 7 8 D E H M c # ( ) = >, SO and SI with the line-drawing set; CSI @ A B C D E F G H I J K L M P S T X Z ` a b d e f g h l m n r s u c and
 * !p; modes 4, 20, ?1 ?6 ?7 ?25 ?47 ?1047 ?1048 ?1049; colours of 16, 256 and 24 bits; OSC, DCS, APC and PM strings are skipped, all else is ignored. Full-screen
 * scrolls go into the history, which the view can be moved through. Pure but for the grid: no lock (the console's), nothing is drawn. */
#ifndef KERNEL_DEVICE_TELETYPE_H
#define KERNEL_DEVICE_TELETYPE_H

#include "kernel/device/screen.h"

#define TELETYPE_PARAMETERS_MAX 16
#define TELETYPE_REPLY_MAX      64

struct teletype_style {
    uint32_t foreground, background; /* 0xRRGGBB, or TELETYPE_INDEXED | one of the 16 */
    bool bold, dim, underlined, reverse, hidden;
};

/* Where the cursor is, and how it writes: what ESC 7 keeps. */
struct teletype_cursor {
    unsigned row, column; /* column == columns: the next character wraps first */
    struct teletype_style style;
    bool origin;
    uint8_t charset;      /* 0 or 1: which of the two is in use */
    bool line_drawing[2]; /* that set is the line-drawing one */
};

struct teletype {
    struct screen_grid grid;
    struct teletype_cursor cursor, saved;
    bool cursor_hidden, no_wrap, insert, newline_mode;
    bool application_keys;           /* ?1: arrow keys send ESC O */
    unsigned region_top, region_end; /* rows that scroll */
    uint64_t tab_stops[(SCREEN_COLUMNS_MAX + 63) / 64];

    /* The alternate screen: its cells, and what of the main one waits meanwhile. */
    screen_cell_t *alternate; /* rows * columns; NULL: there is none */
    bool on_alternate;
    struct screen_grid main;
    struct teletype_cursor main_cursor;

    /* The sequence under way. */
    uint8_t reading; /* enum reading */
    char introducer; /* ?, > or = after CSI, 0: none */
    char intermediate;
    unsigned parameter[TELETYPE_PARAMETERS_MAX];
    unsigned parameter_count;
    uint32_t character; /* UTF-8 under way */
    unsigned continuation;
    uint32_t smallest; /* that its length may encode */
    uint32_t last;     /* character written, for CSI b */

    /* Answers to the program (ESC [ 6 n and the like), until someone takes them. */
    char reply[TELETYPE_REPLY_MAX];
    unsigned reply_length;
    unsigned bells; /* counted */
};

/* Cells that a terminal of this size with so much history needs, and setting it up on them, all blank. */
size_t teletype_cells(unsigned rows, unsigned columns, unsigned history);
void teletype_start(struct teletype *teletype, unsigned rows, unsigned columns, unsigned history,
                    screen_cell_t *cells);

void teletype_write(struct teletype *teletype, const char *text, size_t size);

/* Write text in one of the CGA's colours (background << 4 | foreground), \n as \r\n, leaving the colours and the half-read sequence of teletype_write() as they are. */
void teletype_write_coloured(struct teletype *teletype, uint8_t attribute, const char *text, size_t size);

/* Move the view by so many lines into the past (negative: towards the present). */
void teletype_scroll_back(struct teletype *teletype, int lines);

/* Take the answers: their length, at most TELETYPE_REPLY_MAX. */
size_t teletype_take_reply(struct teletype *teletype, char *to);

#endif
