/* Keys to bytes: layouts, modifiers, locks, dead keys, chords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "kernel/device/keyboard.h"

enum {
    CONTROL = 0x1d,
    SHIFT = 0x2a,
    ALT = 0x38,
    ALT_GR = 0xb8,
    CAPS = 0x3a,
    UP = 0xc8,
    DELETE = 0xd3,
    PAGE_UP = 0xc9
};

static char typed_text[64];
static size_t typed_size;
static unsigned terminal_chosen, restarts;
static int scrolled;
static char magic_letter;
static uint8_t lights;
static bool application;

static void typed(const uint8_t *bytes, size_t size)
{
    memcpy(typed_text + typed_size, bytes, size);
    typed_size += size;
}

static void terminal(unsigned number)
{
    terminal_chosen = number;
}

static void scroll(int half_screens)
{
    scrolled += half_screens;
}

static void magic(char letter)
{
    magic_letter = letter;
}

static void restart(void)
{
    restarts++;
}

static bool application_keys(void)
{
    return application;
}

static void lights_set(uint8_t now)
{
    lights = now;
}

static void press(uint8_t key)
{
    keyboard_key(key, true);
    keyboard_key(key, false);
}

static void chord(uint8_t modifier, uint8_t key)
{
    keyboard_key(modifier, true);
    press(key);
    keyboard_key(modifier, false);
}

static void typed_is(const char *wanted)
{
    typed_text[typed_size] = '\0';
    assert_string_equal(typed_text, wanted);
    typed_size = 0;
}

static void letters_and_modifiers(void **state)
{
    (void)state;
    assert_true(keyboard_layout("us"));
    press(0x1e);
    chord(SHIFT, 0x1e);
    chord(SHIFT, 0x03);
    chord(CONTROL, 0x2e);
    chord(ALT, 0x1e);
    press(0x1c);
    press(0x0e);
    typed_is("aA@\x03\x1b"
             "a\r\x7f");
    press(CAPS);
    assert_int_equal(lights & 4, 4);
    press(0x1e);
    chord(SHIFT, 0x1e);
    press(0x03);
    press(CAPS);
    typed_is("Aa2");
}

static void layouts(void **state)
{
    (void)state;
    assert_true(keyboard_layout("de"));
    press(0x2c);
    press(0x15);
    press(0x1a);
    chord(ALT_GR, 0x10);
    chord(ALT_GR, 0x12);
    chord(SHIFT, 0x0c);
    typed_is("yz\u00fc@\u20ac?");
    press(0x0d); /* dead acute */
    press(0x12);
    press(0x29); /* dead circumflex */
    press(0x39);
    press(0x29);
    press(0x10);
    typed_is("\u00e9^^q");
    assert_true(keyboard_layout("uk"));
    chord(SHIFT, 0x04);
    press(0x2b);
    chord(SHIFT, 0x28);
    typed_is("\u00a3#@");
    assert_false(keyboard_layout("dvorak"));
    assert_true(keyboard_layout("us"));
}

static void keys_without_a_character(void **state)
{
    (void)state;
    press(UP);
    application = true;
    press(UP);
    application = false;
    chord(CONTROL, UP);
    press(PAGE_UP);
    press(DELETE);
    press(0x3b);
    press(0x3f);
    press(0x58);
    chord(SHIFT, 0x0f);
    typed_is("\x1b[A\x1bOA\x1b[1;5A\x1b[5~\x1b[3~\x1bOP\x1b[15~\x1b[24~\x1b[Z");
    press(0x48); /* the keypad: digits while Num Lock is on */
    press(0x45);
    press(0x48);
    press(0x45);
    typed_is("8\x1b[A");
}

static void chords(void **state)
{
    (void)state;
    chord(ALT, 0x3d);
    assert_int_equal(terminal_chosen, 2);
    chord(SHIFT, PAGE_UP);
    assert_int_equal(scrolled, 1);
    keyboard_key(CONTROL, true);
    chord(ALT, DELETE);
    keyboard_key(CONTROL, false);
    assert_int_equal(restarts, 1);
    keyboard_key(ALT, true);
    keyboard_key(0x54, true);
    press(0x19);
    keyboard_key(0x54, false);
    keyboard_key(ALT, false);
    assert_int_equal(magic_letter, 'p');
    typed_is("");
    press(0x19);
    typed_is("p");
}

int main(void)
{
    static const struct keyboard_operations operations = {typed,   terminal,         scroll,    magic,
                                                          restart, application_keys, lights_set};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_and_modifiers),
        cmocka_unit_test(layouts),
        cmocka_unit_test(keys_without_a_character),
        cmocka_unit_test(chords),
    };

    keyboard_start(&operations);
    return cmocka_run_group_tests_name("device_keyboard", tests, NULL, NULL);
}
