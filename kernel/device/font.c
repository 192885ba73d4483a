#include "kernel/device/font.h"

#include <asm/errno.h>

#include "kernel/device/cp437.h"
#include "kernel/lib/string.h"

/* PSF1: magic, mode, bytes per glyph, glyphs of 8 pixels' width. */
enum { PSF1_MAGIC_0 = 0x36, PSF1_MAGIC_1 = 0x04, PSF1_MODE = 2, PSF1_HEIGHT = 3, PSF1_HEADER_SIZE = 4 };
enum { PSF1_MODE_512 = 1 << 0, PSF1_MODE_TABLE = 1 << 1, PSF1_MODE_SEQUENCES = 1 << 2 };
#define PSF1_END      0xffff /* of a glyph's characters */
#define PSF1_SEQUENCE 0xfffe /* combined characters follow, until the end */

/* PSF2: eight little-endian words. */
enum {
    PSF2_HEADER_SIZE = 8,
    PSF2_FLAGS = 12,
    PSF2_COUNT = 16,
    PSF2_GLYPH_SIZE = 20,
    PSF2_HEIGHT = 24,
    PSF2_WIDTH = 28,
    PSF2_FIXED_SIZE = 32,
};
#define PSF2_MAGIC     "\x72\xb5\x4a\x86"
#define PSF2_HAS_TABLE 1u
#define PSF2_END       0xff
#define PSF2_SEQUENCE  0xfe

#define BITS_PER_BYTE  8
#define NO_CHARACTER   UINT32_MAX

static uint32_t load32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

/* The fields are set but for the glyphs' place: is everything within the file? */
static int font_place(struct font *font, const uint8_t *bytes, size_t size, size_t offset, bool has_table)
{
    if (font->width == 0 || font->width > FONT_WIDTH_MAX || font->height == 0 ||
        font->height > FONT_HEIGHT_MAX || font->count == 0 || font->count > FONT_GLYPHS_MAX)
        return -EINVAL;
    size_t glyph_bytes = (size_t)font->count * font->height * font->row_bytes;
    if (offset > size || glyph_bytes > size - offset)
        return -EINVAL;
    font->glyphs = bytes + offset;
    if (has_table) {
        font->table = font->glyphs + glyph_bytes;
        font->table_size = size - offset - glyph_bytes;
    }
    return 0;
}

static int psf1_open(struct font *font, const uint8_t *bytes, size_t size)
{
    uint8_t mode = bytes[PSF1_MODE];

    *font = (struct font){
        .count = mode & PSF1_MODE_512 ? 512 : 256,
        .width = BITS_PER_BYTE,
        .height = bytes[PSF1_HEIGHT],
        .row_bytes = 1,
    };
    return font_place(font, bytes, size, PSF1_HEADER_SIZE,
                      (mode & (PSF1_MODE_TABLE | PSF1_MODE_SEQUENCES)) != 0);
}

static int psf2_open(struct font *font, const uint8_t *bytes, size_t size)
{
    uint32_t width = load32(bytes + PSF2_WIDTH), height = load32(bytes + PSF2_HEIGHT);

    if (width > FONT_WIDTH_MAX || height > FONT_HEIGHT_MAX)
        return -EINVAL;
    *font = (struct font){
        .count = load32(bytes + PSF2_COUNT),
        .width = width,
        .height = height,
        .row_bytes = (width + BITS_PER_BYTE - 1) / BITS_PER_BYTE,
        .utf8 = true,
    };
    if (load32(bytes + PSF2_GLYPH_SIZE) != font->height * font->row_bytes)
        return -EINVAL;
    return font_place(font, bytes, size, load32(bytes + PSF2_HEADER_SIZE),
                      (load32(bytes + PSF2_FLAGS) & PSF2_HAS_TABLE) != 0);
}

int font_open(struct font *font, const void *file, size_t size)
{
    const uint8_t *bytes = file;

    if (size >= PSF2_FIXED_SIZE && memcmp(bytes, PSF2_MAGIC, sizeof(PSF2_MAGIC) - 1) == 0)
        return psf2_open(font, bytes, size);
    if (size >= PSF1_HEADER_SIZE && bytes[0] == PSF1_MAGIC_0 && bytes[1] == PSF1_MAGIC_1)
        return psf1_open(font, bytes, size);
    return -EINVAL;
}

const uint8_t *font_glyph(const struct font *font, unsigned glyph)
{
    return font->glyphs + (size_t)glyph * font->height * font->row_bytes;
}

/* --- the table of characters --- */

/* Where a walk through the table stands: which glyph's characters, and whether its combined ones have begun. */
struct walk {
    size_t at;
    unsigned glyph;
    bool sequences;
};

/* Step over the mark at the walk's place. */
static void walk_mark(struct walk *walk, bool end, size_t size)
{
    walk->at += size;
    walk->sequences = !end;
    if (end)
        walk->glyph++;
}

/* One UTF-8 character at `at`, its length in *size; NO_CHARACTER with length 1 for what is none. */
static uint32_t utf8_read(const uint8_t *at, size_t left, size_t *size)
{
    uint8_t lead = at[0];
    size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : (lead & 0xf0) == 0xe0 ? 3 : 0;
    uint32_t character = length == 1 ? lead : length == 2 ? lead & 0x1f : lead & 0x0f;

    *size = 1;
    if (length == 0 || length > left)
        return NO_CHARACTER;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return NO_CHARACTER;
        character = character << 6 | (at[i] & 0x3f);
    }
    *size = length;
    return character;
}

/* The next single character of the table, and in walk->glyph whose it is; NO_CHARACTER at the end. */
static uint32_t walk_next(const struct font *font, struct walk *walk)
{
    size_t unit = font->utf8 ? 1 : 2;

    while (walk->at + unit <= font->table_size && walk->glyph < font->count) {
        const uint8_t *at = font->table + walk->at;
        uint32_t value = font->utf8 ? at[0] : at[0] | (uint32_t)at[1] << 8;
        bool end = value == (font->utf8 ? PSF2_END : PSF1_END);
        if (end || value == (font->utf8 ? PSF2_SEQUENCE : PSF1_SEQUENCE)) {
            walk_mark(walk, end, unit);
            continue;
        }
        size_t size = unit;
        if (font->utf8)
            value = utf8_read(at, font->table_size - walk->at, &size);
        walk->at += size;
        if (!walk->sequences && value != NO_CHARACTER)
            return value;
    }
    return NO_CHARACTER;
}

/* Knuth's multiplicative hash: the golden ratio's bits spread neighbouring characters over the whole map. */
static unsigned map_place(uint32_t character)
{
    return (character * 2654435769u) >> (32 - __builtin_ctz(FONT_MAP_SIZE));
}

static void map_add(struct font_map *map, uint32_t character, unsigned glyph)
{
    unsigned place = map_place(character);

    if (character == 0 || character > UINT16_MAX || map->count >= FONT_MAP_SIZE / 4 * 3)
        return;
    while (map->character[place] != 0) {
        if (map->character[place] == character)
            return; /* the first glyph counts */
        place = (place + 1) % FONT_MAP_SIZE;
    }
    map->character[place] = (uint16_t)character;
    map->glyph[place] = (uint16_t)glyph;
    map->count++;
}

void font_map_make(const struct font *font, struct font_map *map)
{
    struct walk walk = {0};
    uint32_t character;

    memset(map, 0, sizeof(*map));
    if (font->table == NULL) {
        for (unsigned glyph = 1; glyph < font->count; glyph++)
            map_add(map, glyph, glyph);
        return;
    }
    while ((character = walk_next(font, &walk)) != NO_CHARACTER)
        map_add(map, character, walk.glyph);
}

uint32_t font_map_find(const struct font_map *map, uint32_t character)
{
    if (character == 0 || character > UINT16_MAX)
        return FONT_NO_GLYPH;
    for (unsigned place = map_place(character); map->character[place] != 0;
         place = (place + 1) % FONT_MAP_SIZE) {
        if (map->character[place] == character)
            return map->glyph[place];
    }
    return FONT_NO_GLYPH;
}

/* What stands in for characters that a font of Latin and line drawing may lack. */
static const struct {
    uint16_t wanted;
    char instead;
} stand_ins[] = {
    {0x25ba, '>'}, {0x25c4, '<'}, {0x25b2, '^'}, {0x25bc, 'v'}, {0x00e5, 'a'}, {0x00ec, 'i'},
    {0x00c5, 'A'}, {0x00f2, 'o'}, {0x2022, '*'}, {0x25cb, 'o'}, {0x2192, '>'}, {0x2190, '<'},
};

static uint32_t stand_in(const struct font_map *map, uint16_t character)
{
    for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++) {
        if (stand_ins[i].wanted == character)
            return font_map_find(map, (uint8_t)stand_ins[i].instead);
    }
    return FONT_NO_GLYPH;
}

void font_map_cells(const struct font_map *map, uint16_t glyph_of[256])
{
    uint32_t unknown = font_map_find(map, '?');

    for (unsigned cell = 0; cell < 256; cell++) {
        uint32_t glyph = font_map_find(map, cp437_unicode[cell]);
        if (glyph == FONT_NO_GLYPH)
            glyph = stand_in(map, cp437_unicode[cell]);
        if (glyph == FONT_NO_GLYPH)
            glyph = unknown;
        glyph_of[cell] = glyph == FONT_NO_GLYPH ? 0 : (uint16_t)glyph;
    }
}
