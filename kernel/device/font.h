/* A console font in one of Linux's two PSF formats, checked before use (kbd: psf(5)). Pure: the bytes are the caller's and must stay. */
#ifndef KERNEL_DEVICE_FONT_H
#define KERNEL_DEVICE_FONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

#define FONT_WIDTH_MAX  32
#define FONT_HEIGHT_MAX 64
#define FONT_GLYPHS_MAX 4096
#define FONT_NO_GLYPH   UINT32_MAX

struct font {
    const uint8_t *glyphs;
    unsigned count;
    unsigned width, height; /* pixels */
    unsigned row_bytes;     /* most significant bit is the leftmost pixel */
    const uint8_t *table;   /* the characters of each glyph in turn; NULL: glyph n is character n */
    size_t table_size;
    bool utf8; /* how `table` is written: PSF2 in UTF-8, PSF1 in 16-bit words */
};

/* The packaged font that is linked into the kernel. */
extern const uint8_t font_file[], font_file_end[];

/* Check `size` bytes of a PSF file. 0, or -EINVAL. */
int must_check font_open(struct font *font, const void *bytes, size_t size);

/* The glyph's rows: height * row_bytes bytes. `glyph` < count. */
const uint8_t *font_glyph(const struct font *font, unsigned glyph);

/* Which glyph shows each character, found in a few steps instead of a walk through the font's table. */
#define FONT_MAP_SIZE 4096 /* a power of two; characters beyond three quarters of it are left out */

struct font_map {
    unsigned count;
    uint16_t character[FONT_MAP_SIZE]; /* 0: a free place */
    uint16_t glyph[FONT_MAP_SIZE];
};

/* Read the font's table once. Characters above U+FFFF are left out: no console font has any. */
void font_map_make(const struct font *font, struct font_map *map);

/* The glyph of a character, or FONT_NO_GLYPH. */
uint32_t font_map_find(const struct font_map *map, uint32_t character);

/* For each cell byte the glyph that shows its character of code page 437, or the nearest there is. */
void font_map_cells(const struct font_map *map, uint16_t glyph_of[256]);

#endif
