/* See lock_report.h. */
#include "kernel/lock_report.h"

#include <asm/errno.h>

#include "kernel/debug/lock_times.h"
#include "kernel/debug/log.h"
#include "kernel/debug/symbols.h"
#include "kernel/device/clock.h"
#include "kernel/lib/format.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

#define LINE_MAX (2 * SYMBOL_TEXT_MAX + 100)
#define TEXT_MAX (LOCK_TIMES_KINDS / 4 * LINE_MAX) /* far more kinds than there are ranks */

static const char *kind_text(unsigned kind, const struct lock_time *time, char *to, size_t size)
{
    if (kind == LOCK_TIMES_INTERRUPTS)
        return "interrupts off";
    snprintf(to, size, "%s \"%s\" held", kind < LOCK_TIMES_MUTEX ? "lock" : "mutex",
             time->name != NULL ? time->name : "?");
    return to;
}

/* "interrupts off 1234 ns at most of 567 times, on CPU 0 from PLACE to PLACE" */
static bool line_make(unsigned kind, char *line)
{
    char from[SYMBOL_TEXT_MAX], to[SYMBOL_TEXT_MAX], what[SYMBOL_TEXT_MAX];
    struct lock_time time;

    if (!lock_times_get(kind, &time))
        return false;
    snprintf(line, LINE_MAX, "%s %lu ns at most of %lu times, on CPU %u from %s to %s",
             kind_text(kind, &time, what, sizeof(what)), clock_from_tsc(time.ticks), time.count, time.cpu,
             symbol_text((uint64_t)time.from, from, sizeof(from)),
             symbol_text((uint64_t)time.to, to, sizeof(to)));
    return true;
}

void lock_report_start(void)
{
    if (option_present("locktimes"))
        lock_times_set(true);
}

void lock_report_log(void)
{
    char line[LINE_MAX];

    lock_times_on = false;
    for (unsigned kind = 0; kind < LOCK_TIMES_KINDS; kind++)
        if (line_make(kind, line))
            log_info("longest: %s", line);
}

int lock_report_read(char **text, size_t *length)
{
    char line[LINE_MAX];
    size_t size = 0;

    *text = heap_alloc(TEXT_MAX);
    if (*text == NULL)
        return -ENOMEM;
    (*text)[0] = '\0';
    for (unsigned kind = 0; kind < LOCK_TIMES_KINDS && size + LINE_MAX < TEXT_MAX; kind++)
        if (line_make(kind, line))
            size += (size_t)snprintf(*text + size, TEXT_MAX - size, "%s\n", line);
    *length = size;
    return 0;
}

int lock_report_write(char *text)
{
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return -EINVAL;
    lock_times_set(text[0] == '1');
    return 0;
}
