/* Code page 437: what the cells of a PC's text screen stand for. Pure. */
#ifndef KERNEL_DEVICE_CP437_H
#define KERNEL_DEVICE_CP437_H

#include <stdint.h>

/* The character that each byte shows; 0 and 32 are blank. */
extern const uint16_t cp437_unicode[256];

/* The byte that shows a Unicode character, -1 when none does. */
int cp437_cell(uint32_t character);

#endif
