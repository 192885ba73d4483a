#include "kernel/device/console.h"

#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/screen.h"
#include "kernel/device/serial.h"

#define CONSOLE_PORT   0 /* COM1 */

/* Bytes written under one hold of the lock, which keeps interrupts off. */
#define CHUNK          128

#define ESCAPE         0x1b

/* TSC ticks between two drawings until the clock and the scheduler run: 10 to 70 ms on the processors there are. */
#define EARLY_INTERVAL (UINT64_C(1) << 26)

/* Attributes by level: light red, yellow, light grey, dark grey on black. */
static const uint8_t level_colour[] = {
    [LOG_ERROR] = 0x0c, [LOG_WARNING] = 0x0e, [LOG_INFO] = SCREEN_ATTRIBUTE, [LOG_DEBUG] = 0x08};

/* Where the cursor of one place stands: has its line begun? Escape sequences do not begin one. */
struct place {
    bool mid_line;
    enum { TEXT, AFTER_ESCAPE, IN_SEQUENCE } reading;
    char last;
};

static struct spinlock lock = SPINLOCK_INIT(LOCK_CONSOLE, "console"); /* holds all below, and the screen */
static struct place serial_place, screen_place;
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

static void screen_text(const char *text, size_t size)
{
    screen_write(text, size);
    for (; size > 0; size--)
        place_follow(&screen_place, *text++);
}

/* After text for the screen. */
static void screen_show(void)
{
    if (!screen_dirty())
        return;
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
        text("\n", 1);
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
    screen_write_coloured(level_colour[level], text, length);
    screen_show();
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
        screen_show();
        console_leave(entered);
        text += length;
        size -= length;
    }
}

void console_set_refresher(void (*wanted)(void), bool immediately)
{
    bool entered = console_enter();

    refresh.wanted = wanted;
    refresh.immediately = immediately;
    refresh.asked = false;
    screen_show();
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
