/* See text_buffer.h. */
#include "kernel/view/text_buffer.h"

#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

#define SIZE_FIRST 4096
#define SIZE_LAST  (4u << 20) /* the heap's largest object */

static bool room_make(struct text_buffer *text, size_t more)
{
    size_t size = text->size > 0 ? text->size : SIZE_FIRST;

    if (text->failed || text->length + more < text->size)
        return !text->failed;
    while (size <= text->length + more)
        size *= 2;
    char *bytes = size <= SIZE_LAST ? heap_alloc(size) : NULL;
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    memcpy(bytes, text->bytes, text->length);
    heap_free(text->bytes);
    text->bytes = bytes;
    text->size = size;
    return true;
}

void text_add_bytes(struct text_buffer *text, const char *bytes, size_t size)
{
    if (!room_make(text, size))
        return;
    memcpy(text->bytes + text->length, bytes, size);
    text->length += size;
}

void text_add(struct text_buffer *text, const char *format, ...)
{
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = text->failed ? 0 : text->size - text->length;
    int length = vsnprintf(room > 0 ? text->bytes + text->length : NULL, room, format, arguments);
    if (length >= 0 && (size_t)length >= room && room_make(text, (size_t)length))
        vsnprintf(text->bytes + text->length, text->size - text->length, format, again);
    if (!text->failed && length > 0)
        text->length += (size_t)length;
    va_end(again);
    va_end(arguments);
}

void text_add_json(struct text_buffer *text, const char *string)
{
    text_add(text, "\"");
    for (; *string != '\0'; string++) {
        if (*string == '"' || *string == '\\')
            text_add(text, "\\%c", *string);
        else if ((unsigned char)*string < ' ' || *string == 0x7f)
            text_add(text, "\\u%04x", (unsigned char)*string);
        else
            text_add_bytes(text, string, 1);
    }
    text_add(text, "\"");
}

void text_free(struct text_buffer *text)
{
    heap_free(text->bytes);
    *text = (struct text_buffer){0};
}
