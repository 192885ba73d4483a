#include "kernel/debug/selftest.h"

#include <stddef.h>

#include "kernel/debug/log.h"

/* Collected by the linker script from every SELFTEST(). */
extern const struct selftest selftests_start[], selftests_end[];

static struct {
    const char *running;
    bool failed;
} state;

void selftest_fail(const char *file, int line, const char *what, uint64_t left, uint64_t right)
{
    if (!state.failed)
        log_error("not ok %s: %s  left %#lx, right %#lx  %s:%d", state.running, what, left, right, file,
                  line);
    state.failed = true;
}

/* Names are C identifiers; a `-` in the pattern stands for `_`, a * at its end for any rest. */
static bool matches(const char *pattern, const char *name)
{
    for (; *pattern != '\0'; pattern++, name++) {
        if (pattern[0] == '*' && pattern[1] == '\0')
            return true;
        if (*name != (*pattern == '-' ? '_' : *pattern))
            return false;
    }
    return *name == '\0';
}

static bool wanted(const struct selftest *test, const char *pattern)
{
    if (pattern == NULL || *pattern == '\0')
        return !test->crash;
    if (!matches(pattern, test->name))
        return false;
    /* A crash must be meant: by its own name, not by a prefix that happens to cover it. */
    const char *end = pattern;
    while (end[0] != '\0' && end[1] != '\0')
        end++;
    return !test->crash || *end != '*';
}

/* Whether the test left things as it found them. */
static bool run_once(const struct selftest *test, const struct selftest_ground *ground, const char **what,
                     uint64_t *before, uint64_t *now)
{
    *what = NULL;
    if (ground != NULL)
        ground->note();
    test->run();
    if (test->crash)
        selftest_fail(__FILE__, __LINE__, "a test that must end the machine came back", 0, 0);
    if (ground != NULL)
        *what = ground->difference(before, now);
    return *what == NULL;
}

static bool run_one(const struct selftest *test, const struct selftest_ground *ground)
{
    uint64_t before, now;
    const char *what;

    state.running = test->name;
    state.failed = false;
    if (!run_once(test, ground, &what, &before, &now) && !state.failed &&
        !run_once(test, ground, &what, &before, &now))
        selftest_fail(__FILE__, __LINE__, what, now, before);
    if (!state.failed)
        log_info("ok %s", test->name);
    return !state.failed;
}

unsigned selftest_run(const char *pattern, const struct selftest_ground *ground)
{
    unsigned passed = 0, failed = 0;

    for (const struct selftest *test = selftests_start; test < selftests_end; test++) {
        if (!wanted(test, pattern))
            continue;
        if (run_one(test, ground))
            passed++;
        else
            failed++;
    }
    if (passed + failed == 0) {
        log_error("not ok %s: no self-test has that name", pattern != NULL ? pattern : "");
        failed = 1;
    }
    log_info("quire: selftest %u passed, %u failed", passed, failed);
    return failed;
}
