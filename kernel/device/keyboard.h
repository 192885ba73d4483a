/* The keyboard: keys by position become bytes by layout, and chords become commands.
 *
 * Keys are named by the PC/AT's set 1 codes, which every PC keyboard controller translates to; drivers of other keyboards (USB) translate to them and call
 * keyboard_key(). Layouts: us, uk, de. Bytes are UTF-8, and what xterm sends for the keys without a character. Any context: nothing here sleeps; callers serialise. */
#ifndef KERNEL_DEVICE_KEYBOARD_H
#define KERNEL_DEVICE_KEYBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys after the prefix 0xe0 have this added. */
#define KEY_EXTENDED 0x80

struct keyboard_operations {
    /* Bytes were typed. */
    void (*typed)(const uint8_t *bytes, size_t size);
    /* Alt-F1 ... : number 0 and up. */
    void (*terminal)(unsigned number);
    /* Shift-PgUp (+1), Shift-PgDn (-1). */
    void (*scroll)(int half_screens);
    /* Alt-SysRq and a letter or digit. */
    void (*magic)(char letter);
    /* Ctrl-Alt-Del. */
    void (*restart)(void);
    /* Do arrow keys send ESC O now? */
    bool (*application_keys)(void);
    /* Scroll, Num and Caps Lock in bits 0 to 2, as the keyboard's lights take them. NULL: it has none. */
    void (*lights)(uint8_t lights);
};

/* Choose the layout by name; false: there is none of that name (us stays). */
bool keyboard_layout(const char *name);

/* Once, before keys come. All functions but `lights` are there. */
void keyboard_start(const struct keyboard_operations *operations);

/* A key went down (repeats too) or up. */
void keyboard_key(uint8_t key, bool pressed);

#endif
