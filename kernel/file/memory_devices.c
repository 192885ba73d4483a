/* /dev/null, zero, full, random and urandom (null(4), full(4), random(4)). */
#include <asm/errno.h>

#include "kernel/cpu/random.h"
#include "kernel/file/buffer.h"
#include "kernel/file/character_device.h"
#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"

#define MEMORY_MAJOR 1
#define RANDOM_CHUNK 256 /* bytes made at a time, on the stack */

static long null_read(struct file *file, struct buffer *to, uint64_t *position)
{
    (void)file, (void)to, (void)position;
    return 0;
}

static long null_write(struct file *file, struct buffer *from, uint64_t *position)
{
    (void)file, (void)position;
    return (long)from->left;
}

static long zero_read(struct file *file, struct buffer *to, uint64_t *position)
{
    (void)file, (void)position;
    size_t done = 0;

    while (to->left > 0) {
        size_t part = to->left < TRANSFER_STEP ? to->left : TRANSFER_STEP;
        size_t moved = buffer_clear(to, part);
        done += moved;
        if (moved < part)
            return done > 0 ? (long)done : -EFAULT;
        if (to->left > 0 && !scheduler_relax_killable())
            break;
    }
    return (long)done;
}

static long full_write(struct file *file, struct buffer *from, uint64_t *position)
{
    (void)file, (void)from, (void)position;
    return -ENOSPC;
}

static long random_read(struct file *file, struct buffer *to, uint64_t *position)
{
    uint8_t bytes[RANDOM_CHUNK];
    size_t done = 0;

    (void)file, (void)position;
    while (to->left > 0) {
        size_t part = to->left < sizeof(bytes) ? to->left : sizeof(bytes);
        random_bytes(bytes, part);
        size_t moved = buffer_put(to, bytes, part);
        done += moved;
        if (moved < part)
            return done > 0 ? (long)done : -EFAULT;
        if (done >= PAGE_SIZE && signal_is_pending(thread_current()))
            break;
        scheduler_relax();
    }
    return (long)done;
}

static const struct file_operations null_operations = {
    .read = null_read, .write = null_write, .position = POSITION_STAYS};
static const struct file_operations zero_operations = {
    .read = zero_read, .write = null_write, .position = POSITION_STAYS};
static const struct file_operations full_operations = {
    .read = zero_read, .write = full_write, .position = POSITION_STAYS};
static const struct file_operations random_operations = {
    .read = random_read, .write = null_write, .position = POSITION_STAYS};

static struct character_device memory_devices[] = {
    {.name = "null",
     .number = DEVICE_NUMBER(MEMORY_MAJOR, 3),
     .permissions = 0666,
     .operations = &null_operations},
    {.name = "zero",
     .number = DEVICE_NUMBER(MEMORY_MAJOR, 5),
     .permissions = 0666,
     .operations = &zero_operations},
    {.name = "full",
     .number = DEVICE_NUMBER(MEMORY_MAJOR, 7),
     .permissions = 0666,
     .operations = &full_operations},
    {.name = "random",
     .number = DEVICE_NUMBER(MEMORY_MAJOR, 8),
     .permissions = 0666,
     .operations = &random_operations},
    {.name = "urandom",
     .number = DEVICE_NUMBER(MEMORY_MAJOR, 9),
     .permissions = 0666,
     .operations = &random_operations},
};

void memory_devices_register(void)
{
    for (size_t i = 0; i < sizeof(memory_devices) / sizeof(memory_devices[0]); i++)
        character_device_register(&memory_devices[i]);
}
