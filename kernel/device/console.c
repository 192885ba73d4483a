#include "kernel/device/console.h"

#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/screen.h"
#include "kernel/device/serial.h"
#include "kernel/device/teletype.h"

#define CONSOLE_PORT   0 /* COM1 */

/* Bytes written under one hold of the lock, which keeps interrupts off. */
#define CHUNK          128

#define ESCAPE         0x1b

/* TSC ticks between two drawings until the clock and the scheduler run: 10 to 70 ms on the processors there are. */
#define EARLY_INTERVAL (UINT64_C(1) << 26)

/* Attributes by level: light red, yellow, light grey, dark grey on black. */
static const uint8_t level_colour[] = {
    [LOG_ERROR] = 0x0c, [LOG_WARNING] = 0x0e, [LOG_INFO] = 0x07, [LOG_DEBUG] = 0x08};

/* Where the cursor of one place stands: has its line begun? Escape sequences do not begin one. */
struct place {
    bool mid_line;
    enum { TEXT, AFTER_ESCAPE, IN_SEQUENCE } reading;
    char last;
};

static struct spinlock lock = SPINLOCK_INIT(LOCK_CONSOLE, "console"); /* holds all below, and the screen */
static struct place serial_place, screen_place;
static struct teletype teletypes[CONSOLE_TERMINALS];
static bool exists[CONSOLE_TERMINALS];
static enum console_terminal shown;
static bool split;

static unsigned process_places = CONSOLE_SERIAL | CONSOLE_SCREEN;

static struct {
    void (*wanted)(void);
    bool immediately;
    bool asked;
    uint64_t last; /* TSC at the end of the last drawing without a refresher */
} refresh;

/* False: the lock is this CPU's already, and a panic inside the console is being reported through it. */
static bool console_enter(void)
{
    if (panic_in_progress() && spinlock_held(&lock))
        return false;
    spinlock_lock(&lock);
    return true;
}

static void console_leave(bool entered)
{
    if (entered)
        spinlock_unlock(&lock);
}

static void place_follow(struct place *place, char byte)
{
    switch (place->reading) {
    case TEXT:
        if (byte == ESCAPE)
            place->reading = AFTER_ESCAPE;
        else if (byte == '\n')
            place->mid_line = false;
        else if (byte != '\r')
            place->mid_line = true;
        break;
    case AFTER_ESCAPE:
        place->reading = byte == '[' ? IN_SEQUENCE : TEXT;
        break;
    case IN_SEQUENCE:
        if (byte >= '@' && byte <= '~')
            place->reading = TEXT;
        break;
    }
    place->last = byte;
}

/* Each \n with a \r before it. */
static void serial_text(const char *text, size_t size)
{
    char out[2 * CHUNK];

    while (size > 0) {
        size_t length = 0;
        for (unsigned room = CHUNK; room > 0 && size > 0; room--, size--, text++) {
            if (*text == '\n' && serial_place.last != '\r')
                out[length++] = '\r';
            out[length++] = *text;
            place_follow(&serial_place, *text);
        }
        serial_write(CONSOLE_PORT, out, length);
    }
}

/* --- the terminals --- */

#define HISTORY      300 /* lines */
#define SPLIT_WIDTH  80  /* characters that the viewer needs */
#define SPLIT_HEIGHT 25
#define SHELL_HEIGHT 12 /* and what must be left for the shell */

static void terminal_start(enum console_terminal terminal, unsigned rows, unsigned columns, unsigned history,
                           void *(*allocate)(size_t size))
{
    screen_cell_t *cells = allocate(teletype_cells(rows, columns, history) * sizeof(*cells));

    if (cells == NULL)
        return;
    teletype_start(&teletypes[terminal], rows, columns, history, cells);
    exists[terminal] = true;
}

/* The panes of the shown terminal. */
static void panes_show(void)
{
    struct screen_pane panes[SCREEN_PANES_MAX] = {{.grid = &teletypes[shown].grid}};
    unsigned count = 1;

    if (!exists[shown])
        return;
    if (split && (shown == CONSOLE_SHELL || shown == CONSOLE_VIEWER)) {
        struct screen_grid *shell = &teletypes[CONSOLE_SHELL].grid, *viewer = &teletypes[CONSOLE_VIEWER].grid;
        bool beside = shell->rows == screen_rows();
        panes[0] = (struct screen_pane){.grid = shell, .row = beside ? 0 : viewer->rows};
        panes[1] = (struct screen_pane){.grid = viewer, .column = beside ? shell->columns : 0};
        count = 2;
    }
    screen_show(panes, count);
}

void console_terminals_start(bool wanted_split, void *(*allocate)(size_t size))
{
    unsigned rows = screen_rows(), columns = screen_columns();
    unsigned shell_rows = rows, shell_columns = columns, viewer_rows = rows, viewer_columns = columns;

    if (wanted_split && columns >= 2 * SPLIT_WIDTH) {
        shell_columns = columns - SPLIT_WIDTH;
        viewer_columns = SPLIT_WIDTH;
    } else if (wanted_split && rows >= SPLIT_HEIGHT + SHELL_HEIGHT && columns >= SPLIT_WIDTH) {
        shell_rows = rows - SPLIT_HEIGHT;
        viewer_rows = SPLIT_HEIGHT;
    } else {
        wanted_split = false;
    }
    terminal_start(CONSOLE_SHELL, shell_rows, shell_columns, HISTORY, allocate);
    terminal_start(CONSOLE_LOG, rows, columns, HISTORY, allocate);
    terminal_start(CONSOLE_VIEWER, viewer_rows, viewer_columns, 0, allocate);
    terminal_start(CONSOLE_SECOND, rows, columns, HISTORY, allocate);
    if (exists[CONSOLE_VIEWER])
        teletype_write(&teletypes[CONSOLE_VIEWER], "\x1b[?25l", 6);
    split = wanted_split && exists[CONSOLE_SHELL] && exists[CONSOLE_VIEWER];
    panes_show();
}

static void screen_text(const char *text, size_t size)
{
    if (exists[CONSOLE_SHELL])
        teletype_write(&teletypes[CONSOLE_SHELL], text, size);
    for (; size > 0; size--)
        place_follow(&screen_place, *text++);
}

/* Whatever was looked at: a panic is written on the first terminal, at its present end. */
static void panic_show(void)
{
    static bool done;

    if (done || !exists[CONSOLE_SHELL])
        return;
    done = true;
    teletypes[CONSOLE_SHELL].grid.back = 0;
    shown = CONSOLE_SHELL;
    panes_show();
}

/* After text for the screen. */
static void screen_show_soon(void)
{
    if (!screen_dirty())
        return;
    if (panic_in_progress())
        panic_show();
    if (refresh.immediately || panic_in_progress()) {
        screen_update();
    } else if (refresh.wanted != NULL) {
        if (!refresh.asked) {
            refresh.asked = true;
            refresh.wanted();
        }
    } else if (rdtsc() - refresh.last > EARLY_INTERVAL) {
        screen_update();
        refresh.last = rdtsc();
    }
}

/* The beginning of a log line: finish what a process left open. */
static void log_line_begin(struct place *place, void (*text)(const char *text, size_t size))
{
    if (place->mid_line)
        text("\r\n", 2);
}

static void serial_sink_write(struct log_sink *sink, enum log_level level, const char *text, size_t length)
{
    bool entered = console_enter();

    (void)sink;
    (void)level;
    log_line_begin(&serial_place, serial_text);
    serial_text(text, length);
    console_leave(entered);
}

static void screen_sink_write(struct log_sink *sink, enum log_level level, const char *text, size_t length)
{
    bool entered = console_enter();

    (void)sink;
    log_line_begin(&screen_place, screen_text);
    if (exists[CONSOLE_SHELL])
        teletype_write_coloured(&teletypes[CONSOLE_SHELL], level_colour[level], text, length);
    if (exists[CONSOLE_LOG])
        teletype_write_coloured(&teletypes[CONSOLE_LOG], level_colour[level], text, length);
    screen_show_soon();
    console_leave(entered);
}

static struct log_sink serial_sink = {.write = serial_sink_write};
static struct log_sink screen_sink = {.write = screen_sink_write};

void console_log_to(unsigned places, enum log_level threshold)
{
    if ((places & CONSOLE_SERIAL) && serial_present(CONSOLE_PORT)) {
        serial_sink.threshold = threshold;
        log_sink_add(&serial_sink);
    }
    if ((places & CONSOLE_SCREEN) && screen_present()) {
        screen_sink.threshold = threshold;
        refresh.last = rdtsc();
        log_sink_add(&screen_sink);
    }
}

void console_set_places(unsigned places)
{
    process_places = places;
}

void console_write(const char *text, size_t size)
{
    /* No process's text gets between the lines of a panic. */
    while (size > 0 && !panic_elsewhere()) {
        size_t length = size < CHUNK ? size : CHUNK;
        bool entered = console_enter();
        if (process_places & CONSOLE_SERIAL)
            serial_text(text, length);
        if (process_places & CONSOLE_SCREEN)
            screen_text(text, length);
        screen_show_soon();
        console_leave(entered);
        text += length;
        size -= length;
    }
}

void console_serial_write(const char *text, size_t size)
{
    bool entered = console_enter();

    log_line_begin(&serial_place, serial_text);
    serial_text(text, size);
    console_leave(entered);
}

void console_set_refresher(void (*wanted)(void), bool immediately)
{
    bool entered = console_enter();

    refresh.wanted = wanted;
    refresh.immediately = immediately;
    refresh.asked = false;
    screen_show_soon();
    console_leave(entered);
}

bool console_refresh(void)
{
    bool entered = console_enter();
    bool more = screen_refresh();

    if (!more)
        refresh.asked = false;
    console_leave(entered);
    return more;
}

void console_flush(void)
{
    bool entered = console_enter();

    screen_update();
    console_leave(entered);
}

/* --- terminals from outside --- */

bool console_terminal_size(enum console_terminal terminal, unsigned *rows, unsigned *columns)
{
    if (!exists[terminal])
        return false;
    *rows = teletypes[terminal].grid.rows;
    *columns = teletypes[terminal].grid.columns;
    return true;
}

void console_terminal_show(enum console_terminal terminal)
{
    bool entered = console_enter();

    if (exists[terminal]) {
        shown = terminal;
        panes_show();
        screen_show_soon();
    }
    console_leave(entered);
}

enum console_terminal console_terminal_shown(void)
{
    return __atomic_load_n(&shown, __ATOMIC_RELAXED);
}

bool console_terminal_visible(enum console_terminal terminal)
{
    enum console_terminal now = console_terminal_shown();

    if (!exists[terminal])
        return false;
    return now == terminal || (split && now <= CONSOLE_VIEWER && now != CONSOLE_LOG &&
                               terminal != CONSOLE_LOG && terminal <= CONSOLE_VIEWER);
}

void console_terminal_write(enum console_terminal terminal, const char *text, size_t size)
{
    while (size > 0 && exists[terminal] && !panic_elsewhere()) {
        size_t length = size < CHUNK ? size : CHUNK;
        bool entered = console_enter();
        teletype_write(&teletypes[terminal], text, length);
        screen_show_soon();
        console_leave(entered);
        text += length;
        size -= length;
    }
}

static screen_cell_t cell_coloured(uint16_t cell, const uint32_t *colours)
{
    return SCREEN_CELL(cell & 0xff, colours[cell >> 8 & 0xf], colours[cell >> 12]);
}

void console_terminal_cells(enum console_terminal terminal, const uint16_t *cells, unsigned rows,
                            unsigned columns, const uint32_t *colours)
{
    struct screen_grid *grid = &teletypes[terminal].grid;

    for (unsigned row = 0; row < rows && exists[terminal] && row < grid->rows; row++) {
        bool entered = console_enter();
        screen_cell_t *to = screen_row(grid, row);
        for (unsigned column = 0; column < columns && column < grid->columns; column++)
            to[column] =
                cell_coloured(cells[row * columns + column], colours != NULL ? colours : screen_cga_colour);
        grid->dirty[row] = true;
        screen_changed();
        screen_show_soon();
        console_leave(entered);
    }
}

void console_scroll_back(int half_screens)
{
    bool entered = console_enter();

    if (exists[shown]) {
        teletype_scroll_back(&teletypes[shown], half_screens * (int)(teletypes[shown].grid.rows / 2));
        screen_show_soon();
    }
    console_leave(entered);
}

void console_scroll_end(void)
{
    enum console_terminal terminal = console_terminal_shown();

    if (!exists[terminal] || __atomic_load_n(&teletypes[terminal].grid.back, __ATOMIC_RELAXED) == 0)
        return;
    bool entered = console_enter();
    teletype_scroll_back(&teletypes[terminal], -(int)teletypes[terminal].grid.lines);
    screen_show_soon();
    console_leave(entered);
}

bool console_application_keys(enum console_terminal terminal)
{
    return exists[terminal] && teletypes[terminal].application_keys;
}

size_t console_take_reply(enum console_terminal terminal, char *to)
{
    _Static_assert(CONSOLE_REPLY_MAX == TELETYPE_REPLY_MAX, "what one gives the other takes");
    size_t length = 0;

    /* Looked at after every write: usually there is none. */
    if (!exists[terminal] || teletypes[terminal].reply_length == 0)
        return 0;
    bool entered = console_enter();
    length = teletype_take_reply(&teletypes[terminal], to);
    console_leave(entered);
    return length;
}
