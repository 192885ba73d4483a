/* kernel/lib/format.c against the C library's, over every combination of flags, widths, precisions and lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

int kernel_snprintf(char *to, size_t size, const char *format, ...);
int kernel_vsnprintf(char *to, size_t size, const char *format, va_list arguments);
#define snprintf  kernel_snprintf
#define vsnprintf kernel_vsnprintf
#include "kernel/lib/format.c"
#undef snprintf
#undef vsnprintf

#define BUFFER       128
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The formats are made at run time. */
#pragma clang diagnostic ignored "-Wformat-nonliteral"

#define AGREE(format, ...)                                                                                   \
    do {                                                                                                     \
        char ours[BUFFER], theirs[BUFFER];                                                                   \
        int our_length = kernel_snprintf(ours, sizeof(ours), format, __VA_ARGS__);                           \
        int their_length = snprintf(theirs, sizeof(theirs), format, __VA_ARGS__);                            \
        if (our_length != their_length || strcmp(ours, theirs) != 0)                                         \
            fail_msg("\"%s\": \"%s\" (%d), not \"%s\" (%d)", format, ours, our_length, theirs,               \
                     their_length);                                                                          \
    } while (0)

static const char *const widths[] = {"", "1", "5", "12", "30"};
static const char *const precisions[] = {"", ".", ".0", ".1", ".5", ".20"};

/* Every subset of the flags. */
static void flags_make(char flags[6], unsigned subset)
{
    unsigned length = 0;

    for (unsigned i = 0; i < 5; i++) {
        if (subset & (1u << i))
            flags[length++] = "-+ #0"[i];
    }
    flags[length] = '\0';
}

static void check_integer(const char *prefix, const char *length, char letter, uint64_t value)
{
    char format[64];

    snprintf(format, sizeof(format), "<%s%s%c>", prefix, length, letter);
    if (length[0] == 'l' || length[0] == 'z' || length[0] == 'j' || length[0] == 't')
        AGREE(format, value);
    else
        AGREE(format, (unsigned)value);
}

static void integers_agree(void **state)
{
    static const char *const lengths[] = {"", "hh", "h", "l", "ll", "z", "j", "t"};
    static const uint64_t values[] = {0,          1,
                                      7,          8,
                                      42,         127,
                                      128,        255,
                                      256,        32768,
                                      65535,      INT_MAX,
                                      0x80000000, UINT_MAX,
                                      INT64_MAX,  (uint64_t)INT64_MIN,
                                      UINT64_MAX, 0xdeadbeefcafe};
    char flags[6], prefix[32];

    (void)state;
    for (unsigned subset = 0; subset < 32; subset++) {
        flags_make(flags, subset);
        for (size_t w = 0; w < COUNT(widths); w++) {
            for (size_t p = 0; p < COUNT(precisions); p++) {
                snprintf(prefix, sizeof(prefix), "%%%s%s%s", flags, widths[w], precisions[p]);
                for (size_t l = 0; l < COUNT(lengths); l++) {
                    for (size_t v = 0; v < COUNT(values); v++) {
                        for (const char *letter = "diuxXo"; *letter != '\0'; letter++)
                            check_integer(prefix, lengths[l], *letter, values[v]);
                    }
                }
            }
        }
    }
}

static void strings_agree(void **state)
{
    static const char *const strings[] = {"", "a", "hello", "a rather longer string"};
    char format[32];

    (void)state;
    for (unsigned left = 0; left < 2; left++) {
        for (size_t w = 0; w < COUNT(widths); w++) {
            for (size_t p = 0; p < COUNT(precisions); p++) {
                snprintf(format, sizeof(format), "<%%%s%s%ss>", left ? "-" : "", widths[w], precisions[p]);
                for (size_t i = 0; i < COUNT(strings); i++)
                    AGREE(format, strings[i]);
            }
            snprintf(format, sizeof(format), "<%%%s%sc>", left ? "-" : "", widths[w]);
            AGREE(format, 'x');
        }
    }
}

static void stars_agree(void **state)
{
    (void)state;
    AGREE("<%*d>", 8, 42);
    AGREE("<%*d>", -8, 42);
    AGREE("<%.*d>", 8, 42);
    AGREE("<%.*d>", -8, 42);
    AGREE("<%0*.*lx>", 20, 10, 0xabcdeful);
    AGREE("<%-*.*s>", 10, 3, "abcdef");
    AGREE("%d%%%s%c", 100, "!", '?');
    AGREE("%p", (void *)0x1234);
}

/* Unterminated text is only read as far as the precision allows. */
static void precision_bounds_reading(void **state)
{
    char text[3] = {'a', 'b', 'c'}, out[BUFFER];

    (void)state;
    assert_int_equal(kernel_snprintf(out, sizeof(out), "%.3s", text), 3);
    assert_string_equal(out, "abc");
}

static void buffers_are_respected(void **state)
{
    (void)state;
    for (size_t size = 0; size < 12; size++) {
        char out[12];
        memset(out, '#', sizeof(out));
        assert_int_equal(kernel_snprintf(out, size, "%s-%d", "abcde", 123), 9);
        if (size > 0)
            assert_memory_equal(out, "abcde-123", size - 1 < 9 ? size - 1 : 9);
        if (size > 0)
            assert_int_equal(out[size - 1 < 9 ? size - 1 : 9], '\0');
        for (size_t i = size; i < sizeof(out); i++)
            assert_int_equal(out[i], '#');
    }
    assert_int_equal(kernel_snprintf(NULL, 0, "%d", 12345), 5);
}

static void own_ways(void **state)
{
    char out[BUFFER];

    (void)state;
    kernel_snprintf(out, sizeof(out), "%s %p", (char *)NULL, (void *)NULL);
    assert_string_equal(out, "(null) 0");
    /* What it does not know is shown as it stands. */
    const char *volatile unknown = "%q %"; /* the compiler shall not see it */
    kernel_snprintf(out, sizeof(out), unknown, 0);
    assert_string_equal(out, "%q %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_agree),        cmocka_unit_test(strings_agree),
        cmocka_unit_test(stars_agree),           cmocka_unit_test(precision_bounds_reading),
        cmocka_unit_test(buffers_are_respected), cmocka_unit_test(own_ways),
    };

    return cmocka_run_group_tests_name("lib_format", tests, NULL, NULL);
}
