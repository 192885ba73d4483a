/* Load options and command line files: text comes through, garbage never does. */

#include "efi/command_line.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char line[64];

/* At an odd address and exactly as long as said, so that the sanitizer sees a byte read too far. */
static int from_utf16(const void *text, size_t bytes, char *to, size_t size)
{
    char *copy = malloc(bytes + 1);
    memcpy(copy + 1, text, bytes);
    int error = command_line_from_utf16(copy + 1, bytes, to, size);
    free(copy);
    return error;
}

static void load_options_become_a_line(void **state)
{
    (void)state;
    static const uint16_t text[] = u"  a\tb\r\n c=\"d e\"  ";
    assert_int_equal(from_utf16(text, sizeof(text), line, sizeof(line)), 0);
    assert_string_equal(line, "a b   c=\"d e\"");
}

static void load_options_end_at_a_nul_or_their_size(void **state)
{
    (void)state;
    static const uint16_t text[] = u"one\0two";
    assert_int_equal(from_utf16(text, sizeof(text), line, sizeof(line)), 0);
    assert_string_equal(line, "one");
    assert_int_equal(from_utf16(text, 5, line, sizeof(line)), 0);
    assert_string_equal(line, "on");
    assert_int_equal(from_utf16(text, 1, line, sizeof(line)), 0);
    assert_string_equal(line, "");
    assert_int_equal(from_utf16(text, 0, line, sizeof(line)), 0);
    assert_string_equal(line, "");
}

static void garbage_is_no_command_line(void **state)
{
    (void)state;
    static const uint16_t bad[] = {0x7f, 0x01, 0x80, 0xe9, 0x2028, 0xd83d, 0xffff, 0x4142};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i) {
        uint16_t text[] = {'o', 'k', bad[i], '!', 0};
        assert_int_equal(from_utf16(text, sizeof(text), line, sizeof(line)), -EILSEQ);
        assert_string_equal(line, "");
    }
}

static void too_long_is_refused_not_cut(void **state)
{
    (void)state;
    static const uint16_t text[] = u"12345678";
    size_t where;
    char small[9];
    assert_int_equal(from_utf16(text, sizeof(text), small, 9), 0);
    assert_string_equal(small, "12345678");
    assert_int_equal(from_utf16(text, sizeof(text), small, 8), -ENAMETOOLONG);
    assert_string_equal(small, "");
    assert_int_equal(command_line_from_file("12345678", 8, small, 8, &where), -ENAMETOOLONG);
    assert_string_equal(small, "");
}

static void assert_file(const void *text, size_t bytes, const char *expected)
{
    size_t where;
    assert_int_equal(command_line_from_file(text, bytes, line, sizeof(line), &where), 0);
    assert_string_equal(line, expected);
}

static void files_of_any_editor_are_read(void **state)
{
    (void)state;
    assert_file("a b\n", 4, "a b");
    assert_file("\xef\xbb\xbfx=1\r\ny", 9, "x=1  y");
    assert_file("\xff\xfeh\0i\0", 6, "hi");
    assert_file("\xff\xfeh\0i\0j", 7, "hi");
    assert_file("# first\n  # second\nword # not a comment\n", 40, "word # not a comment");
    assert_file("# caf\xc3\xa9\nlevels=4", 16, "levels=4");
    assert_file("", 0, "");
}

static void a_bad_character_in_a_file_is_named(void **state)
{
    (void)state;
    size_t where = 0;
    assert_int_equal(command_line_from_file("ab\xc3\xa9", 4, line, sizeof(line), &where), -EILSEQ);
    assert_int_equal(where, 2);
    assert_string_equal(line, "");
    assert_int_equal(command_line_from_file("\xff\xfe"
                                            "a\0b\1",
                                            6, line, sizeof(line), &where),
                     -EILSEQ);
    assert_int_equal(where, 4);
    assert_int_equal(command_line_from_file("a\0b", 3, line, sizeof(line), &where), -EILSEQ);
}

static void assert_dropped(const char *from, const char *expected)
{
    strcpy(line, from);
    command_line_drop_program(line);
    assert_string_equal(line, expected);
}

static void the_shells_first_word_goes(void **state)
{
    (void)state;
    assert_dropped("FS0:\\EFI\\BOOT\\BOOTX64.EFI a b", "a b");
    assert_dropped("x.efi", "");
    assert_dropped("\"fs0:\\my dir\\x.Efi\"   a", "a");
    assert_dropped("quiet x.efi", "quiet x.efi");
    assert_dropped("efi a", "efi a");
    assert_dropped("", "");
    assert_dropped("init=/a.efi.txt b", "init=/a.efi.txt b");
}

static void words_are_found_before_the_programs_own(void **state)
{
    (void)state;
    char value[8];
    const char *options = "quiet a=1 \"b=two words\" a=22 -- a=3 loud";
    assert_true(command_line_value(options, "a", value, sizeof(value)));
    assert_string_equal(value, "22");
    assert_false(command_line_value(options, "b", value, sizeof(value)));
    char longer[16];
    assert_true(command_line_value(options, "b", longer, sizeof(longer)));
    assert_string_equal(longer, "two words");
    assert_false(command_line_value(options, "c", value, sizeof(value)));
    assert_true(command_line_has(options, "quiet"));
    assert_false(command_line_has(options, "loud"));
    assert_false(command_line_has(options, "qui"));
    assert_false(command_line_has("\"a \\\" loud\"", "loud"));
}

static void numbers_are_all_digits(void **state)
{
    (void)state;
    uint32_t number, width, height;
    assert_true(command_line_number("4294967295", &number));
    assert_int_equal(number, UINT32_MAX);
    assert_false(command_line_number("4294967296", &number));
    assert_false(command_line_number("", &number));
    assert_false(command_line_number("4x", &number));
    assert_true(command_line_size("1024x768", &width, &height));
    assert_int_equal(width, 1024);
    assert_int_equal(height, 768);
    assert_false(command_line_size("1024", &width, &height));
    assert_false(command_line_size("1024x", &width, &height));
    assert_false(command_line_size("1024x768x", &width, &height));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_options_become_a_line),
        cmocka_unit_test(load_options_end_at_a_nul_or_their_size),
        cmocka_unit_test(garbage_is_no_command_line),
        cmocka_unit_test(too_long_is_refused_not_cut),
        cmocka_unit_test(files_of_any_editor_are_read),
        cmocka_unit_test(a_bad_character_in_a_file_is_named),
        cmocka_unit_test(the_shells_first_word_goes),
        cmocka_unit_test(words_are_found_before_the_programs_own),
        cmocka_unit_test(numbers_are_all_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
