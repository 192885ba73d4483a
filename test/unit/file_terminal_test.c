/* The line discipline: what typed keys become, what is echoed, what a read gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/file/terminal.h"

#define INTERRUPT 2 /* SIGINT, SIGQUIT, SIGTSTP */
#define QUIT      3
#define STOP      20

static struct terminal terminal;
static char echoed[65536];
static size_t echoed_size;

static void echo(void *context, const char *text, size_t size)
{
    (void)context;
    memcpy(echoed + echoed_size, text, size);
    echoed_size += size;
    echoed[echoed_size] = '\0';
}

static int setup(void **state)
{
    (void)state;
    terminal_init(&terminal);
    echoed_size = 0;
    echoed[0] = '\0';
    return 0;
}

/* Type keys; the last signal they stood for. */
static int type(const char *keys)
{
    int signal = 0;

    for (; *keys != '\0'; keys++) {
        int sent = terminal_input(&terminal, (uint8_t)*keys, echo, NULL);
        if (sent != 0)
            signal = sent;
    }
    return signal;
}

static void assert_read(size_t size, const char *wanted, bool wanted_end)
{
    char bytes[TERMINAL_INPUT_MAX + 1];
    bool ended;

    assert_true(terminal_readable(&terminal, 1));
    size_t taken = terminal_read(&terminal, bytes, size, &ended);
    bytes[taken] = '\0';
    assert_string_equal(bytes, wanted);
    assert_int_equal(ended, wanted_end);
}

static void settings(unsigned clear, unsigned set)
{
    struct termios changed = terminal.settings;

    changed.c_lflag = (changed.c_lflag & ~clear) | set;
    terminal_set(&terminal, &changed);
}

static void a_line_is_read_when_it_is_finished(void **state)
{
    (void)state;
    type("hello");
    assert_false(terminal_readable(&terminal, 1));
    type("\r");
    assert_int_equal(terminal_waiting(&terminal), 6);
    assert_string_equal(echoed, "hello\r\n");
    type("next\n");
    assert_read(100, "hello\n", true);
    assert_read(2, "ne", false);
    assert_read(100, "xt\n", true);
    assert_false(terminal_readable(&terminal, 1));
}

static void mistakes_can_be_corrected(void **state)
{
    (void)state;
    type("helo\177lo\n");
    assert_read(100, "hello\n", true);
    assert_string_equal(echoed, "helo\b \blo\r\n");
    type("\177\177wrong\025right\n"); /* nothing to erase at the line's beginning; ^U */
    assert_read(100, "right\n", true);
    type("one two, three  \027\027four\n"); /* ^W */
    assert_read(100, "one four\n", true);
    type("\026\003\026\177x\n"); /* ^V takes the next key as it is */
    assert_read(100, "\003\177x\n", true);
}

static void what_is_erased_disappears_from_the_screen(void **state)
{
    (void)state;
    type("a\001"); /* ^A is shown in two cells */
    type("\177\177");
    assert_string_equal(echoed, "a^A\b \b\b \b\b \b");
    echoed_size = 0;
    type("\xc3\xa9\177x\n"); /* one character of two bytes */
    assert_string_equal(echoed, "\xc3\xa9\b \bx\r\n");
    assert_read(100, "x\n", true);
}

static void control_d_ends_the_file_or_the_line(void **state)
{
    (void)state;
    type("\004");
    assert_read(100, "", true);
    type("half\004");
    assert_read(100, "half", true);
    type(
        "abc\004"); /* a read that is full takes the mark with it, or the next would see the end of the file */
    assert_read(3, "abc", true);
    assert_false(terminal_readable(&terminal, 1));
    type("abc\004");
    assert_read(2, "ab", false);
    assert_read(2, "c", true);
}

static void control_keys_are_signals(void **state)
{
    (void)state;
    assert_int_equal(type("half a line\003"), INTERRUPT);
    assert_string_equal(echoed, "half a line^C");
    type("whole\n");
    assert_read(100, "whole\n", true); /* what came before went with the signal */
    assert_int_equal(type("\034"), QUIT);
    assert_int_equal(type("\032"), STOP);
    settings(ISIG, 0);
    assert_int_equal(type("\003\n"), 0);
    assert_read(100, "\003\n", true);
    settings(0, ISIG | NOFLSH);
    type("kept\n\003");
    assert_read(100, "kept\n", true);
}

static void raw_mode_passes_every_byte_at_once(void **state)
{
    (void)state;
    settings(ICANON | ECHO | ISIG, 0);
    type("\003\004\177\025");
    assert_int_equal(echoed_size, 0);
    assert_true(terminal_readable(&terminal, 4));
    assert_false(terminal_readable(&terminal, 5));
    assert_read(100, "\003\004\177\025", false);
    terminal.settings.c_iflag &= ~(unsigned)ICRNL;
    type("\r");
    assert_read(100, "\r", false);
}

static void what_was_typed_survives_a_change_of_mode(void **state)
{
    char bytes[16];
    bool ended;

    (void)state;
    type("line\npart\004x");
    settings(ICANON, 0);
    assert_int_equal(terminal_read(&terminal, bytes, sizeof(bytes), &ended), 11);
    assert_memory_equal(bytes, "line\npart\0x", 11);
    type("raw");
    settings(0, ICANON);
    assert_read(100, "raw", true);
}

static void a_full_line_can_still_be_finished(void **state)
{
    char bytes[TERMINAL_INPUT_MAX + 16];
    bool ended;

    (void)state;
    for (unsigned i = 0; i < TERMINAL_INPUT_MAX + 10; i++)
        type("x");
    assert_int_equal(echoed[echoed_size - 1], '\a');
    type("\n");
    assert_int_equal(terminal_read(&terminal, bytes, sizeof(bytes), &ended), TERMINAL_INPUT_MAX);
    assert_int_equal(bytes[TERMINAL_INPUT_MAX - 1], '\n');
    assert_true(ended);
}

static void echo_obeys_its_flags(void **state)
{
    (void)state;
    settings(ECHO, 0);
    type("secret\n");
    assert_string_equal(echoed, "");
    settings(0, ECHONL);
    type("secret\n");
    assert_string_equal(echoed, "\r\n");
}

static void output_is_processed(void **state)
{
    char made[16];

    (void)state;
    assert_int_equal(terminal_output(&terminal, "a\nb\r\n", 5, made), 7);
    assert_memory_equal(made, "a\r\nb\r\r\n", 7);
    terminal.settings.c_oflag = 0;
    assert_int_equal(terminal_output(&terminal, "a\nb", 3, made), 3);
    terminal.settings.c_oflag = OPOST | OCRNL;
    assert_int_equal(terminal_output(&terminal, "\r", 1, made), 1);
    assert_int_equal(made[0], '\n');
}

static void lines_pass_through_as_the_counters_wrap(void **state)
{
    char bytes[8];
    bool ended;

    (void)state;
    terminal.head = terminal.tail = terminal.line_start = UINT32_MAX - 1000;
    for (unsigned i = 0; i < 1000; i++) {
        type("abc\n");
        assert_int_equal(terminal_read(&terminal, bytes, sizeof(bytes), &ended), 4);
        assert_memory_equal(bytes, "abc\n", 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_is_read_when_it_is_finished, setup),
        cmocka_unit_test_setup(mistakes_can_be_corrected, setup),
        cmocka_unit_test_setup(what_is_erased_disappears_from_the_screen, setup),
        cmocka_unit_test_setup(control_d_ends_the_file_or_the_line, setup),
        cmocka_unit_test_setup(control_keys_are_signals, setup),
        cmocka_unit_test_setup(raw_mode_passes_every_byte_at_once, setup),
        cmocka_unit_test_setup(what_was_typed_survives_a_change_of_mode, setup),
        cmocka_unit_test_setup(a_full_line_can_still_be_finished, setup),
        cmocka_unit_test_setup(echo_obeys_its_flags, setup),
        cmocka_unit_test_setup(output_is_processed, setup),
        cmocka_unit_test_setup(lines_pass_through_as_the_counters_wrap, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
