/* The log as the rest of the kernel uses it. */
#include "kernel/debug/log.h"

#include <stdbool.h>

#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"

static char tail[2 * (LOG_LINE_MAX + 64)];

/* Does the newest part of the log that fits in `tail` hold `words`? */
static bool tail_holds(const char *words)
{
    size_t length = log_tail(tail, sizeof(tail) - 1);

    tail[length] = '\0';
    for (const char *at = tail; *at != '\0'; at++) {
        if (strncmp(at, words, strlen(words)) == 0)
            return true;
    }
    return false;
}

SELFTEST(log_escapes_control_bytes)
{
    log_debug("forged\nline %s", "\x1b[31m");
    CHECK(tail_holds("forged\\x0aline \\x1b[31m\n"));
}

SELFTEST(log_cuts_long_lines)
{
    log_debug("%0*d", LOG_LINE_MAX + 1, 7);
    CHECK(tail_holds("000 [cut]\n"));
}

SELFTEST(log_tail_gives_whole_lines)
{
    char little[LOG_LINE_MAX];

    log_debug("%0100d", 1);
    log_debug("%0100d", 2);
    size_t length = log_tail(little, sizeof(little));
    CHECK(length > 0 && little[0] == '[' && little[length - 1] == '\n');
    CHECK_EQ(log_tail(little, 10), 0);
}

SELFTEST(log_leaves_interrupts_as_they_were)
{
    bool on = interrupts_disable();
    log_debug("with interrupts off");
    bool still_off = !interrupts_disable();
    interrupts_restore(on);
    CHECK(still_off);
}
