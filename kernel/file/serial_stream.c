/* See serial_stream.h. */
#include "kernel/file/serial_stream.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/fcntl.h>

#include "kernel/debug/log.h"
#include "kernel/device/serial.h"
#include "kernel/file/byte_queue.h"
#include "kernel/file/character_device.h"
#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/process/wait_queue.h"

#define TTY_MAJOR    4
#define TTY_MINOR    64   /* of COM1 */
#define ESCAPE       0x10 /* DLE */
#define ESCAPE_END   'E'
#define ESCAPE_START 'S'
#define STDIO_PORT   1   /* COM2 */
#define CHUNK        512 /* bytes moved at a time, on the stack */

struct serial_stream {
    unsigned port; /* 0 = COM1 */
    struct mutex output;
    struct spinlock lock;
    /* lock */
    struct wait_queue readers;
    struct serial_frame frame;
    struct byte_queue input;
    bool lost; /* input had to be dropped, and was reported */
};

static struct serial_stream streams[] = {
    {.port = 1, .lock = SPINLOCK_INIT(LOCK_DEVICE, "COM2"), .readers = WAIT_QUEUE_INIT(streams[0].readers)},
    {.port = 2, .lock = SPINLOCK_INIT(LOCK_DEVICE, "COM3"), .readers = WAIT_QUEUE_INIT(streams[1].readers)},
};

size_t serial_frame_decode(struct serial_frame *frame, const uint8_t *bytes, size_t size, uint8_t *to)
{
    size_t made = 0;

    for (size_t i = 0; i < size && !frame->ended; i++) {
        if (frame->escaped) {
            frame->escaped = false;
            if (bytes[i] == ESCAPE)
                to[made++] = ESCAPE;
            else if (bytes[i] == ESCAPE_END)
                frame->ended = true;
        } else if (bytes[i] == ESCAPE) {
            frame->escaped = true;
        } else {
            to[made++] = bytes[i];
        }
    }
    return made;
}

/* Bytes came; interrupts are off. */
static void stream_receive(void *context, const uint8_t *bytes, size_t size)
{
    struct serial_stream *stream = context;
    uint8_t decoded[CHUNK];
    bool lost = false;

    spinlock_lock(&stream->lock);
    while (size > 0) {
        size_t part = size < sizeof(decoded) ? size : sizeof(decoded);
        size_t made = serial_frame_decode(&stream->frame, bytes, part, decoded);
        if (byte_queue_put(&stream->input, decoded, made) < made)
            lost = true;
        bytes += part;
        size -= part;
    }
    bool report = lost && !stream->lost;
    stream->lost |= lost;
    spinlock_unlock(&stream->lock);
    if (report)
        log_error("COM%u: input is lost: more than %zu bytes wait to be read", stream->port + 1,
                  stream->input.count);
    wait_queue_wake_all(&stream->readers);
}

/* Which stream a file stands for. */
static struct serial_stream *stream_of(const struct file *file)
{
    return &streams[DEVICE_MINOR(file->node->device) - TTY_MINOR - streams[0].port];
}

static bool readable(const struct serial_stream *stream)
{
    return stream->input.count > 0 || stream->frame.ended;
}

static long stream_read(struct file *file, struct buffer *to, uint64_t *position)
{
    struct serial_stream *stream = stream_of(file);
    uint8_t chunk[CHUNK];
    size_t done = 0;
    long error = 0;

    (void)position;
    if (to->left == 0)
        return 0;
    spinlock_lock(&stream->lock);
    if ((file->flags & O_NONBLOCK) != 0)
        error = readable(stream) ? 0 : -EAGAIN;
    else
        error = wait_event(&stream->readers, &stream->lock, readable(stream));
    while (error == 0 && to->left > 0 && stream->input.count > 0) {
        size_t wanted = to->left < sizeof(chunk) ? to->left : sizeof(chunk);
        size_t part = byte_queue_take(&stream->input, chunk, wanted);
        spinlock_unlock(&stream->lock);
        size_t moved = buffer_put(to, chunk, part);
        done += moved;
        if (moved < part)
            error = -EFAULT;
        spinlock_lock(&stream->lock);
    }
    spinlock_unlock(&stream->lock);
    return done > 0 ? (long)done : error;
}

static long stream_write(struct file *file, struct buffer *from, uint64_t *position)
{
    struct serial_stream *stream = stream_of(file);
    uint8_t chunk[CHUNK];
    size_t done = 0;
    long error = 0;

    (void)position;
    mutex_lock(&stream->output);
    while (from->left > 0 && error == 0) {
        size_t wanted = from->left < sizeof(chunk) ? from->left : sizeof(chunk);
        size_t part = buffer_take(from, chunk, wanted);
        if (part < wanted)
            error = -EFAULT;
        serial_write(stream->port, chunk, part);
        done += part;
        if (error == 0 && wait_interrupted())
            break;
    }
    mutex_unlock(&stream->output);
    return done > 0 ? (long)done : error;
}

static uint32_t stream_ready(struct file *file)
{
    struct serial_stream *stream = stream_of(file);

    spinlock_lock(&stream->lock);
    bool ready = readable(stream);
    spinlock_unlock(&stream->lock);
    return POLLOUT | POLLWRNORM | (ready ? POLLIN | POLLRDNORM : 0);
}

static struct wait_queue *stream_queue(struct file *file)
{
    return &stream_of(file)->readers;
}

static const struct file_operations stream_operations = {
    .read = stream_read,
    .write = stream_write,
    .ready = stream_ready,
    .queue = stream_queue,
};

static struct character_device stream_devices[] = {
    {.name = "ttyS1",
     .number = DEVICE_NUMBER(TTY_MAJOR, TTY_MINOR + 1),
     .permissions = 0666,
     .operations = &stream_operations},
    {.name = "ttyS2",
     .number = DEVICE_NUMBER(TTY_MAJOR, TTY_MINOR + 2),
     .permissions = 0666,
     .operations = &stream_operations},
};

void serial_stream_start(void)
{
    for (unsigned i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        mutex_init(&streams[i].output, MUTEX_NODE, "serial output");
        byte_queue_init(&streams[i].input);
        if (!serial_present(streams[i].port))
            continue;
        character_device_register(&stream_devices[i]);
        int error = serial_receive(streams[i].port, stream_receive, &streams[i]);
        if (error != 0)
            log_warning("COM%u: no input: error %d", streams[i].port + 1, -error);
    }
    /* The firmware used COM2 as a console until now: what it wrote, the host drops up to this sign, and sends no input before it. */
    static const uint8_t start[] = {ESCAPE, ESCAPE_START};
    serial_write(STDIO_PORT, start, sizeof(start));
}
