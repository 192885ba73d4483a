/* Deliberate ends: each must give its whole report and the last line. */
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/selftest.h"

SELFTEST_CRASH(panic)
{
    panic("deliberate, number %d", 42);
}

SELFTEST_CRASH(assertion)
{
    uint64_t frames = 3;

    ASSERT_EQ(frames, 2u, "frame %#lx counts its mappings", 0x1f3000ul);
}

static void reporter_that_panics(const struct trap_frame *frame_or_null)
{
    (void)frame_or_null;
    panic("the reporter fails too");
}

SELFTEST_CRASH(panic_in_panic)
{
    panic_reporter_add(reporter_that_panics);
    panic("the first of two");
}

/* The log's lock is held at that moment, and the report must come out all the same. */
static void sink_that_panics_once(struct log_sink *sink, enum log_level level, const char *text,
                                  size_t length)
{
    static bool done;

    (void)sink;
    (void)level;
    (void)text;
    (void)length;
    if (done)
        return;
    done = true;
    panic("a sink fails");
}

SELFTEST_CRASH(panic_in_log)
{
    static struct log_sink sink = {.write = sink_that_panics_once, .threshold = LOG_DEBUG};

    log_sink_add(&sink);
}
