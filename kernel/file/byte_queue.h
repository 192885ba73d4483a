/* Bytes waiting in order, in as much memory as they need.
 *
 * For input that must not be lost while nobody reads it. The caller serialises; nothing sleeps, so interrupts may put. */
#ifndef KERNEL_FILE_BYTE_QUEUE_H
#define KERNEL_FILE_BYTE_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "paging/types.h"

struct byte_chunk;

struct byte_queue {
    TAILQ_HEAD(byte_chunks, byte_chunk) chunks;
    size_t count; /* bytes in it */
};

#define BYTE_QUEUE_MAX (UINT64_C(64) << 20) /* the most it takes */

void byte_queue_init(struct byte_queue *queue);

/* Append; the bytes taken, fewer when memory is exhausted or BYTE_QUEUE_MAX reached. */
size_t must_check byte_queue_put(struct byte_queue *queue, const uint8_t *bytes, size_t size);

/* Take up to `size` bytes off the front; how many. */
size_t must_check byte_queue_take(struct byte_queue *queue, uint8_t *to, size_t size);

#endif
