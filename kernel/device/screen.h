/* The framebuffer as a grid of CGA cells (character | attribute << 8; attribute = background << 4 | foreground), drawn with a packaged PSF
 * font. Cells live in RAM; only changed cells are drawn; the framebuffer is written, never read.
 *
 * Lock: screen.lock is not here: the console (a log sink) and the terminal serialise; a panic may draw at any time. Never sleeps. */
#ifndef KERNEL_DEVICE_SCREEN_H
#define KERNEL_DEVICE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "efi/boot_info.h"

#define SCREEN_COLUMNS_MAX 240
#define SCREEN_ROWS_MAX    135

/* Use the framebuffer mapped at `pixels`; the grid is as large as fits (glyphs doubled or tripled on dense panels). -ENODEV: none, -EINVAL: one
 * that cannot be used, with a log line that says why. Until then, and after a failure, everything here is a no-op. */
int screen_start(const struct boot_framebuffer *framebuffer, volatile void *pixels);
bool screen_present(void);
unsigned screen_columns(void);
unsigned screen_rows(void);

/* Set one cell; outside the grid: nothing. What changes here is only marked; pixels are sent by the two below. */
void screen_put(unsigned row, unsigned column, uint16_t cell);
uint16_t screen_cell(unsigned row, unsigned column);
void screen_scroll(unsigned lines, uint16_t blank);
void screen_cursor(unsigned row, unsigned column, bool visible);

/* Is there anything to send? */
bool screen_dirty(void);

/* Send a little of what changed, at most one row of cells; false when the framebuffer shows everything. */
bool screen_refresh(void);

/* Send all of it. */
void screen_update(void);

/* The usual colours of a cell's attribute: light grey on black. */
#define SCREEN_ATTRIBUTE 0x07

/* --- the teletype on top of the cells (teletype.c) --- */

/* Write text as a terminal would: \n (which also returns the carriage) \r \t \b, wrapping and scrolling; UTF-8 as far as code page 437 has the
 * character. Of the ECMA-48 sequences it knows colours (SGR), cursor movement (CUU CUD CUF CUB CHA CUP), erasing (ED, EL), save and restore,
 * and showing the cursor; others are skipped. Sends no pixels. */
void screen_write(const char *text, size_t size);

/* Write text in its own colour, leaving the colour and the half-read sequence of screen_write() as they are. */
void screen_write_coloured(uint8_t attribute, const char *text, size_t size);

#endif
