/* The console: COM1 and the screen together, for the log and for what processes write to /dev/console.
 *
 * One lock (rank LOCK_CONSOLE, the very last) keeps the two from mixing inside a line: when a log line comes while a process's line is
 * unfinished, a newline goes first. Any context; never sleeps; must not be called from a log sink. */
#ifndef KERNEL_DEVICE_CONSOLE_H
#define KERNEL_DEVICE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

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
