#include "kernel/debug/log.h"

#include <stdbool.h>

#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log_ring.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"

#define RING_SIZE    (128 * 1024)

/* "[12345.123456] " with room for centuries, and what a cut line ends with. */
#define STAMP_MAX    32
#define CUT_MARK     " [cut]"
#define LINE_MAX     (STAMP_MAX + LOG_LINE_MAX + sizeof(CUT_MARK) + 1)

#define MICROSECOND  UINT64_C(1000)
#define MICROSECONDS UINT64_C(1000000)

static uint8_t ring_bytes[RING_SIZE];

static struct {
    struct spinlock lock; /* holds all of it */
    struct log_ring ring;
    struct log_sink *sinks[LOG_SINKS_MAX];
    unsigned sink_count;
    uint64_t (*nanoseconds)(void);
    void (*added)(void);

    /* Written without the lock. */
    uint32_t lost;     /* lines from a trap in the middle of another line */
    struct cpu *panic; /* the CPU whose lines alone still count, NULL in ordinary times */
} log = {
    .lock = SPINLOCK_INIT(LOCK_LOG, "log"),
    .ring = {.bytes = ring_bytes, .size = RING_SIZE},
};

/* Take the log. False when this line must be dropped: another CPU is panicking, or this one is already inside the log. */
static bool log_enter(void)
{
    struct cpu *panic = __atomic_load_n(&log.panic, __ATOMIC_ACQUIRE);

    if (panic != NULL)
        return panic == cpu_current();
    if (spinlock_held(&log.lock)) {
        __atomic_fetch_add(&log.lost, 1, __ATOMIC_RELAXED);
        return false;
    }
    spinlock_lock(&log.lock);
    return true;
}

static void log_leave(void)
{
    /* In a panic the lock was never taken, or it was and nobody shall wait for it. */
    if (__atomic_load_n(&log.panic, __ATOMIC_ACQUIRE) == NULL)
        spinlock_unlock(&log.lock);
}

/* Append `text` to `to`, control bytes as \xHH, so that no text can forge a line or drive the terminal; bytes above 0x7f pass (UTF-8).
 * Gives the length written; *cut is set when `size` was too little. */
static size_t escape(char *to, size_t size, const char *text, bool *cut)
{
    static const char hex[] = "0123456789abcdef";
    size_t length = 0;

    for (; *text != '\0'; text++) {
        uint8_t byte = (uint8_t)*text;
        bool plain = byte >= ' ' && byte != 0x7f;
        if (length + (plain ? 1 : 4) > size) {
            *cut = true;
            break;
        }
        if (plain) {
            to[length++] = *text;
        } else {
            to[length++] = '\\';
            to[length++] = 'x';
            to[length++] = hex[byte >> 4];
            to[length++] = hex[byte & 15];
        }
    }
    return length;
}

static size_t line_stamp(char *line)
{
    uint64_t microseconds = log.nanoseconds != NULL ? log.nanoseconds() / MICROSECOND : 0;

    return (size_t)snprintf(line, STAMP_MAX, "[%5lu.%06lu] ", microseconds / MICROSECONDS,
                            microseconds % MICROSECONDS);
}

/* The finished line, newline included. */
static size_t line_make(char *line, const char *format, va_list arguments)
{
    char text[LOG_LINE_MAX + 1];
    bool cut = vsnprintf(text, sizeof(text), format, arguments) > LOG_LINE_MAX;
    size_t length = line_stamp(line);

    length += escape(line + length, LOG_LINE_MAX, text, &cut);
    if (cut) {
        memcpy(line + length, CUT_MARK, sizeof(CUT_MARK) - 1);
        length += sizeof(CUT_MARK) - 1;
    }
    line[length++] = '\n';
    return length;
}

static void line_send(enum log_level level, const char *line, size_t length)
{
    log_ring_append(&log.ring, (uint8_t)level, line, length);
    for (unsigned i = 0; i < log.sink_count; i++) {
        if (level <= log.sinks[i]->threshold)
            log.sinks[i]->write(log.sinks[i], level, line, length);
    }
    if (log.added != NULL)
        log.added();
}

static void report_lost_lines(void)
{
    char line[LINE_MAX];
    uint32_t lost = __atomic_exchange_n(&log.lost, 0, __ATOMIC_RELAXED);

    if (lost == 0)
        return;
    size_t length = line_stamp(line);
    length += (size_t)snprintf(line + length, LOG_LINE_MAX, "%u lines lost: logged inside the log\n", lost);
    line_send(LOG_WARNING, line, length);
}

void log_vline(enum log_level level, const char *format, va_list arguments)
{
    char line[LINE_MAX];

    size_t length = line_make(line, format, arguments);
    if (!log_enter())
        return;
    report_lost_lines();
    line_send(level, line, length);
    log_leave();
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vline(level, format, arguments);
    va_end(arguments);
}

void log_sink_add(struct log_sink *sink)
{
    char line[LINE_MAX];
    uint8_t level;
    long length;

    if (!log_enter())
        return;
    uint64_t position = log.ring.start;
    while ((length = log_ring_read(&log.ring, &position, &level, line, sizeof(line))) >= 0) {
        if (level <= sink->threshold)
            sink->write(sink, level, line, (size_t)length);
    }
    if (log.sink_count < LOG_SINKS_MAX)
        log.sinks[log.sink_count++] = sink;
    log_leave();
}

void log_set_clock(uint64_t (*nanoseconds)(void))
{
    __atomic_store_n(&log.nanoseconds, nanoseconds, __ATOMIC_RELEASE);
}

size_t log_tail(char *to, size_t size)
{
    char line[LINE_MAX];
    uint8_t level;
    size_t whole = 0, copied = 0;
    long length;

    if (!log_enter())
        return 0;
    uint64_t position = log.ring.start;
    while ((length = log_ring_read(&log.ring, &position, &level, line, 0)) >= 0)
        whole += (size_t)length;
    position = log.ring.start;
    while ((length = log_ring_read(&log.ring, &position, &level, line, sizeof(line))) >= 0) {
        /* Skip from the front until what is left fits. */
        if (whole <= size) {
            memcpy(to + copied, line, (size_t)length);
            copied += (size_t)length;
        } else {
            whole -= (size_t)length;
        }
    }
    log_leave();
    return copied;
}

long log_record(uint64_t *position, enum log_level *level, char *text, size_t size)
{
    uint8_t byte = 0;

    if (!log_enter())
        return -1;
    if (*position < log.ring.start)
        *position = log.ring.start;
    long length = log_ring_read(&log.ring, position, &byte, text, size);
    log_leave();
    *level = (enum log_level)byte;
    if (length < 0)
        return -1;
    size_t kept = (size_t)length < size ? (size_t)length : size - 1;
    while (kept > 0 && text[kept - 1] == '\n')
        kept--;
    text[kept] = '\0';
    return (long)kept;
}

uint64_t log_end(void)
{
    if (!log_enter())
        return 0;
    uint64_t end = log.ring.end;
    log_leave();
    return end;
}

void log_set_listener(void (*added)(void))
{
    __atomic_store_n(&log.added, added, __ATOMIC_RELEASE);
}

void log_panic_mode(void)
{
    struct cpu *none = NULL;

    __atomic_compare_exchange_n(&log.panic, &none, cpu_current(), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
