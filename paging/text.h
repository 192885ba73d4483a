/* One line of text, put together by hand: paging/ has no printf in the firmware. Used inside paging/ only. */
#ifndef PAGING_TEXT_H
#define PAGING_TEXT_H

#include <stdint.h>

#define TEXT_MAX 160

struct text {
    char line[TEXT_MAX]; /* always terminated; what does not fit is left out */
    unsigned length;
};

void text_start(struct text *text);
void text_string(struct text *text, const char *string);
void text_hex(struct text *text, uint64_t value); /* 16 digits */
void text_decimal(struct text *text, uint64_t value);
void text_pad(struct text *text, unsigned column); /* blanks up to `column` characters in all */

#endif
