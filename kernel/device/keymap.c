/* See keymap.h. Tables follow the national keyboards (ISO/IEC 9995; DIN 2137 for de), by the position that set 1 numbers. */
#include "kernel/device/keymap.h"

/* Rows of the main field: the code of their first key. */
#define DIGITS 0x02
#define UPPER  0x10
#define HOME   0x1e
#define LOWER  0x2c

#define COMMON                                                                                               \
    [0x01] = 0x1b, [0x0e] = 0x7f, [0x0f] = '\t', [0x1c] = '\r', [0x39] = ' ', [0x37] = '*', [0x4a] = '-',    \
    [0x4e] = '+'

#define ROW(first, a, b, c, d, e, f, g, h, i, j)                                                             \
    [first] = a, [first + 1] = b, [first + 2] = c, [first + 3] = d, [first + 4] = e, [first + 5] = f,        \
    [first + 6] = g, [first + 7] = h, [first + 8] = i, [first + 9] = j

static const uint16_t us_plain[KEYMAP_KEYS] = {
    COMMON,
    ROW(DIGITS, '1', '2', '3', '4', '5', '6', '7', '8', '9', '0'),
    [0x0c] = '-',
    '=',
    ROW(UPPER, 'q', 'w', 'e', 'r', 't', 'y', 'u', 'i', 'o', 'p'),
    [0x1a] = '[',
    ']',
    ROW(HOME, 'a', 's', 'd', 'f', 'g', 'h', 'j', 'k', 'l', ';'),
    [0x28] = '\'',
    '`',
    [0x2b] = '\\',
    ROW(LOWER, 'z', 'x', 'c', 'v', 'b', 'n', 'm', ',', '.', '/'),
    [0x56] = '\\',
};

static const uint16_t us_shift[KEYMAP_KEYS] = {
    COMMON,
    ROW(DIGITS, '!', '@', '#', '$', '%', '^', '&', '*', '(', ')'),
    [0x0c] = '_',
    '+',
    ROW(UPPER, 'Q', 'W', 'E', 'R', 'T', 'Y', 'U', 'I', 'O', 'P'),
    [0x1a] = '{',
    '}',
    ROW(HOME, 'A', 'S', 'D', 'F', 'G', 'H', 'J', 'K', 'L', ':'),
    [0x28] = '"',
    '~',
    [0x2b] = '|',
    ROW(LOWER, 'Z', 'X', 'C', 'V', 'B', 'N', 'M', '<', '>', '?'),
    [0x56] = '|',
};

static const uint16_t us_alternate[KEYMAP_KEYS] = {0};

static const uint16_t uk_plain[KEYMAP_KEYS] = {
    COMMON,
    ROW(DIGITS, '1', '2', '3', '4', '5', '6', '7', '8', '9', '0'),
    [0x0c] = '-',
    '=',
    ROW(UPPER, 'q', 'w', 'e', 'r', 't', 'y', 'u', 'i', 'o', 'p'),
    [0x1a] = '[',
    ']',
    ROW(HOME, 'a', 's', 'd', 'f', 'g', 'h', 'j', 'k', 'l', ';'),
    [0x28] = '\'',
    '`',
    [0x2b] = '#',
    ROW(LOWER, 'z', 'x', 'c', 'v', 'b', 'n', 'm', ',', '.', '/'),
    [0x56] = '\\',
};

static const uint16_t uk_shift[KEYMAP_KEYS] = {
    COMMON,
    ROW(DIGITS, '!', '"', 0xa3, '$', '%', '^', '&', '*', '(', ')'),
    [0x0c] = '_',
    '+',
    ROW(UPPER, 'Q', 'W', 'E', 'R', 'T', 'Y', 'U', 'I', 'O', 'P'),
    [0x1a] = '{',
    '}',
    ROW(HOME, 'A', 'S', 'D', 'F', 'G', 'H', 'J', 'K', 'L', ':'),
    [0x28] = '@',
    0xac,
    [0x2b] = '~',
    ROW(LOWER, 'Z', 'X', 'C', 'V', 'B', 'N', 'M', '<', '>', '?'),
    [0x56] = '|',
};

static const uint16_t uk_alternate[KEYMAP_KEYS] = {
    [0x05] = 0x20ac, [0x12] = 0xe9, [0x16] = 0xfa, [0x17] = 0xed, [0x18] = 0xf3, [0x1e] = 0xe1, [0x29] = 0xa6,
};

static const uint16_t de_plain[KEYMAP_KEYS] = {
    COMMON,
    ROW(DIGITS, '1', '2', '3', '4', '5', '6', '7', '8', '9', '0'),
    [0x0c] = 0xdf,
    KEYMAP_DEAD | 0xb4,
    ROW(UPPER, 'q', 'w', 'e', 'r', 't', 'z', 'u', 'i', 'o', 'p'),
    [0x1a] = 0xfc,
    '+',
    ROW(HOME, 'a', 's', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 0xf6),
    [0x28] = 0xe4,
    KEYMAP_DEAD | '^',
    [0x2b] = '#',
    ROW(LOWER, 'y', 'x', 'c', 'v', 'b', 'n', 'm', ',', '.', '-'),
    [0x56] = '<',
};

static const uint16_t de_shift[KEYMAP_KEYS] = {
    COMMON,
    ROW(DIGITS, '!', '"', 0xa7, '$', '%', '&', '/', '(', ')', '='),
    [0x0c] = '?',
    KEYMAP_DEAD | '`',
    ROW(UPPER, 'Q', 'W', 'E', 'R', 'T', 'Z', 'U', 'I', 'O', 'P'),
    [0x1a] = 0xdc,
    '*',
    ROW(HOME, 'A', 'S', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 0xd6),
    [0x28] = 0xc4,
    0xb0,
    [0x2b] = '\'',
    ROW(LOWER, 'Y', 'X', 'C', 'V', 'B', 'N', 'M', ';', ':', '_'),
    [0x56] = '>',
};

static const uint16_t de_alternate[KEYMAP_KEYS] = {
    [0x03] = 0xb2, [0x04] = 0xb3, [0x08] = '{',    [0x09] = '[', [0x0a] = ']',  [0x0b] = '}',
    [0x0c] = '\\', [0x10] = '@',  [0x12] = 0x20ac, [0x1b] = '~', [0x32] = 0xb5, [0x56] = '|',
};

const struct keymap keymaps[] = {
    {"us", us_plain, us_shift, us_alternate},
    {"uk", uk_plain, uk_shift, uk_alternate},
    {"de", de_plain, de_shift, de_alternate},
};
const unsigned keymap_count = sizeof(keymaps) / sizeof(keymaps[0]);

/* Vowels with grave, acute and circumflex stand in that order in Latin-1, at these places. */
uint16_t keymap_compose(uint16_t accent, uint16_t letter)
{
    static const struct {
        uint16_t letter, grave;
    } vowels[] = {{'a', 0xe0}, {'e', 0xe8}, {'i', 0xec}, {'o', 0xf2}, {'u', 0xf9},
                  {'A', 0xc0}, {'E', 0xc8}, {'I', 0xcc}, {'O', 0xd2}, {'U', 0xd9}};
    unsigned place = accent == '`' ? 0 : accent == 0xb4 ? 1 : 2;

    if (letter == ' ')
        return accent;
    for (unsigned i = 0; i < sizeof(vowels) / sizeof(vowels[0]); i++)
        if (vowels[i].letter == letter)
            return (uint16_t)(vowels[i].grave + place);
    return 0;
}
