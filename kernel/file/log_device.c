/* See log_device.h. A line may be logged under any lock, so whoever waits for one is woken from a timer interrupt soon after. */
#include "kernel/file/log_device.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/fcntl.h>

#include "kernel/debug/log.h"
#include "kernel/device/clock.h"
#include "kernel/file/character_device.h"
#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/lib/string.h"
#include "kernel/process/timer.h"
#include "kernel/process/wait_queue.h"

#define MEMORY_MAJOR 1
#define KMSG_MINOR   11
#define TEXT_MAX     (LOG_LINE_MAX + 64)
#define RECORD_MAX   (TEXT_MAX + 64)
#define WAKE_DELAY   UINT64_C(5000000) /* nanoseconds: lines that come together wake once */

static struct {
    struct spinlock lock;
    struct wait_queue readers;
    bool waiting, added; /* atomic */
} device = {
    .lock = SPINLOCK_INIT(LOCK_DEVICE, "kernel log"),
    .readers = WAIT_QUEUE_INIT(device.readers),
};

static const uint8_t linux_level[] = {[LOG_ERROR] = 3, [LOG_WARNING] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7};

static void line_added(void)
{
    if (!__atomic_load_n(&device.waiting, __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&device.added, true, __ATOMIC_RELEASE);
    timer_at_latest(clock_now() + WAKE_DELAY);
}

static uint64_t poll(uint64_t now)
{
    (void)now;
    if (__atomic_exchange_n(&device.added, false, __ATOMIC_ACQ_REL))
        wait_queue_wake_all(&device.readers);
    return UINT64_MAX;
}

/* "[    1.234567] text": the microseconds, and where the text begins. */
static uint64_t stamp_read(const char *line, const char **text)
{
    uint64_t value = 0;

    for (; *line != '\0' && *line != ']'; line++)
        if (*line >= '0' && *line <= '9')
            value = value * 10 + (uint64_t)(*line - '0');
    *text = line[0] == ']' && line[1] == ' ' ? line + 2 : line;
    return value;
}

static long record_make(uint64_t *position, char *record)
{
    char line[TEXT_MAX];
    const char *text;
    enum log_level level;
    uint64_t number = *position;

    if (log_record(position, &level, line, sizeof(line)) < 0)
        return -1;
    uint64_t microseconds = stamp_read(line, &text);
    return snprintf(record, RECORD_MAX, "%u,%lu,%lu,-;%s\n", linux_level[level], number, microseconds, text);
}

static int record_wait(const struct file *file, uint64_t position)
{
    if ((file->flags & O_NONBLOCK) != 0)
        return -EAGAIN;
    __atomic_store_n(&device.waiting, true, __ATOMIC_RELAXED);
    spinlock_lock(&device.lock);
    int error = wait_event(&device.readers, &device.lock, log_end() > position);
    spinlock_unlock(&device.lock);
    return error;
}

static long kmsg_read(struct file *file, struct buffer *to, uint64_t *position)
{
    char record[RECORD_MAX];
    uint64_t next = *position;
    long length;

    while ((length = record_make(&next, record)) < 0) {
        int error = record_wait(file, next);
        if (error != 0)
            return error;
    }
    if ((size_t)length > to->left)
        return -EINVAL;
    size_t done = buffer_put(to, record, (size_t)length);
    if (done < (size_t)length)
        return -EFAULT;
    *position = next;
    return length;
}

static enum log_level level_of(unsigned number)
{
    return number <= 3 ? LOG_ERROR : number == 4 ? LOG_WARNING : number <= 6 ? LOG_INFO : LOG_DEBUG;
}

static long kmsg_write(struct file *file, struct buffer *from, uint64_t *position)
{
    char text[TEXT_MAX];
    enum log_level level = LOG_INFO;
    size_t size = from->left, whole = size;
    const char *line = text;

    (void)file, (void)position;
    if (size >= sizeof(text))
        return -EINVAL;
    if (buffer_take(from, text, size) != size)
        return -EFAULT;
    while (size > 0 && text[size - 1] == '\n')
        text[--size] = '\0';
    text[size] = '\0';
    if (size >= 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>') {
        level = level_of((unsigned)(text[1] - '0'));
        line += 3;
    }
    log_line(level, "%s", line);
    return (long)whole;
}

static uint32_t kmsg_ready(struct file *file)
{
    return POLLOUT | POLLWRNORM | (log_end() > file->offset ? POLLIN | POLLRDNORM : 0);
}

static struct wait_queue *kmsg_queue(struct file *file)
{
    (void)file;
    __atomic_store_n(&device.waiting, true, __ATOMIC_RELAXED);
    return &device.readers;
}

static const struct file_operations kmsg_operations = {.read = kmsg_read,
                                                       .write = kmsg_write,
                                                       .ready = kmsg_ready,
                                                       .queue = kmsg_queue,
                                                       .position = POSITION_MOVES};

static struct character_device kmsg_device = {
    .name = "kmsg",
    .number = DEVICE_NUMBER(MEMORY_MAJOR, KMSG_MINOR),
    .permissions = 0600,
    .operations = &kmsg_operations,
};

void log_device_register(void)
{
    character_device_register(&kmsg_device);
    timer_poll_add(poll);
    log_set_listener(line_added);
}
