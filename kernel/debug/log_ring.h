/* A ring of text records in one buffer: the newest that fit, oldest dropped first. The log's memory.
 *
 * Pure: no lock (the caller has one), no other kernel state. A record is a level and up to 65535 bytes. */
#ifndef KERNEL_DEBUG_LOG_RING_H
#define KERNEL_DEBUG_LOG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_ring {
    uint8_t *bytes;
    size_t size;    /* of bytes */
    uint64_t start; /* of the oldest record; both count bytes ever written, so start <= end <= start + size */
    uint64_t end;
};

/* Append, dropping old records to make room. A text that could never fit is cut. */
void log_ring_append(struct log_ring *ring, uint8_t level, const char *text, size_t length);

/* The record at *position (begin with ring->start): its level, and its text copied to `text`, cut at `size`. Gives the text's whole length and
 * moves *position behind it; -1 at the end. */
long log_ring_read(const struct log_ring *ring, uint64_t *position, uint8_t *level, char *text, size_t size);

#endif
