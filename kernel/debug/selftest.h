/* Self-tests that run inside the kernel, beside the code they test (`*_test.c`).
 *
 *     SELFTEST(frame_alloc_gives_distinct_frames) { CHECK(a != b); CHECK_EQ(frame->count, 1u); }
 *
 * They run in a kernel thread after start-up when the command line says `selftest` (all but the deliberate crashes) or
 * `selftest=NAME`; a NAME that ends in * is a prefix. A failed CHECK is logged with its place and values and ends that test. */
#ifndef KERNEL_DEBUG_SELFTEST_H
#define KERNEL_DEBUG_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

struct selftest {
    const char *name;
    void (*run)(void);
    bool crash; /* must end the machine: runs only when named */
};

#define SELFTEST_DEFINE(test, crashes)                                                                       \
    static void selftest_##test(void);                                                                       \
    static const struct selftest selftest_entry_##test                                                       \
        __attribute__((used, section("selftests"), aligned(8))) = {#test, selftest_##test, crashes};         \
    static void selftest_##test(void)

#define SELFTEST(test)       SELFTEST_DEFINE(test, false)
#define SELFTEST_CRASH(test) SELFTEST_DEFINE(test, true)

/* Record a failure of the running test; the macros return from the test function. */
void selftest_fail(const char *file, int line, const char *what, uint64_t left, uint64_t right);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            selftest_fail(__FILE__, __LINE__, #condition, 0, 1);                                             \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

#define CHECK_EQ(left, right)                                                                                \
    do {                                                                                                     \
        uint64_t check_left = (uint64_t)(left);                                                              \
        uint64_t check_right = (uint64_t)(right);                                                            \
        if (check_left != check_right) {                                                                     \
            selftest_fail(__FILE__, __LINE__, #left " == " #right, check_left, check_right);                 \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)

/* What every test must leave as it found it: memory, above all. Asked of the caller, because this floor knows of none. `note` keeps how things are before a
 * test; `difference` says what is not so any more, with the numbers then and now, or NULL. A test that left something runs a second time before it fails for it: the
 * first user of a cache fills it, a leak leaks every time. */
struct selftest_ground {
    void (*note)(void);
    const char *(*difference)(uint64_t *before, uint64_t *now);
};

/* Run what `pattern` names (NULL or "": all that do not crash); logs "ok NAME", "not ok NAME: why" and the final
 * "quire: selftest P passed, F failed". The number of failures; no test at all counts as one failure. `ground` may be NULL. */
unsigned selftest_run(const char *pattern, const struct selftest_ground *ground);

#endif
