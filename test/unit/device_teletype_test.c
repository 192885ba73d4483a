/* The terminal: what VT100, ECMA-48 and xterm say each sequence does, by what stands in the cells afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/device/teletype.h"

#define ROWS    10
#define COLUMNS 20
#define HISTORY 30

static struct teletype tty;
static screen_cell_t *cells;

/* In place of the screen. */
const uint32_t screen_cga_colour[16] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

void screen_changed(void)
{
}

static int setup(void **state)
{
    size_t size = teletype_cells(ROWS, COLUMNS, HISTORY) * sizeof(cells[0]);

    (void)state;
    free(cells);
    cells = malloc(size);
    memset(cells, 0x55, size);
    teletype_start(&tty, ROWS, COLUMNS, HISTORY, cells);
    return 0;
}

static void type(const char *text)
{
    teletype_write(&tty, text, strlen(text));
}

/* A row as text without blanks at its end; what is not ASCII as #. */
static const char *row_text(const screen_cell_t *row)
{
    static char text[COLUMNS + 1];
    size_t length = 0;

    for (unsigned i = 0; i < COLUMNS; i++) {
        uint32_t character = SCREEN_CHARACTER(row[i]);
        text[i] = character < 0x7f ? (char)character : '#';
        if (character != ' ')
            length = i + 1;
    }
    text[length] = '\0';
    return text;
}

static void row_is(unsigned row, const char *wanted)
{
    assert_string_equal(row_text(screen_row(&tty.grid, row)), wanted);
}

static void seen_is(unsigned row, const char *wanted)
{
    assert_string_equal(row_text(screen_row_seen(&tty.grid, row)), wanted);
}

static void cursor_is(unsigned row, unsigned column)
{
    assert_int_equal(tty.grid.cursor_row, row);
    assert_int_equal(tty.grid.cursor_column, column);
}

static void reply_is(const char *wanted)
{
    char text[TELETYPE_REPLY_MAX + 1];

    text[teletype_take_reply(&tty, text)] = '\0';
    assert_string_equal(text, wanted);
}

static screen_cell_t cell(unsigned row, unsigned column)
{
    return screen_row(&tty.grid, row)[column];
}

static void colours_are(unsigned row, unsigned column, uint32_t foreground, uint32_t background)
{
    assert_int_equal(SCREEN_FOREGROUND(cell(row, column)), foreground);
    assert_int_equal(SCREEN_BACKGROUND(cell(row, column)), background);
}

static void lines_and_wrapping(void **state)
{
    (void)state;
    type("one\r\ntwo\nx\rT");
    row_is(0, "one");
    row_is(1, "two");
    row_is(2, "T  x"); /* a line feed alone keeps the column */
    type("\x1b[5;1H01234567890123456789");
    cursor_is(4, 19); /* the wrap waits for the next character */
    type("\b!");
    row_is(4, "012345678901234567!9");
    type("\x1b[7;19Hab");
    type("c");
    row_is(6, "                  ab");
    row_is(7, "c");
    type("\x1b[?7l\x1b[9;19Hwxyz\x1b[?7h");
    row_is(8, "                  wz"); /* without wrapping the last column is overwritten */
}

static void moving(void **state)
{
    (void)state;
    type("\x1b[5;10H");
    cursor_is(4, 9);
    type("\x1b[2A\x1b[3C");
    cursor_is(2, 12);
    type("\x1b[99D\x1b[99B");
    cursor_is(9, 0);
    type("\x1b[H\x1b[2E");
    cursor_is(2, 0);
    type("\x1b[5G\x1b[F");
    cursor_is(1, 0);
    type("\x1b[7d\x1b[8`");
    cursor_is(6, 7);
    type("\x1b[99;99f");
    cursor_is(9, 19);
    type("\x1b[H\t");
    cursor_is(0, 8);
    type("\x1b[2I");
    cursor_is(0, 19);
    type("\x1b[Z");
    cursor_is(0, 16);
    type("\x1b[3g\x1b[1;5H\x1bH\r\t");
    cursor_is(0, 4);
    type("\x1b[4;4H\x1b"
         "7\x1b[H\x1b"
         "8");
    cursor_is(3, 3);
}

static void erasing(void **state)
{
    (void)state;
    type("\x1b#8");
    row_is(9, "EEEEEEEEEEEEEEEEEEEE");
    type("\x1b[5;5H\x1b[K");
    row_is(4, "EEEE");
    type("\x1b[6;5H\x1b[1K");
    row_is(5, "     EEEEEEEEEEEEEEE");
    type("\x1b[7;5H\x1b[2K");
    row_is(6, "");
    type("\x1b[8;5H\x1b[3X");
    row_is(7, "EEEE   EEEEEEEEEEEEE");
    type("\x1b[9;5H\x1b[J");
    row_is(8, "EEEE");
    row_is(9, "");
    type("\x1b[2;5H\x1b[1J");
    row_is(0, "");
    row_is(1, "     EEEEEEEEEEEEEEE");
    type("\x1b[44m\x1b[2J");
    colours_are(3, 3, 0xaaaaaa, 0x0000aa); /* erased cells take the background */
    cursor_is(1, 4);
}

static void inserting_and_deleting(void **state)
{
    (void)state;
    type("abcdef\x1b[3G\x1b[2@");
    row_is(0, "ab  cdef");
    type("\x1b[3P");
    row_is(0, "abdef");
    type("\x1b[4hXY\x1b[4l");
    row_is(0, "abXYdef");
    for (int i = 0; i < ROWS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "\x1b[%d;1Hrow%d\x1b[K", i + 1, i);
        type(text);
    }
    type("\x1b[3;1H\x1b[2L");
    row_is(2, "");
    row_is(4, "row2");
    row_is(9, "row7");
    type("\x1b[2M\x1b[M");
    row_is(2, "row3");
    row_is(6, "row7");
    row_is(7, "");
    type("\x1b[H-\x1b[5b");
    row_is(0, "------");
}

static void scrolling_regions(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "\x1b[%d;1Hrow%d", i + 1, i);
        type(text);
    }
    type("\x1b[3;6r");
    cursor_is(0, 0);
    type("\x1b[6;1H\n");
    row_is(1, "row1");
    row_is(2, "row3");
    row_is(5, "");
    row_is(6, "row6");
    type("\x1b[3;1H\x1bM");
    row_is(2, "");
    row_is(3, "row3");
    type("\x1b[?6h");
    cursor_is(2, 0); /* the origin is the region's top */
    type("\x1b[99;1H");
    cursor_is(5, 0);
    type("\x1b[6n");
    reply_is("\x1b[4;1R");
    type("\x1b[?6l\x1b[r\x1b[S");
    row_is(0, "row1");
    type("\x1b[2T");
    row_is(2, "row1");
}

static void colours(void **state)
{
    (void)state;
    type("a\x1b[31mb\x1b[1mc\x1b[0;42;93md\x1b[7me\x1b[mf\x1b[4mg\x1b[0m");
    colours_are(0, 0, 0xaaaaaa, 0);
    colours_are(0, 1, 0xaa0000, 0);
    colours_are(0, 2, 0xff5555, 0);
    colours_are(0, 3, 0xffff55, 0x00aa00);
    colours_are(0, 4, 0x00aa00, 0xffff55);
    colours_are(0, 5, 0xaaaaaa, 0);
    assert_true(cell(0, 6) & SCREEN_UNDERLINED);
    type("\r\n\x1b[38;5;196ma\x1b[48;5;244mb\x1b[38;2;1;2;3mc\x1b[48:2:4:5:6md\x1b[39;49me\x1b[38;5;12mf");
    colours_are(1, 0, 0xff0000, 0);
    colours_are(1, 1, 0xff0000, 0x808080);
    colours_are(1, 2, 0x010203, 0x808080);
    colours_are(1, 3, 0x010203, 0x040506);
    colours_are(1, 4, 0xaaaaaa, 0);
    colours_are(1, 5, 0x5555ff, 0);
    type("\x1b[;;;;;;;;;;;;;;;;;;;;;;;;;;;31m\r\n!");
    colours_are(2, 0, 0xaa0000, 0);
}

static void characters(void **state)
{
    (void)state;
    type("\u00e4\u2588\u20ac|\xe2\x82|\xff\x80|\xc0\xaf");
    assert_int_equal(SCREEN_CHARACTER(cell(0, 0)), 0xe4);
    assert_int_equal(SCREEN_CHARACTER(cell(0, 1)), 0x2588);
    assert_int_equal(SCREEN_CHARACTER(cell(0, 2)), 0x20ac);
    assert_int_equal(SCREEN_CHARACTER(cell(0, 3)), '|');
    assert_int_equal(SCREEN_CHARACTER(cell(0, 4)), '?');
    assert_int_equal(SCREEN_CHARACTER(cell(0, 5)), '|');
    type("\r\n\x1b(0lqk\x1b(B\x1b)0l\x0eq\x0fl");
    assert_int_equal(SCREEN_CHARACTER(cell(1, 0)), 0x250c);
    assert_int_equal(SCREEN_CHARACTER(cell(1, 1)), 0x2500);
    assert_int_equal(SCREEN_CHARACTER(cell(1, 2)), 0x2510);
    assert_int_equal(SCREEN_CHARACTER(cell(1, 3)), 'l');
    assert_int_equal(SCREEN_CHARACTER(cell(1, 4)), 0x2500);
    assert_int_equal(SCREEN_CHARACTER(cell(1, 5)), 'l');
}

static void what_is_not_understood_is_skipped(void **state)
{
    (void)state;
    type("\x1b]0;a title\x07one\x1b]2;t\x1b\\two\x1bPdcs\x1b\\\x1b[>4;2m\x1b[?2004h\x1b[1 q3\x1b[5\x18"
         "4");
    row_is(0, "onetwo34");
    type("\r\x1b[2\rJ"); /* a control character inside a sequence is done at once */
    row_is(0, "");
}

static void the_alternate_screen(void **state)
{
    (void)state;
    type("shell\r\n$ vi\x1b[?1049h");
    row_is(0, "");
    type("\x1b[Hediting\x1b[10;1H\n\n\n");
    assert_int_equal(tty.grid.history, 0);
    type("\x1b[?1049l");
    row_is(0, "shell");
    row_is(1, "$ vi");
    cursor_is(1, 4);
}

static void history(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        char text[16];
        snprintf(text, sizeof(text), "line%d\r\n", i);
        type(text);
    }
    row_is(0, "line51");
    assert_int_equal(tty.grid.history, HISTORY);
    teletype_scroll_back(&tty, 5);
    seen_is(0, "line46");
    type("more\r\n");
    seen_is(0, "line46"); /* the view stays while text comes */
    teletype_scroll_back(&tty, 1000);
    seen_is(0, "line22");
    teletype_scroll_back(&tty, -1000);
    seen_is(0, "line52");
    type("\x1b[3J");
    teletype_scroll_back(&tty, 1);
    assert_int_equal(tty.grid.back, 0);
}

static void answers(void **state)
{
    (void)state;
    type("\x1b[3;7H\x1b[6n");
    reply_is("\x1b[3;7R");
    type("\x1b[5n\x1b[c");
    reply_is("\x1b[0n\x1b[?62;22c");
    reply_is("");
}

static void log_lines_leave_the_process_alone(void **state)
{
    (void)state;
    type("\x1b[32mg\x1b[3");
    teletype_write_coloured(&tty, 0x0c, "log\nx", 5);
    type("1mr\xc3");
    teletype_write_coloured(&tty, 0x0e, "y", 1);
    type("\xa4");
    row_is(0, "glog");
    row_is(1, "xry#");
    colours_are(0, 0, 0x00aa00, 0);
    colours_are(0, 1, 0xff5555, 0);
    colours_are(1, 1, 0xaa0000, 0);
    colours_are(1, 2, 0xffff55, 0);
    assert_int_equal(SCREEN_CHARACTER(cell(1, 3)), 0xe4);
}

static void random_bytes_are_survived(void **state)
{
    static const char telling[] =
        "\x1b\x1b\x1b[[[[?0123456789;;:!ABCDEFGHIJKLMPSTXZ@`abdefghlmnrsu ()#78cDEHM\n\t\b\r\xe2\x94\x80";

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        char text[64];
        for (size_t k = 0; k < sizeof(text); k++)
            text[k] = rand() % 4 ? telling[(size_t)rand() % (sizeof(telling) - 1)] : (char)rand();
        teletype_write(&tty, text, sizeof(text));
        teletype_scroll_back(&tty, rand() % 7 - 3);
        assert_true(tty.grid.cursor_row < ROWS && tty.grid.cursor_column < COLUMNS);
        assert_true(tty.region_top < tty.region_end && tty.region_end <= ROWS);
        assert_true(tty.grid.back <= tty.grid.history && tty.grid.history <= tty.grid.lines - ROWS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_and_wrapping, setup),
        cmocka_unit_test_setup(moving, setup),
        cmocka_unit_test_setup(erasing, setup),
        cmocka_unit_test_setup(inserting_and_deleting, setup),
        cmocka_unit_test_setup(scrolling_regions, setup),
        cmocka_unit_test_setup(colours, setup),
        cmocka_unit_test_setup(characters, setup),
        cmocka_unit_test_setup(what_is_not_understood_is_skipped, setup),
        cmocka_unit_test_setup(the_alternate_screen, setup),
        cmocka_unit_test_setup(history, setup),
        cmocka_unit_test_setup(answers, setup),
        cmocka_unit_test_setup(log_lines_leave_the_process_alone, setup),
        cmocka_unit_test_setup(random_bytes_are_survived, setup),
    };

    srand(1);
    return cmocka_run_group_tests_name("device_teletype", tests, NULL, NULL);
}
