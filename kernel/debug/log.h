/* The log: what the kernel says, with a level and a time stamp, kept in a ring in memory and sent to every registered sink.
 *
 * Callable from any context, interrupts and traps included, before anything else of the kernel is set up; never sleeps, never
 * allocates. Lock: log.lock (rank LOCK_LOG; only sinks may take another inside); a line logged by a trap that interrupted the log on the same
 * CPU is dropped and counted; a panic on the CPU that holds it breaks in (log_panic_mode). */
#ifndef KERNEL_DEBUG_LOG_H
#define KERNEL_DEBUG_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/format.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* One line, without newline: "[    0.123456] text". Text over LOG_LINE_MAX bytes is cut, and says so. Control bytes are escaped. */
#define LOG_LINE_MAX 240
void log_line(enum log_level level, const char *format, ...) printf_like(2, 3);
void log_vline(enum log_level level, const char *format, va_list arguments) printf_like(2, 0);

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

/* A sink gets each finished line, newline included, with the log's lock held: it must not log. At most LOG_SINKS_MAX. A new sink first gets
 * the lines that are still in the ring. `threshold`: lines above that level are not sent. */
#define LOG_SINKS_MAX    4
struct log_sink {
    void (*write)(struct log_sink *sink, enum log_level level, const char *text, size_t length);
    enum log_level threshold;
};
void log_sink_add(struct log_sink *sink);

/* Nanoseconds since boot for the time stamps; registered by the clock once it runs (0 before). */
void log_set_clock(uint64_t (*nanoseconds)(void));

/* Copy the newest part of the ring (whole lines, oldest first) that fits in `size`; the bytes copied. */
size_t log_tail(char *to, size_t size);

/* The record at or after *position (start with 0): its level, number and text with time stamp but without newline, terminated, cut at `size`. The text's length, and *position
 * moves on; -1 when there is none yet. Records that were overwritten meanwhile are passed over. */
long log_record(uint64_t *position, enum log_level *level, char *text, size_t size);

/* Where the next record will stand: a reader that begins there sees only what is new. */
uint64_t log_end(void);

/* `added()` is called after each record, with locks held and interrupts off: it takes no lock. At most one. */
void log_set_listener(void (*added)(void));

/* From now on the lock is not waited for: the machine is stopping. */
void log_panic_mode(void);

#endif
