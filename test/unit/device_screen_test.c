/* The grid of cells on framebuffers of every shape, and the teletype on top of it. The framebuffer is exactly as large as it says, so the
 * sanitizer sees every pixel beyond; what is drawn is held against a renderer with no code in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/debug/log.h"
#include "kernel/device/font.h"
#include "kernel/device/screen.h"

static struct boot_framebuffer framebuffer;
static uint8_t *pixels;

/* In place of the kernel's log. */
void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static int start(uint32_t width, uint32_t height, uint32_t pitch, uint32_t bits, uint32_t red, uint32_t green,
                 uint32_t blue)
{
    free(pixels);
    framebuffer = (struct boot_framebuffer){.size = (uint64_t)pitch * (height - 1) + width * (bits / 8),
                                            .width = width,
                                            .height = height,
                                            .pitch = pitch,
                                            .kind = BOOT_FRAMEBUFFER_RGB,
                                            .red_mask = red,
                                            .green_mask = green,
                                            .blue_mask = blue,
                                            .bits_per_pixel = bits};
    pixels = malloc(framebuffer.size);
    memset(pixels, 0x5a, framebuffer.size);
    int error = screen_start(&framebuffer, pixels);
    if (error == 0)
        screen_write("\x1b[?25l\x1b"
                     "c",
                     8); /* no cursor, everything blank, top left */
    return error;
}

static int start_usual(uint32_t width, uint32_t height)
{
    return start(width, height, width * 4, 32, 0xff0000, 0xff00, 0xff);
}

static void type(const char *text)
{
    screen_write(text, strlen(text));
    screen_update();
}

/* The line `row` without blanks at its end. */
static const char *line(unsigned row)
{
    static char text[SCREEN_COLUMNS_MAX + 1];
    size_t length = 0;

    for (unsigned column = 0; column < screen_columns(); column++) {
        text[column] = (char)screen_cell(row, column);
        if (text[column] != ' ')
            length = column + 1;
    }
    text[length] = '\0';
    return text;
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
    uint32_t value = 0;
    uint32_t size = framebuffer.bits_per_pixel / 8;

    memcpy(&value, pixels + (size_t)y * framebuffer.pitch + (size_t)x * size, size);
    return value;
}

/* What share of full brightness a pixel has in one colour, in 1/255, rounded. */
static uint32_t brightness(uint32_t value, uint32_t mask)
{
    uint64_t part = value & mask;

    return (uint32_t)((part * 255 + mask / 2) / mask);
}

static bool close_to(uint32_t seen, uint32_t wanted, uint32_t mask)
{
    uint32_t steps = (uint32_t)__builtin_popcount(mask);
    uint32_t tolerance = steps >= 8 ? 0 : 255 / ((1u << steps) - 1) / 2 + 1;

    return seen + tolerance >= wanted && seen <= wanted + tolerance;
}

/* Every pixel of the grid is what cells and font say. */
static void check_picture(void)
{
    static const uint32_t levels[] = {0x00, 0x55, 0xaa, 0xff};
    uint16_t glyph_of[256];
    static struct font_map font_map;
    struct font font;

    assert_int_equal(font_open(&font, font_file, (size_t)(font_file_end - font_file)), 0);
    font_map_make(&font, &font_map);
    font_map_cells(&font_map, glyph_of);
    uint32_t scale = 1;
    while (framebuffer.width / (8 * (scale + 1)) >= screen_columns() &&
           framebuffer.height / (16 * (scale + 1)) >= screen_rows())
        scale++;
    uint32_t left = (framebuffer.width - screen_columns() * 8 * scale) / 2;
    uint32_t top = (framebuffer.height - screen_rows() * 16 * scale) / 2;
    for (uint32_t y = 0; y < screen_rows() * 16 * scale; y++) {
        for (uint32_t x = 0; x < screen_columns() * 8 * scale; x++) {
            uint16_t cell = screen_cell(y / scale / 16, x / scale / 8);
            bool on = font_glyph(&font, glyph_of[cell & 0xff])[y / scale % 16] >> (7 - x / scale % 8) & 1;
            unsigned colour = on ? cell >> 8 & 15 : cell >> 12;
            unsigned bright = colour >> 3;
            unsigned green = (colour >> 1 & 1) * 2 + bright;
            if (colour == 6) /* brown, not dark yellow */
                green = 1;
            uint32_t seen = pixel(left + x, top + y);
            assert_true(close_to(brightness(seen, framebuffer.red_mask),
                                 levels[(colour >> 2 & 1) * 2 + bright], framebuffer.red_mask));
            assert_true(
                close_to(brightness(seen, framebuffer.green_mask), levels[green], framebuffer.green_mask));
            assert_true(close_to(brightness(seen, framebuffer.blue_mask), levels[(colour & 1) * 2 + bright],
                                 framebuffer.blue_mask));
        }
    }
}

static void draw_something(void)
{
    for (unsigned i = 0; i < 400; i++)
        screen_put((unsigned)rand() % screen_rows(), (unsigned)rand() % screen_columns(), (uint16_t)rand());
    screen_update();
    check_picture();
    screen_scroll(1, 0x1720);
    screen_put(0, 0, 0x4e41);
    screen_update();
    check_picture();
    screen_scroll(1000, 0x2020);
    screen_update();
    check_picture();
}

static void pictures_on_all_framebuffers(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    assert_int_equal(screen_columns(), 80);
    assert_int_equal(screen_rows(), 25);
    draw_something();
    assert_int_equal(start(643, 407, 643 * 4 + 20, 32, 0xff, 0xff00, 0xff0000),
                     0); /* padded rows, BGR, rests */
    draw_something();
    assert_int_equal(start(400, 300, 400 * 3 + 1, 24, 0xff0000, 0xff00, 0xff), 0);
    draw_something();
    assert_int_equal(start(400, 300, 800, 16, 0xf800, 0x07e0, 0x001f), 0);
    draw_something();
    assert_int_equal(start(400, 300, 1600, 32, 0x3ff00000, 0xffc00, 0x3ff), 0); /* ten bits each */
    draw_something();
    assert_int_equal(start_usual(1608, 1160), 0); /* doubled glyphs */
    assert_int_equal(screen_columns(), 100);
    assert_int_equal(screen_rows(), 36);
    draw_something();
}

static void grids_of_common_panels(void **state)
{
    static const struct {
        uint32_t width, height, columns, rows;
    } panels[] = {{640, 480, 80, 30},    {800, 600, 100, 37},   {1024, 768, 128, 48},  {1280, 800, 160, 50},
                  {1366, 768, 170, 48},  {1920, 1080, 240, 67}, {2560, 1440, 160, 45}, {3840, 2160, 160, 45},
                  {5120, 2880, 128, 36}, {7680, 4320, 137, 38}, {8, 16, 1, 1},         {8192, 16, 240, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(panels) / sizeof(panels[0]); i++) {
        assert_int_equal(start_usual(panels[i].width, panels[i].height), 0);
        assert_int_equal(screen_columns(), panels[i].columns);
        assert_int_equal(screen_rows(), panels[i].rows);
    }
}

static void unusable_framebuffers_are_refused(void **state)
{
    struct boot_framebuffer good, bad;

    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    good = framebuffer;
    bad = good, bad.kind = BOOT_FRAMEBUFFER_NONE;
    assert_int_equal(screen_start(&bad, pixels), -ENODEV);
    assert_int_equal(screen_start(&good, NULL), -ENODEV);
    bad = good, bad.size--;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.pitch = 640 * 4 - 1;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.bits_per_pixel = 8;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.green_mask = 0;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.red_mask = 0xf0f000;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.width = 0;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.height = 0;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.width = 7;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
    bad = good, bad.width = bad.height = bad.pitch = UINT32_MAX;
    assert_int_equal(screen_start(&bad, pixels), -EINVAL);
}

static void text_wraps_and_scrolls(void **state)
{
    (void)state;
    assert_int_equal(start_usual(80, 64), 0); /* 10 x 4 */
    type("0123456789");
    assert_string_equal(line(0), "0123456789");
    type("\nnext\rN\bM\n");
    assert_string_equal(line(1), "Mext"); /* a full line and a newline are one newline */
    type("abcdefghijKLM");
    assert_string_equal(line(2), "abcdefghij");
    assert_string_equal(line(3), "KLM");
    type("\nlast\ta");
    assert_string_equal(line(0), "Mext");
    assert_string_equal(line(3), "last    a");
    check_picture();
}

static void escape_sequences(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    type("\x1b[31mr\x1b[1mR\x1b[0;42;93mb\x1b[7mv\x1b[mn\x1b[38;5;12mx\x1b[38;2;1;2;3my");
    assert_string_equal(line(0), "rRbvnxy");
    assert_int_equal(screen_cell(0, 0), 0x0472);
    assert_int_equal(screen_cell(0, 1), 0x0c52);
    assert_int_equal(screen_cell(0, 2), 0x2e62);
    assert_int_equal(screen_cell(0, 3), 0xe276);
    assert_int_equal(screen_cell(0, 4), 0x076e);
    assert_int_equal(screen_cell(0, 5), 0x0978);
    assert_int_equal(screen_cell(0, 6), 0x0979);
    type("\x1b[0m\x1b[3;5Hhere\x1b[2Aup\x1b[B\x1b[3Ddown\x1b[99;99Hz");
    assert_string_equal(line(2), "    here");
    assert_string_equal(line(0), "rRbvnxy up");
    assert_string_equal(line(1), "       down");
    assert_int_equal(screen_cell(24, 79), 0x077a);
    type("\x1b[3;6H\x1b[K\x1b[1;3H\x1b[1K\x1b[2;1H\x1b[s\x1b[10;10H\x1b[uU");
    assert_string_equal(line(2), "    h");
    assert_string_equal(line(0), "   vnxy up");
    assert_string_equal(line(1), "U      down");
    type("\x1b[2;3H\x1b[J");
    assert_string_equal(line(1), "U");
    assert_string_equal(line(2), "");
    assert_int_equal(screen_cell(24, 79) & 0xff, ' ');
    type("\x1b[2J\x1b[H\x1b]0;a title\x07one\x1b]2;t\x1b\\two\x1b(B\x1b[?1049hthree\x1b[5n\x1b=4");
    assert_string_equal(line(0), "onetwothree4");
    check_picture();
}

static void too_many_parameters(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    type("\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;31mr\x1b[;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;mn\x1b["
         "99999999999999Cend");
    assert_int_equal(screen_cell(0, 0), 0x0c72);
    assert_int_equal(screen_cell(0, 1), 0x076e);
    assert_int_equal(screen_cell(0, 79) & 0xff, 'e');
}

static void utf8_becomes_cells(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    type("\u00e4\u2588\u03b1\u20ac|\xe2\x82|\xff\x80|\xc0\xaf|\xe0\x80\xaf");
    assert_string_equal(line(0), "\x84\xdb\xe0?|?|??|??|?");
}

static void log_colours_leave_the_process_alone(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    type("\x1b[32mg\x1b[3");
    screen_write_coloured(0x0c, "log", 3);
    type("1mr\xc3");
    screen_write_coloured(0x0e, "log", 3);
    type("\xa4");
    assert_string_equal(line(0), "glogrlog\x84");
    assert_int_equal(screen_cell(0, 0) >> 8, 0x02);
    assert_int_equal(screen_cell(0, 1) >> 8, 0x0c);
    assert_int_equal(screen_cell(0, 4) >> 8, 0x04);
    assert_int_equal(screen_cell(0, 8) >> 8, 0x04);
}

static void cursor_is_drawn_and_taken_away(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    type("\x1b[?25hA\b");
    assert_true(pixel(0, 0) != 0); /* the blank part of the cell is bright now */
    type("\n");
    assert_int_equal(pixel(0, 0), 0);
    assert_true(pixel(0, 16) != 0);
    type("\x1b[?25l");
    assert_int_equal(pixel(0, 16), 0);
    check_picture();
}

static void random_bytes_are_survived(void **state)
{
    static const char telling[] = "\x1b\x1b[[0123456789;;?ABCDGHJKmsuhl \n\t\b\r\xe2\x94\x80";

    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        assert_int_equal(start_usual(8 + (uint32_t)rand() % 400, 16 + (uint32_t)rand() % 200), 0);
        for (unsigned i = 0; i < 200; i++) {
            char text[64];
            for (size_t k = 0; k < sizeof(text); k++)
                text[k] = rand() % 3 ? telling[(size_t)rand() % (sizeof(telling) - 1)] : (char)rand();
            screen_write(text, sizeof(text));
        }
        type("\x1b[?25l\x1b\\");
        check_picture();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_on_all_framebuffers),
        cmocka_unit_test(grids_of_common_panels),
        cmocka_unit_test(unusable_framebuffers_are_refused),
        cmocka_unit_test(text_wraps_and_scrolls),
        cmocka_unit_test(escape_sequences),
        cmocka_unit_test(too_many_parameters),
        cmocka_unit_test(utf8_becomes_cells),
        cmocka_unit_test(log_colours_leave_the_process_alone),
        cmocka_unit_test(cursor_is_drawn_and_taken_away),
        cmocka_unit_test(random_bytes_are_survived),
    };

    srand(1);
    return cmocka_run_group_tests_name("device_screen", tests, NULL, NULL);
}
