#include "paging/text.h"

static void text_character(struct text *text, char character)
{
    if (text->length + 1 >= TEXT_MAX)
        return;
    text->line[text->length++] = character;
    text->line[text->length] = '\0';
}

void text_start(struct text *text)
{
    text->length = 0;
    text->line[0] = '\0';
}

void text_string(struct text *text, const char *string)
{
    while (*string)
        text_character(text, *string++);
}

void text_hex(struct text *text, uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        text_character(text, "0123456789abcdef"[(value >> shift) & 0xf]);
}

void text_decimal(struct text *text, uint64_t value)
{
    char digits[20];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count > 0)
        text_character(text, digits[--count]);
}

void text_pad(struct text *text, unsigned column)
{
    while (text->length < column && text->length + 1 < TEXT_MAX)
        text_character(text, ' ');
}
