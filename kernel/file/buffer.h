/* What a read fills and a write empties: user memory in one or many pieces, or kernel memory.
 *
 * A buffer moves forward only; the bytes moved so far are what a read or write reports. Copies may fault pages in, so they sleep: hold no
 * spinlock. Mutexes up to MUTEX_NODE may be held. */
#ifndef KERNEL_FILE_BUFFER_H
#define KERNEL_FILE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"

/* One piece of user memory: the layout of Linux's struct iovec. */
struct buffer_piece {
    uint64_t address;
    uint64_t size;
};

struct buffer {
    size_t left; /* bytes that remain in all pieces */

    /* private */
    uint64_t address; /* of the current piece */
    size_t piece_left;
    const struct buffer_piece *next;
    bool kernel;
};

/* Bytes that are moved without a look at who else wants to run. */
#define TRANSFER_STEP ((size_t)64 << 10)

/* The most that one call moves, as Linux: the largest whole number of pages in an int. */
#define BUFFER_MAX    ((size_t)0x7ffff000)

static inline void buffer_init_user(struct buffer *buffer, uint64_t address, size_t size)
{
    *buffer = (struct buffer){.left = size, .address = address, .piece_left = size};
}

void buffer_init_kernel(struct buffer *buffer, void *bytes, size_t size);

/* Several pieces, whose sizes add up to `total`; `pieces` is kernel memory that outlives the buffer. */
void buffer_init_pieces(struct buffer *buffer, const struct buffer_piece *pieces, size_t total);

/* Move up to `size` bytes into the buffer, or out of it. The bytes moved: less than both `size` and buffer->left only when user memory
 * faulted. */
size_t must_check buffer_put(struct buffer *buffer, const void *from, size_t size);
size_t must_check buffer_take(struct buffer *buffer, void *to, size_t size);

/* Put zero bytes. */
size_t must_check buffer_clear(struct buffer *buffer, size_t size);

#endif
