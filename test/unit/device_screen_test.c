/* The screen on framebuffers of every shape. The framebuffer is exactly as large as it says, so the sanitizer sees every pixel beyond; what is drawn is held against a renderer
 * with no code in common. */
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
static struct screen_grid grid, second;
static screen_cell_t cells[3 * SCREEN_ROWS_MAX * SCREEN_COLUMNS_MAX], second_cells[64];

/* In place of the kernel's log. */
void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static void show(void)
{
    screen_show(&(struct screen_pane){.grid = &grid}, 1);
    screen_update();
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
    if (error == 0) {
        grid = (struct screen_grid){
            .rows = screen_rows(), .columns = screen_columns(), .cells = cells, .lines = 3 * screen_rows()};
        for (size_t i = 0; i < (size_t)grid.lines * grid.columns; i++)
            cells[i] = SCREEN_CELL(' ', 0xaaaaaa, 0);
        show();
    }
    return error;
}

static int start_usual(uint32_t width, uint32_t height)
{
    return start(width, height, width * 4, 32, 0xff0000, 0xff00, 0xff);
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

static screen_cell_t cell_at(unsigned row, unsigned column)
{
    return row < grid.rows && column < grid.columns ? screen_row_seen(&grid, row)[column]
                                                    : SCREEN_CELL(' ', 0, 0);
}

/* Every pixel of the screen is what cells and font say. */
static void check_picture(void)
{
    static struct font_map map;
    struct font font;

    assert_int_equal(font_open(&font, font_file, (size_t)(font_file_end - font_file)), 0);
    font_map_make(&font, &map);
    uint32_t scale = 1;
    while (framebuffer.width / (8 * (scale + 1)) >= screen_columns() &&
           framebuffer.height / (16 * (scale + 1)) >= screen_rows())
        scale++;
    uint32_t left = (framebuffer.width - screen_columns() * 8 * scale) / 2;
    uint32_t top = (framebuffer.height - screen_rows() * 16 * scale) / 2;
    uint32_t masks[3] = {framebuffer.red_mask, framebuffer.green_mask, framebuffer.blue_mask};
    for (uint32_t y = 0; y < screen_rows() * 16 * scale; y++) {
        for (uint32_t x = 0; x < screen_columns() * 8 * scale; x++) {
            screen_cell_t cell = cell_at(y / scale / 16, x / scale / 8);
            unsigned glyph = font_map_glyph(&map, SCREEN_CHARACTER(cell));
            bool on = font_glyph(&font, glyph)[y / scale % 16] >> (7 - x / scale % 8) & 1;
            if (cell & SCREEN_UNDERLINED && y / scale % 16 == 14)
                on = true;
            uint32_t colour = on ? SCREEN_FOREGROUND(cell) : SCREEN_BACKGROUND(cell);
            uint32_t seen = pixel(left + x, top + y);
            for (unsigned i = 0; i < 3; i++)
                assert_true(close_to(brightness(seen, masks[i]), colour >> (16 - 8 * i) & 0xff, masks[i]));
        }
    }
}

static screen_cell_t random_cell(void)
{
    return SCREEN_CELL(' ' + rand() % 95, (unsigned)rand() & 0xffffff, (unsigned)rand() & 0xffffff) |
           (rand() % 4 == 0 ? SCREEN_UNDERLINED : 0);
}

static void draw_something(void)
{
    for (unsigned i = 0; i < 400; i++) {
        unsigned row = (unsigned)rand() % grid.rows;
        screen_row(&grid, row)[(unsigned)rand() % grid.columns] = random_cell();
        grid.dirty[row] = true;
    }
    screen_changed();
    assert_true(screen_dirty());
    screen_update();
    assert_false(screen_dirty());
    check_picture();
    /* A scroll: the ring turns. */
    grid.top = (grid.top + 1) % grid.lines;
    memset(grid.dirty, true, sizeof(grid.dirty));
    screen_changed();
    screen_update();
    check_picture();
    grid.back = 2;
    memset(grid.dirty, true, sizeof(grid.dirty));
    screen_changed();
    screen_update();
    check_picture();
    grid.back = 0;
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

static void the_cursor_is_drawn_and_taken_away(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    grid.cursor_visible = true;
    grid.dirty[0] = true;
    screen_changed();
    screen_update();
    assert_true(pixel(0, 0) != 0); /* the blank part of the cell is bright now */
    grid.cursor_row = 1;
    grid.dirty[0] = grid.dirty[1] = true;
    screen_changed();
    screen_update();
    assert_int_equal(pixel(0, 0), 0);
    assert_true(pixel(0, 16) != 0);
    grid.cursor_visible = false;
    grid.dirty[1] = true;
    screen_changed();
    screen_update();
    check_picture();
}

/* Nothing is written where nothing changed: a pixel that someone else painted stays. */
static void only_what_changed_is_sent(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    memset(pixels, 0x33, framebuffer.size);
    screen_row(&grid, 3)[5] = SCREEN_CELL('x', 0xffffff, 0);
    memset(grid.dirty, true, sizeof(grid.dirty));
    screen_changed();
    screen_update();
    unsigned touched = 0;
    for (uint32_t y = 0; y < 400; y++)
        for (uint32_t x = 0; x < 640; x++)
            touched += pixel(x, y) != 0x33333333;
    assert_int_equal(touched, 8 * 16);
}

/* Scroll by a line whose every cell differs from the one before it, as the terminals do: the ring turns. */
static void scroll_one(unsigned number)
{
    grid.top = (grid.top + 1) % grid.lines;
    for (unsigned column = 0; column < grid.columns; column++)
        screen_row(&grid, grid.rows - 1)[column] = SCREEN_CELL('!' + (number + column) % 90, 0xffffff, 0);
    memset(grid.dirty, true, sizeof(grid.dirty));
    screen_changed();
}

static void a_scroll_costs_one_write_of_the_screen_at_most(void **state)
{
    struct screen_statistics before, after;

    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    for (unsigned i = 0; i < 2 * grid.rows; i++)
        scroll_one(i);
    screen_update();
    for (unsigned lines = 1; lines < 1000; lines *= 10) {
        screen_statistics(&before);
        for (unsigned i = 0; i < lines; i++)
            scroll_one(100 + lines + i);
        screen_update();
        screen_statistics(&after);
        assert_int_equal(after.pictures - before.pictures, 1);
        assert_in_range(after.cells - before.cells, 1, grid.rows * grid.columns);
        assert_in_range(after.bytes - before.bytes, 1, 640 * 400 * 4);
        check_picture();
    }
    /* The same text again costs nothing. */
    memset(grid.dirty, true, sizeof(grid.dirty));
    screen_changed();
    screen_update();
    screen_statistics(&before);
    assert_int_equal(after.cells, before.cells);
}

/* Whatever is in the framebuffer makes no difference to what is drawn: it is not read. */
static void the_framebuffer_is_not_read(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    uint8_t *first = malloc(framebuffer.size);
    for (unsigned round = 0; round < 2; round++) {
        memset(pixels, round == 0 ? 0 : 0xa5, framebuffer.size);
        for (unsigned i = 0; i < grid.rows; i++)
            scroll_one(i + 1 + 20 * round);
        screen_update();
        for (unsigned i = 0; i < grid.rows; i++)
            scroll_one(i + 47);
        screen_update();
        if (round == 0)
            memcpy(first, pixels, framebuffer.size);
    }
    assert_memory_equal(first, pixels, framebuffer.size);
    free(first);
}

static void two_grids_side_by_side(void **state)
{
    (void)state;
    assert_int_equal(start_usual(640, 400), 0);
    for (unsigned i = 0; i < 64; i++)
        second_cells[i] = SCREEN_CELL(0x2588, 0x123456, 0);
    second = (struct screen_grid){.rows = 4, .columns = 8, .cells = second_cells, .lines = 8};
    grid.columns = 40;
    struct screen_pane panes[2] = {{.grid = &grid}, {.grid = &second, .row = 2, .column = 50}};
    screen_show(panes, 2);
    screen_update();
    assert_int_equal(pixel(50 * 8, 2 * 16), 0x123456);
    assert_int_equal(pixel(57 * 8 + 7, 5 * 16 + 15), 0x123456);
    assert_int_equal(pixel(58 * 8, 5 * 16), 0);
    assert_int_equal(pixel(50 * 8, 1 * 16), 0);
    show(); /* what the second covered is blank again */
    assert_int_equal(pixel(50 * 8, 2 * 16), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_on_all_framebuffers),
        cmocka_unit_test(grids_of_common_panels),
        cmocka_unit_test(unusable_framebuffers_are_refused),
        cmocka_unit_test(the_cursor_is_drawn_and_taken_away),
        cmocka_unit_test(only_what_changed_is_sent),
        cmocka_unit_test(a_scroll_costs_one_write_of_the_screen_at_most),
        cmocka_unit_test(the_framebuffer_is_not_read),
        cmocka_unit_test(two_grids_side_by_side),
    };

    srand(1);
    return cmocka_run_group_tests_name("device_screen", tests, NULL, NULL);
}
