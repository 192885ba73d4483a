/* The command line's grammar (kernel/lib/options.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/options.h"

static char text[512];
static char *words[16];
static struct option_list list = {.words = words, .words_max = 16, .text = text, .text_size = sizeof(text)};

/* Parse; afterwards all words, separated by |, with || before the arguments. */
static const char *parsed(const char *line)
{
    static char joined[1024];

    joined[0] = '\0';
    assert_int_equal(options_parse(&list, line), 0);
    assert_null(list.error);
    for (size_t i = 0; i < list.option_count + list.argument_count; i++) {
        strcat(joined, i == list.option_count ? "||" : i > 0 ? "|" : "");
        strcat(joined, words[i]);
    }
    assert_null(words[list.option_count + list.argument_count]);
    return joined;
}

static void words_are_separated_by_blanks(void **state)
{
    (void)state;
    assert_string_equal(parsed(""), "");
    assert_string_equal(parsed(" \t\n "), "");
    assert_string_equal(parsed("  one\ttwo  three=3 "), "one|two|three=3");
}

static void quotes_keep_blanks_and_escapes(void **state)
{
    (void)state;
    assert_string_equal(parsed("a=\"b c\" \"d\"e\"f g\""), "a=b c|def g");
    assert_string_equal(parsed("\"\\\\ \\\" \\n \\x41\\xfF\""), "\\ \" \n A\xff");
    assert_string_equal(parsed("back\\slash"), "back\\slash");
    assert_string_equal(parsed("a \"\" b"), "a||b"); /* an empty word between two */
}

static void arguments_follow_the_separator(void **state)
{
    (void)state;
    assert_string_equal(parsed("debug -- /bin/echo -- \"--\""), "debug||/bin/echo|--|--");
    assert_int_equal(list.option_count, 1);
    assert_int_equal(list.argument_count, 3);
    /* Quoted, it is an ordinary word; glued to something, too. */
    (void)parsed("\"--\" --x x-- --");
    assert_int_equal(list.option_count, 3);
    assert_int_equal(list.argument_count, 0);
    (void)parsed("--");
    assert_int_equal(list.option_count + list.argument_count, 0);
}

static void options_are_found(void **state)
{
    (void)state;
    (void)parsed("init=/a flag x= env.A=1 init=/b initial=no env.B=\"2 3\" -- init=/c");
    assert_string_equal(option_list_value(&list, "init"), "/b");
    assert_string_equal(option_list_value(&list, "flag"), "");
    assert_string_equal(option_list_value(&list, "x"), "");
    assert_null(option_list_value(&list, "ini"));
    assert_null(option_list_value(&list, "env"));
    assert_true(option_list_present(&list, "flag"));
    assert_false(option_list_present(&list, "fla"));

    size_t position = 0;
    assert_string_equal(option_list_next(&list, "env.", &position), "A=1");
    assert_string_equal(option_list_next(&list, "env.", &position), "B=2 3");
    assert_null(option_list_next(&list, "env.", &position));
}

static void refused(const char *line, int error, size_t offset)
{
    assert_int_equal(options_parse(&list, line), error);
    assert_non_null(list.error);
    assert_int_equal(list.error_offset, offset);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused("good \"open", -EINVAL, 10);
    assert_int_equal(list.option_count, 1);
    assert_string_equal(words[0], "good");
    assert_null(words[1]);
    refused("\"\\q\"", -EINVAL, 2);
    refused("\"\\x4\"", -EINVAL, 2);
    refused("\"\\x", -EINVAL, 2);
    refused("\"\\", -EINVAL, 2);
    refused("\"\\x00\"", -EINVAL, 2);
}

static void buffers_are_bounded(void **state)
{
    char little_text[8];
    char *little_words[3];
    struct option_list little = {.words = little_words, .words_max = 3, .text = little_text, .text_size = 8};

    (void)state;
    assert_int_equal(options_parse(&little, "abc def"), 0); /* exactly full */
    assert_int_equal(options_parse(&little, "abc defg"), -E2BIG);
    assert_int_equal(little.option_count, 1);
    assert_int_equal(options_parse(&little, "a b c"), -E2BIG);
    assert_int_equal(little.option_count, 2);
    assert_null(little_words[2]);
    little.words_max = 0;
    assert_int_equal(options_parse(&little, "a"), -E2BIG);
}

/* The text never needs more than the line and its terminator. */
static void random_lines_fit(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50000; round++) {
        size_t length = (size_t)rand() % 24;
        char *line = malloc(length + 1), *bytes = malloc(length + 1);
        char *own_words[32];
        struct option_list own = {
            .words = own_words, .words_max = 32, .text = bytes, .text_size = length + 1};
        for (size_t i = 0; i < length; i++)
            line[i] = " \t\"\\xn0-a="[rand() % 10];
        line[length] = '\0';
        assert_int_not_equal(options_parse(&own, line), -E2BIG);
        free(line);
        free(bytes);
    }
}

static void numbers(void **state)
{
    uint64_t value = 99;

    (void)state;
    assert_int_equal(number_parse("0", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(number_parse("0xF4", &value), 0);
    assert_int_equal(value, 0xf4);
    assert_int_equal(number_parse("64K", &value), 0);
    assert_int_equal(value, 65536);
    assert_int_equal(number_parse("0x10m", &value), 0);
    assert_int_equal(value, 16 << 20);
    assert_int_equal(number_parse("18446744073709551615", &value), 0);
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"", "x", "0x", "-1", "1 ", "1KB", "1T", "12a", " 1", "K"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(number_parse(bad[i], &value), -EINVAL);
    assert_int_equal(number_parse("18446744073709551616", &value), -ERANGE);
    assert_int_equal(number_parse("17179869184G", &value), -ERANGE);
    assert_true(value == UINT64_MAX); /* left alone */
}

static void the_kernels_own_line(void **state)
{
    const char *error = "";
    size_t count, position = 0;
    uint64_t value;

    (void)state;
    assert_int_equal(options_start("a=5 b=x env.HOME=/ -- \"/bin/prog\" \"\\xc3\\xa4\"", &error), 0);
    assert_null(error);
    assert_int_equal(option_number("a", &value), 0);
    assert_int_equal(value, 5);
    assert_int_equal(option_number("b", &value), -EINVAL);
    assert_int_equal(option_number("c", &value), -ENOENT);
    assert_string_equal(option_next("env.", &position), "HOME=/");
    char *const *arguments = option_arguments(&count);
    assert_int_equal(count, 2);
    assert_string_equal(arguments[0], "/bin/prog");
    assert_string_equal(arguments[1], "\xc3\xa4");
    assert_null(arguments[2]);
    assert_int_equal(options_start("a=5 \"", &error), -EINVAL);
    assert_non_null(error);
    assert_true(option_present("a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_separated_by_blanks),
        cmocka_unit_test(quotes_keep_blanks_and_escapes),
        cmocka_unit_test(arguments_follow_the_separator),
        cmocka_unit_test(options_are_found),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(buffers_are_bounded),
        cmocka_unit_test(random_lines_fit),
        cmocka_unit_test(numbers),
        cmocka_unit_test(the_kernels_own_line),
    };

    srand(1);
    return cmocka_run_group_tests_name("lib_options", tests, NULL, NULL);
}
