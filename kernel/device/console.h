/* The console: COM1 and the screen together, for the log and for what processes write to /dev/console.
 *
 * One lock (rank LOCK_CONSOLE, the very last) keeps the two from mixing inside a line: when a log line comes while a process's line is
 * unfinished, a newline goes first. Any context; never sleeps; must not be called from a log sink. */
#ifndef KERNEL_DEVICE_CONSOLE_H
#define KERNEL_DEVICE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/debug/log.h"

/* Where console text goes. Either may be absent. */
#define CONSOLE_SERIAL (1u << 0)
#define CONSOLE_SCREEN (1u << 1)

/* Add the log sink of each place named, for lines up to `threshold`: call it once per place, after serial_start() or screen_start().
 * Lines are coloured by level on the screen, plain on the serial line. */
void console_log_to(unsigned places, enum log_level threshold);

/* Which places console_write() writes to; both from the start. */
void console_set_places(unsigned places);

/* Write a process's text. Newlines go out as \r\n on the serial line, so text that the terminal already gave a \r is not changed. */
void console_write(const char *text, size_t size);

/* The same on COM1 alone, wherever processes write. */
void console_serial_write(const char *text, size_t size);

/* --- virtual terminals on the screen ---
 *
 * One is shown at a time. Process text goes to the first, log lines to the first and to the second, the memory viewer draws on the third, and the fourth is a console
 * of its own. With `split` the third stands beside the first (or above it, on narrow screens) and both are shown together. */
enum console_terminal { CONSOLE_SHELL, CONSOLE_LOG, CONSOLE_VIEWER, CONSOLE_SECOND, CONSOLE_TERMINALS };

/* After screen_start(), before console_log_to(CONSOLE_SCREEN): `allocate` gives memory for so many bytes, for good, or NULL; then that terminal does not exist. */
void console_terminals_start(bool split, void *(*allocate)(size_t size));

/* Its size in characters; false: it does not exist. */
bool console_terminal_size(enum console_terminal terminal, unsigned *rows, unsigned *columns);

void console_terminal_show(enum console_terminal terminal);
enum console_terminal console_terminal_shown(void);

/* Can it be seen now? */
bool console_terminal_visible(enum console_terminal terminal);

/* Write a process's text on one of them, and only there. */
void console_terminal_write(enum console_terminal terminal, const char *text, size_t size);

/* Set cells of the CGA's kind (character | attribute << 8), row by row from the upper left corner; `colours`: the sixteen colours as 0xRRGGBB, NULL for the CGA's. */
void console_terminal_cells(enum console_terminal terminal, const uint16_t *cells, unsigned rows,
                            unsigned columns, const uint32_t *colours);

/* Move the view of the shown terminal by so many screens into the past (negative: back). */
void console_scroll_back(int half_screens);

/* Back to the present, when it is in the past: something was typed there. */
void console_scroll_end(void);

/* Do arrow keys send ESC O instead of ESC [ there? */
bool console_application_keys(enum console_terminal terminal);

/* What the terminal answers to the program (cursor position, what it is): the length, at most CONSOLE_REPLY_MAX. */
#define CONSOLE_REPLY_MAX 64
size_t console_take_reply(enum console_terminal terminal, char *to);

/* --- when the screen is drawn ---
 *
 * Text only marks cells. From console_set_refresher() on, the function given is told when there is something to draw, and someone then calls
 * console_refresh(), some tens of times a second at most. Before that, and in a panic, lines are drawn by whoever writes them: at once in a panic,
 * and else when the last drawing is a while ago. */

/* `wanted()` is called with locks held and interrupts off, at most once until console_refresh() returns false: it takes no lock. NULL: nobody.
 * `immediately`: draw every text when it comes and never ask (for machines that stop in the middle of starting). */
void console_set_refresher(void (*wanted)(void), bool immediately);

/* Send a little of what changed; false when there is nothing more. */
bool console_refresh(void);

/* Send all of it, now: before the machine ends. */
void console_flush(void);

#endif
