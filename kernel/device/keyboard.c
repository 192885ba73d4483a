/* See keyboard.h. */
#include "kernel/device/keyboard.h"

#include "kernel/device/keymap.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"

/* Set 1 codes of keys that are no characters. */
enum {
    KEY_CONTROL = 0x1d,
    KEY_LEFT_SHIFT = 0x2a,
    KEY_RIGHT_SHIFT = 0x36,
    KEY_PRINT = 0x37, /* extended */
    KEY_ALT = 0x38,
    KEY_CAPS_LOCK = 0x3a,
    KEY_F1 = 0x3b,
    KEY_F10 = 0x44,
    KEY_NUM_LOCK = 0x45,
    KEY_SCROLL_LOCK = 0x46,
    KEY_HOME = 0x47, /* these are the keypad's too, unextended */
    KEY_PAGE_UP = 0x49,
    KEY_PAGE_DOWN = 0x51,
    KEY_DELETE = 0x53,
    KEY_SYSTEM = 0x54, /* what Alt makes of Print */
    KEY_F11 = 0x57,
    KEY_F12 = 0x58,
    KEY_KEYPAD_SLASH = 0x35, /* extended */
    KEY_ENTER = 0x1c,
};

/* The lights, and so the locks. */
enum { LIGHT_SCROLL = 1 << 0, LIGHT_NUM = 1 << 1, LIGHT_CAPS = 1 << 2 };

#define ESCAPE        0x1b
#define SEQUENCE_SIZE 16

static struct {
    const struct keyboard_operations *operations;
    const struct keymap *map;
    bool left_shift, right_shift, left_control, right_control, left_alt, right_alt;
    bool magic; /* Alt-SysRq is down */
    uint8_t lights;
    uint16_t dead; /* an accent that waits for its letter */
} keyboard = {.map = &keymaps[0], .lights = LIGHT_NUM};

bool keyboard_layout(const char *name)
{
    for (unsigned i = 0; i < keymap_count; i++) {
        if (strcmp(keymaps[i].name, name) == 0) {
            keyboard.map = &keymaps[i];
            return true;
        }
    }
    return false;
}

void keyboard_start(const struct keyboard_operations *operations)
{
    keyboard.operations = operations;
    if (operations->lights != NULL)
        operations->lights(keyboard.lights);
}

static bool shift(void)
{
    return keyboard.left_shift || keyboard.right_shift;
}

static bool control(void)
{
    return keyboard.left_control || keyboard.right_control;
}

/* --- what is sent --- */

static void send(const char *text, size_t size)
{
    keyboard.operations->typed((const uint8_t *)text, size);
}

static void send_text(const char *text)
{
    send(text, strlen(text));
}

static size_t utf8_write(char *to, uint32_t character)
{
    if (character < 0x80) {
        to[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        to[0] = (char)(0xc0 | character >> 6);
        to[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    to[0] = (char)(0xe0 | character >> 12);
    to[1] = (char)(0x80 | (character >> 6 & 0x3f));
    to[2] = (char)(0x80 | (character & 0x3f));
    return 3;
}

/* With Alt a character has an escape before it. */
static void send_character(uint32_t character)
{
    char text[4];
    size_t size = 0;

    if (keyboard.left_alt)
        text[size++] = ESCAPE;
    size += utf8_write(text + size, character);
    send(text, size);
}

/* xterm's number for Shift, Alt and Control in a sequence; 1 when none is down. */
static unsigned modifiers(void)
{
    return 1u + (shift() ? 1 : 0) + (keyboard.left_alt ? 2 : 0) + (control() ? 4 : 0);
}

/* ESC [ 1 ; MODIFIERS FINAL, or ESC [ FINAL, or ESC O FINAL. */
static void send_final(char final, bool always_application)
{
    char text[SEQUENCE_SIZE];
    bool application = always_application || keyboard.operations->application_keys();

    if (modifiers() > 1)
        snprintf(text, sizeof(text), "\x1b[1;%u%c", modifiers(), final);
    else
        snprintf(text, sizeof(text), "\x1b%c%c", application ? 'O' : '[', final);
    send_text(text);
}

/* ESC [ NUMBER ~ with the modifiers. */
static void send_number(unsigned number)
{
    char text[SEQUENCE_SIZE];

    if (modifiers() > 1)
        snprintf(text, sizeof(text), "\x1b[%u;%u~", number, modifiers());
    else
        snprintf(text, sizeof(text), "\x1b[%u~", number);
    send_text(text);
}

/* --- keys --- */

static void function_key(unsigned number)
{
    static const uint8_t numbers[] = {11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24};

    if (keyboard.left_alt && !control())
        keyboard.operations->terminal(number);
    else if (number < 4)
        send_final((char)('P' + number), true);
    else
        send_number(numbers[number]);
}

/* The block of Home, arrows and so on, by the keypad's codes. */
static void block_key(uint8_t key)
{
    static const char finals[] = {
        [0x00] = 'H', [0x01] = 'A', [0x04] = 'D', [0x06] = 'C', [0x08] = 'F', [0x09] = 'B', [0x0c] = 0};
    unsigned place = key - KEY_HOME;

    if (key == KEY_DELETE && control() && keyboard.left_alt)
        keyboard.operations->restart();
    else if ((key == KEY_PAGE_UP || key == KEY_PAGE_DOWN) && shift())
        keyboard.operations->scroll(key == KEY_PAGE_UP ? 1 : -1);
    else if (place < sizeof(finals) && finals[place] != 0)
        send_final(finals[place], false);
    else if (key == KEY_PAGE_UP || key == KEY_PAGE_DOWN)
        send_number(key == KEY_PAGE_UP ? 5 : 6);
    else if (key == KEY_DELETE)
        send_number(3);
    else if (key == KEY_DELETE - 1)
        send_number(2); /* Insert */
}

static bool letter(uint32_t character)
{
    return (character >= 'a' && character <= 'z') ||
           (character >= 0xe0 && character <= 0xfe && character != 0xf7);
}

/* Control makes the control characters of ASCII's columns 4 and 5. */
static uint32_t control_of(uint32_t character)
{
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 1;
    if (character >= '@' && character <= '_')
        return character - '@';
    if (character == ' ' || character == '2')
        return 0;
    if (character == '/' || character == '-')
        return 0x1f;
    return character == 0x7f ? 0x08 : character;
}

static void accent_finish(uint32_t character)
{
    uint16_t accent = keyboard.dead;
    uint16_t composed = keymap_compose(accent, (uint16_t)character);

    keyboard.dead = 0;
    if (composed != 0) {
        send_character(composed);
    } else {
        send_character(accent);
        send_character(character);
    }
}

static void character_key(uint8_t key)
{
    const struct keymap *map = keyboard.map;
    uint32_t plain = map->plain[key];
    bool capital = shift() != (keyboard.lights & LIGHT_CAPS && letter(plain));
    uint32_t character = keyboard.right_alt ? map->alternate[key] : capital ? map->shift[key] : plain;

    if (character == 0)
        return;
    if (key == 0x0f && shift()) {
        send_text("\x1b[Z");
    } else if (control()) {
        send_character(control_of(plain & ~(uint32_t)KEYMAP_DEAD));
    } else if (character & KEYMAP_DEAD) {
        keyboard.dead = (uint16_t)(character & ~(uint32_t)KEYMAP_DEAD);
    } else if (keyboard.dead != 0) {
        accent_finish(character);
    } else {
        send_character(character);
    }
}

/* The keypad without its Enter and slash, which are extended. */
static void keypad_key(uint8_t key)
{
    static const char digits[] = "789-456+1230.";

    if (keyboard.lights & LIGHT_NUM && !shift() && !(control() && keyboard.left_alt))
        send_character((uint8_t)digits[key - KEY_HOME]);
    else
        block_key(key);
}

static bool modifier_key(uint8_t key, bool pressed)
{
    switch (key) {
    case KEY_LEFT_SHIFT:
        keyboard.left_shift = pressed;
        return true;
    case KEY_RIGHT_SHIFT:
        keyboard.right_shift = pressed;
        return true;
    case KEY_CONTROL:
        keyboard.left_control = pressed;
        return true;
    case KEY_CONTROL | KEY_EXTENDED:
        keyboard.right_control = pressed;
        return true;
    case KEY_ALT:
        keyboard.left_alt = pressed;
        keyboard.magic = keyboard.magic && pressed;
        return true;
    case KEY_ALT | KEY_EXTENDED:
        keyboard.right_alt = pressed;
        return true;
    case KEY_LEFT_SHIFT | KEY_EXTENDED: /* sent around the extended keys for the sake of old programs */
    case KEY_RIGHT_SHIFT | KEY_EXTENDED:
        return true;
    default:
        return false;
    }
}

static bool lock_key(uint8_t key)
{
    uint8_t light = key == KEY_CAPS_LOCK     ? LIGHT_CAPS
                    : key == KEY_NUM_LOCK    ? LIGHT_NUM
                    : key == KEY_SCROLL_LOCK ? LIGHT_SCROLL
                                             : 0;

    if (light == 0)
        return false;
    keyboard.lights ^= light;
    if (keyboard.operations->lights != NULL)
        keyboard.operations->lights(keyboard.lights);
    return true;
}

/* Alt-SysRq begins a magic chord; the key after it says what is wanted. */
static bool magic_key(uint8_t key)
{
    if (key == KEY_SYSTEM || (key == (KEY_PRINT | KEY_EXTENDED) && keyboard.left_alt)) {
        keyboard.magic = true;
        return true;
    }
    if (!keyboard.magic)
        return false;
    if (key < KEYMAP_KEYS && keymaps[0].plain[key] > ' ' && keymaps[0].plain[key] < 0x7f)
        keyboard.operations->magic((char)keymaps[0].plain[key]);
    return true;
}

static void key_down(uint8_t key)
{
    if (magic_key(key) || lock_key(key))
        return;
    if (key >= KEY_F1 && key <= KEY_F10)
        function_key(key - KEY_F1);
    else if (key == KEY_F11 || key == KEY_F12)
        function_key(10u + (key - KEY_F11));
    else if (key == (KEY_ENTER | KEY_EXTENDED))
        character_key(KEY_ENTER);
    else if (key == (KEY_KEYPAD_SLASH | KEY_EXTENDED))
        send_character('/');
    else if (key & KEY_EXTENDED)
        block_key(key & ~KEY_EXTENDED);
    else if (key >= KEY_HOME && key <= KEY_DELETE && key != 0x4a && key != 0x4e)
        keypad_key(key);
    else if (key < KEYMAP_KEYS)
        character_key(key);
}

void keyboard_key(uint8_t key, bool pressed)
{
    if (keyboard.operations == NULL)
        return;
    if (modifier_key(key, pressed))
        return;
    if (pressed)
        key_down(key);
    else if (key == KEY_SYSTEM || key == (KEY_PRINT | KEY_EXTENDED))
        keyboard.magic = false;
}
