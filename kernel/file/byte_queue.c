/* See byte_queue.h. */
#include "kernel/file/byte_queue.h"

#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

/* With its link, a page. */
#define CHUNK_BYTES (PAGE_SIZE - 32)

struct byte_chunk {
    TAILQ_ENTRY(byte_chunk) link;
    uint16_t first, end; /* bytes[first .. end) wait */
    uint8_t bytes[CHUNK_BYTES];
};

void byte_queue_init(struct byte_queue *queue)
{
    TAILQ_INIT(&queue->chunks);
    queue->count = 0;
}

/* The chunk to append to; NULL when there is no room. */
static struct byte_chunk *chunk_last(struct byte_queue *queue)
{
    struct byte_chunk *chunk = TAILQ_LAST(&queue->chunks, byte_chunks);

    if (chunk != NULL && chunk->end < CHUNK_BYTES)
        return chunk;
    if (queue->count >= BYTE_QUEUE_MAX)
        return NULL;
    chunk = heap_alloc(sizeof(*chunk));
    if (chunk == NULL)
        return NULL;
    chunk->first = chunk->end = 0;
    TAILQ_INSERT_TAIL(&queue->chunks, chunk, link);
    return chunk;
}

size_t byte_queue_put(struct byte_queue *queue, const uint8_t *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        struct byte_chunk *chunk = chunk_last(queue);
        if (chunk == NULL)
            break;
        size_t part = size - done;
        if (part > CHUNK_BYTES - chunk->end)
            part = CHUNK_BYTES - chunk->end;
        memcpy(chunk->bytes + chunk->end, bytes + done, part);
        chunk->end += (uint16_t)part;
        done += part;
    }
    queue->count += done;
    return done;
}

size_t byte_queue_take(struct byte_queue *queue, uint8_t *to, size_t size)
{
    struct byte_chunk *chunk;
    size_t done = 0;

    while (done < size && (chunk = TAILQ_FIRST(&queue->chunks)) != NULL) {
        size_t part = size - done;
        if (part > (size_t)(chunk->end - chunk->first))
            part = chunk->end - chunk->first;
        memcpy(to + done, chunk->bytes + chunk->first, part);
        chunk->first += (uint16_t)part;
        done += part;
        if (chunk->first < chunk->end)
            continue;
        TAILQ_REMOVE(&queue->chunks, chunk, link);
        heap_free(chunk);
    }
    queue->count -= done;
    return done;
}
