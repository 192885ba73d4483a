/* The packaged font, both PSF formats made by hand, and broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/device/font.h"

static struct font font;
static struct font_map font_map;

static unsigned glyph(uint32_t character)
{
    return font_map_glyph(&font_map, character);
}

/* Latin-1, the lines and blocks of code page 437, Greek: each has a glyph of its own but where a stand-in is agreed upon. */
static void packaged_font_covers_what_it_should(void **state)
{
    static const uint16_t must_differ[] = {'A',    'B',    'C',    'a',    'b',    'c',    '0',    '1',
                                           '9',    '!',    '?',    '+',    '-',    '*',    '/',    ' ',
                                           0x2502, 0x2500, 0x250c, 0x2510, 0x2514, 0x2518, 0x251c, 0x2588,
                                           0x2591, 0x2592, 0xe4,   0xdf,   0x3b1};

    (void)state;
    assert_int_equal(font_open(&font, font_file, (size_t)(font_file_end - font_file)), 0);
    assert_int_equal(font.width, 8);
    assert_int_equal(font.height, 16);
    font_map_make(&font, &font_map);
    for (uint32_t character = ' '; character < 0x100; character++)
        if (character < 0x7f || character > 0xa0)
            assert_true(character == '?' || glyph(character) != glyph('?') || character == 0xad);
    for (size_t i = 0; i < sizeof(must_differ) / sizeof(must_differ[0]); i++)
        for (size_t j = i + 1; j < sizeof(must_differ) / sizeof(must_differ[0]); j++)
            assert_int_not_equal(glyph(must_differ[i]), glyph(must_differ[j]));
    assert_int_equal(glyph(0x4e2d), glyph('?'));
    assert_int_equal(glyph(0x10400), glyph('?'));
    const uint8_t *block = font_glyph(&font, glyph(0x2588)), *blank = font_glyph(&font, glyph(' '));
    for (unsigned row = 0; row < 16; row++) {
        assert_int_equal(block[row], 0xff);
        assert_int_equal(blank[row], 0);
    }
}

/* 'A' is glyph 3; glyph 2 has A only inside a sequence. */
static size_t psf1_make(uint8_t *file)
{
    static const uint16_t table[] = {0xffff, 0xffff, 'B', 0xfffe, 'A', 0x301, 0xffff, 'C', 'A', 0xffff};

    memcpy(file, (uint8_t[]){0x36, 0x04, 0x02, 4}, 4);
    memset(file + 4, 0x18, 256 * 4);
    memcpy(file + 4 + 256 * 4, table, sizeof(table));
    return 4 + 256 * 4 + sizeof(table);
}

static size_t psf2_make(uint8_t *file)
{
    static const uint32_t header[] = {0x864ab572, 0, 32, 1, 3, 10, 5, 12};
    static const char table[] = "B\xfe"
                                "A\xcc\x81\xff"
                                "\xe2\x94\x80"
                                "A\xff\xc3";

    memcpy(file, header, sizeof(header));
    memset(file + 32, 0x18, 3 * 10);
    memcpy(file + 62, table, sizeof(table) - 1);
    return 62 + sizeof(table) - 1;
}

static void both_formats_are_understood(void **state)
{
    uint8_t file[2048];

    (void)state;
    assert_int_equal(font_open(&font, file, psf1_make(file)), 0);
    font_map_make(&font, &font_map);
    assert_int_equal(font.count, 256);
    assert_int_equal(glyph('A'), 3);
    assert_int_equal(glyph('B'), 2);

    assert_int_equal(font_open(&font, file, psf2_make(file)), 0);
    font_map_make(&font, &font_map);
    assert_int_equal(font.count, 3);
    assert_int_equal(font.width, 12);
    assert_int_equal(font.row_bytes, 2);
    assert_ptr_equal(font_glyph(&font, 2), file + 32 + 20);
    assert_int_equal(glyph('A'), 1);
    assert_int_equal(glyph('B'), 0);
    assert_int_equal(glyph(0x2500), 1);

    file[12] = 0; /* no table: glyph n is character n, and none beyond */
    assert_int_equal(font_open(&font, file, 62), 0);
    font_map_make(&font, &font_map);
    assert_int_equal(glyph('A'), 0);
}

/* A copy of exactly `size` bytes; whatever is accepted must be safe to use. */
static void try_file(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    unsigned sum = 0;

    memcpy(copy, bytes, size);
    if (font_open(&font, copy, size) == 0) {
        font_map_make(&font, &font_map);
        for (unsigned cell = 0; cell < 256; cell++) {
            assert_true(glyph(cell) < font.count);
            for (unsigned i = 0; i < font.height * font.row_bytes; i++)
                sum += font_glyph(&font, glyph(cell))[i];
        }
    }
    free(copy);
    assert_true(sum < UINT32_MAX);
}

static void broken_files_are_refused_or_safe(void **state)
{
    uint8_t psf1[2048], psf2[2048], copy[2048];
    size_t size1 = psf1_make(psf1), size2 = psf2_make(psf2);

    (void)state;
    for (size_t size = 0; size < size1; size++)
        try_file(psf1, size);
    for (size_t size = 0; size < size2; size++)
        try_file(psf2, size);
    for (unsigned round = 0; round < 5000; round++) {
        bool first = rand() % 2;
        memcpy(copy, first ? psf1 : psf2, sizeof(copy));
        for (unsigned i = 0; i < 2; i++)
            copy[(size_t)rand() % (rand() % 2 ? 36 : first ? size1 : size2)] = (uint8_t)rand();
        try_file(copy, first ? size1 : size2);
    }
    assert_int_equal(font_open(&font, "PSF", 3), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packaged_font_covers_what_it_should),
        cmocka_unit_test(both_formats_are_understood),
        cmocka_unit_test(broken_files_are_refused_or_safe),
    };

    srand(1);
    return cmocka_run_group_tests_name("device_font", tests, NULL, NULL);
}
