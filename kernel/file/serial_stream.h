/* The serial ports as plain streams of bytes: /dev/ttyS1 (COM2) and /dev/ttyS2 (COM3).
 *
 * What `quire exec` gives the first process: standard input and output on COM2, standard error on COM3. Output is raw. Input is framed, so that it can
 * hold any byte and also end: DLE (0x10) DLE stands for a byte 0x10, DLE 'E' for the end of the file, after which every read gives 0.
 * They are no terminals: ioctl is -ENOTTY.
 *
 * Lock: stream.lock (LOCK_DEVICE). */
#ifndef KERNEL_FILE_SERIAL_STREAM_H
#define KERNEL_FILE_SERIAL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The decoder of the framing, by itself. */
struct serial_frame {
    bool escaped; /* a DLE came last */
    bool ended;
};

/* Decode `size` bytes; `to` has room for as many. The bytes decoded; what comes after the end is dropped, as are unknown escapes. */
size_t serial_frame_decode(struct serial_frame *frame, const uint8_t *bytes, size_t size, uint8_t *to);

/* Register the devices, begin to receive from COM2, and tell the host so by DLE 'S' on it: what the firmware said there before is not output. */
void serial_stream_start(void);

#endif
