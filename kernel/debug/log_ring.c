#include "kernel/debug/log_ring.h"

/* Before each text: its length, low byte first, and its level. */
#define HEADER_SIZE 3

static uint8_t byte_at(const struct log_ring *ring, uint64_t position)
{
    return ring->bytes[position % ring->size];
}

static size_t length_at(const struct log_ring *ring, uint64_t position)
{
    return byte_at(ring, position) | (size_t)byte_at(ring, position + 1) << 8;
}

static void append_byte(struct log_ring *ring, uint8_t byte)
{
    ring->bytes[ring->end++ % ring->size] = byte;
}

void log_ring_append(struct log_ring *ring, uint8_t level, const char *text, size_t length)
{
    if (ring->size < HEADER_SIZE)
        return;
    if (length > ring->size - HEADER_SIZE)
        length = ring->size - HEADER_SIZE;
    if (length > UINT16_MAX)
        length = UINT16_MAX;
    while (ring->end - ring->start + HEADER_SIZE + length > ring->size)
        ring->start += HEADER_SIZE + length_at(ring, ring->start);
    append_byte(ring, (uint8_t)length);
    append_byte(ring, (uint8_t)(length >> 8));
    append_byte(ring, level);
    for (size_t i = 0; i < length; i++)
        append_byte(ring, (uint8_t)text[i]);
}

long log_ring_read(const struct log_ring *ring, uint64_t *position, uint8_t *level, char *text, size_t size)
{
    if (*position >= ring->end)
        return -1;
    size_t length = length_at(ring, *position);
    *level = byte_at(ring, *position + 2);
    for (size_t i = 0; i < length && i < size; i++)
        text[i] = (char)byte_at(ring, *position + HEADER_SIZE + i);
    *position += HEADER_SIZE + length;
    return (long)length;
}
