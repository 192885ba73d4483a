/* Injected failures: which allocation fails, and what the words for it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <asm/errno.h>
#include <cmocka.h>

#include "kernel/memory/failure.h"

#define ROUNDS 100000

static void nothing_fails_unless_asked(void **state)
{
    struct failure failure = {0};

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++)
        assert_false(failure_due(&failure));
}

static void the_nth_fails_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 20; n++) {
        struct failure failure = {0};
        failure_after(&failure, n);
        for (unsigned i = 1; i < 60; i++)
            assert_int_equal(failure_due(&failure), i == n);
    }
}

static void random_ones_follow_the_seed_and_the_chance(void **state)
{
    static const uint64_t chances[] = {2, 10, 100, 1000};

    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        struct failure first = {0}, again = {0}, other = {0};
        char words[64];
        snprintf(words, sizeof(words), "random,7,%lu", chances[c]);
        assert_int_equal(failure_set(&first, words), 0);
        assert_int_equal(failure_set(&again, words), 0);
        snprintf(words, sizeof(words), "random,8,%lu", chances[c]);
        assert_int_equal(failure_set(&other, words), 0);
        unsigned failed = 0, differ = 0;
        for (unsigned i = 0; i < ROUNDS; i++) {
            bool due = failure_due(&first);
            assert_int_equal(failure_due(&again), due);
            differ += failure_due(&other) != due;
            failed += due;
        }
        assert_true(differ > 0);
        assert_in_range(failed, ROUNDS / chances[c] * 7 / 10, ROUNDS / chances[c] * 13 / 10);
    }
}

static void words_say_which(void **state)
{
    struct failure failure = {0}, other = {0};
    char text[64];

    (void)state;
    assert_int_equal(failure_set(&failure, "12"), 0);
    failure_text(&failure, text, sizeof(text));
    assert_string_equal(text, "12");
    assert_int_equal(failure_set(&failure, "random,0x10"), 0);
    for (unsigned i = 0; i < 5; i++)
        (void)failure_due(&failure);
    failure_text(&failure, text, sizeof(text));
    assert_int_equal(failure_set(&other, text), 0);
    for (unsigned i = 0; i < ROUNDS; i++)
        assert_int_equal(failure_due(&failure), failure_due(&other));
    assert_int_equal(failure_set(&failure, "0"), 0);
    assert_int_equal(failure.left, 0);
}

static void wrong_words_change_nothing(void **state)
{
    static const char *const wrong[] = {"",
                                        "x",
                                        "-1",
                                        "1,2",
                                        "random",
                                        "random,",
                                        "random,x",
                                        "random,1,",
                                        "random,1,0",
                                        "random,1,2,3",
                                        "random,1111111111111111111111111111",
                                        "18446744073709551615",
                                        "99999999999999999999",
                                        " 1"};
    struct failure failure = {0};

    (void)state;
    assert_int_equal(failure_set(&failure, "random,3,5"), 0);
    struct failure before = failure;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int error = failure_set(&failure, wrong[i]);
        assert_true(error == -EINVAL || error == -ERANGE);
        assert_memory_equal(&failure, &before, sizeof(before));
    }
}

static void the_option_names_what_fails(void **state)
{
    (void)state;
    assert_int_equal(failure_option("frame,3"), 0);
    assert_int_equal(failure_option("heap,random,1,4"), 0);
    assert_int_equal(frame_failure.left, 3);
    assert_int_equal(heap_failure.one_in, 4);
    assert_int_equal(failure_option("3"), -EINVAL);
    assert_int_equal(failure_option("disk,3"), -EINVAL);
    assert_int_equal(failure_option("frame"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_fails_unless_asked),
        cmocka_unit_test(the_nth_fails_once),
        cmocka_unit_test(random_ones_follow_the_seed_and_the_chance),
        cmocka_unit_test(words_say_which),
        cmocka_unit_test(wrong_words_change_nothing),
        cmocka_unit_test(the_option_names_what_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
