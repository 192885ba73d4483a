/* Layouts: what the keys of a typewriter's field mean. Pure tables. */
#ifndef KERNEL_DEVICE_KEYMAP_H
#define KERNEL_DEVICE_KEYMAP_H

#include <stdint.h>

#define KEYMAP_KEYS 0x59 /* set 1 codes below this may have a character */

/* Dead keys wait for a letter: marked in the tables by this bit on their accent. */
#define KEYMAP_DEAD 0x8000

struct keymap {
    const char *name;
    /* Characters by code: plain, with Shift, with AltGr; 0: none. */
    const uint16_t *plain, *shift, *alternate;
};

extern const struct keymap keymaps[];
extern const unsigned keymap_count;

/* The letter with the accent; 0: there is no such letter. */
uint16_t keymap_compose(uint16_t accent, uint16_t letter);

#endif
