/* Text that grows: what a report is written into. */
#ifndef KERNEL_VIEW_TEXT_BUFFER_H
#define KERNEL_VIEW_TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/lib/format.h"

/* Zero it before the first use. */
struct text_buffer {
    char *bytes; /* of the heap */
    size_t length;
    size_t size;
    bool failed; /* no memory, or over the largest size: everything since was dropped */
};

void text_add(struct text_buffer *text, const char *format, ...) printf_like(2, 3);
void text_add_bytes(struct text_buffer *text, const char *bytes, size_t size);

/* A JSON string, quotes included: control characters escaped, bytes above 0x7f as they are. */
void text_add_json(struct text_buffer *text, const char *string);

void text_free(struct text_buffer *text);

#endif
