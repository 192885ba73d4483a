/* See buffer.h. */
#include "kernel/file/buffer.h"

#include "kernel/lib/string.h"

void buffer_init_kernel(struct buffer *buffer, void *bytes, size_t size)
{
    *buffer = (struct buffer){.left = size, .address = (uintptr_t)bytes, .piece_left = size, .kernel = true};
}

void buffer_init_pieces(struct buffer *buffer, const struct buffer_piece *pieces, size_t total)
{
    *buffer = (struct buffer){.left = total, .next = pieces};
}

enum direction { PUT, TAKE, CLEAR };

/* Every read and write comes through here: inline, one copy for each direction. */
#define INLINE static inline __attribute__((always_inline))

/* Move `size` bytes at the current address; the number that did not go. */
INLINE size_t piece_move(const struct buffer *buffer, enum direction direction, void *bytes, size_t size)
{
    if (buffer->kernel) {
        void *at = (void *)(uintptr_t)buffer->address;
        if (direction == PUT)
            memcpy(at, bytes, size);
        else if (direction == TAKE)
            memcpy(bytes, at, size);
        else
            memset(at, 0, size);
        return 0;
    }
    void __user *at = user_pointer(void, buffer->address);
    if (direction == PUT)
        return copy_to_user_partial(at, bytes, size);
    if (direction == TAKE)
        return copy_from_user_partial(bytes, at, size);
    return clear_user_partial(at, size);
}

INLINE size_t buffer_move(struct buffer *buffer, enum direction direction, void *bytes, size_t size)
{
    size_t moved = 0;

    if (size > buffer->left)
        size = buffer->left;
    while (moved < size) {
        while (buffer->piece_left == 0) {
            buffer->address = buffer->next->address;
            buffer->piece_left = buffer->next->size;
            buffer->next++;
        }
        size_t part = size - moved;
        if (part > buffer->piece_left)
            part = buffer->piece_left;
        void *at = bytes != NULL ? (uint8_t *)bytes + moved : NULL;
        size_t failed = piece_move(buffer, direction, at, part);
        size_t done = part - failed;
        moved += done;
        buffer->address += done;
        buffer->piece_left -= done;
        buffer->left -= done;
        if (failed != 0)
            break;
    }
    return moved;
}

size_t buffer_put(struct buffer *buffer, const void *from, size_t size)
{
    return buffer_move(buffer, PUT, (void *)from, size);
}

size_t buffer_take(struct buffer *buffer, void *to, size_t size)
{
    return buffer_move(buffer, TAKE, to, size);
}

size_t buffer_clear(struct buffer *buffer, size_t size)
{
    return buffer_move(buffer, CLEAR, NULL, size);
}
