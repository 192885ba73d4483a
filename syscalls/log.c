/* See log.h. Lines come as Linux gives them: "<LEVEL>[SECONDS.MICROSECONDS] text". What was read or cleared is a position in the log's ring, one for all. */
#include "syscalls/log.h"

#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/lib/format.h"

/* syslog(2)'s actions. */
enum {
    ACTION_CLOSE,
    ACTION_OPEN,
    ACTION_READ,
    ACTION_READ_ALL,
    ACTION_READ_CLEAR,
    ACTION_CLEAR,
    ACTION_CONSOLE_OFF,
    ACTION_CONSOLE_ON,
    ACTION_CONSOLE_LEVEL,
    ACTION_SIZE_UNREAD,
    ACTION_SIZE_BUFFER,
};

#define LINE_MAX    (LOG_LINE_MAX + 64)
#define BUFFER_SIZE (1 << 17) /* what the ring holds at most */

static uint64_t cleared, taken; /* atomic: where a reading of all begins, and one that takes */

/* Linux's levels: 3 error, 4 warning, 6 information, 7 debugging. */
static const uint8_t linux_level[] = {[LOG_ERROR] = 3, [LOG_WARNING] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7};

/* The record at *position as a line; its length, or -1. */
static long line_next(uint64_t *position, char *line)
{
    char text[LINE_MAX];
    enum log_level level;

    if (log_record(position, &level, text, sizeof(text) - 8) < 0)
        return -1;
    return snprintf(line, LINE_MAX, "<%u>%s\n", linux_level[level], text);
}

static long lines_size(uint64_t position)
{
    char line[LINE_MAX];
    long size = 0, length;

    while ((length = line_next(&position, line)) >= 0)
        size += length;
    return size;
}

/* The lines from *position on that fit; *position is then behind the last one. */
static long lines_copy(uint64_t *position, char __user *to, long room)
{
    char line[LINE_MAX];
    long done = 0;

    for (;;) {
        uint64_t next = *position;
        long length = line_next(&next, line);
        if (length < 0 || done + length > room)
            return done;
        if (copy_to_user(to + done, line, (size_t)length) != 0)
            return -EFAULT;
        done += length;
        *position = next;
    }
}

/* The newest lines that fit. */
static long read_all(char __user *to, long room)
{
    uint64_t position = __atomic_load_n(&cleared, __ATOMIC_RELAXED);
    char line[LINE_MAX];

    for (long whole = lines_size(position); whole > room;) {
        long length = line_next(&position, line);
        if (length < 0)
            break;
        whole -= length;
    }
    return lines_copy(&position, to, room);
}

static long read_taking(char __user *to, long room)
{
    uint64_t position = __atomic_load_n(&taken, __ATOMIC_RELAXED);
    long done = lines_copy(&position, to, room);

    if (done > 0)
        __atomic_store_n(&taken, position, __ATOMIC_RELAXED);
    return done;
}

long sys_syslog(int action, char __user *to, int size)
{
    if (action == ACTION_READ || action == ACTION_READ_ALL || action == ACTION_READ_CLEAR) {
        if (size < 0 || user_address(to) == 0)
            return -EINVAL;
    }
    long result = 0;
    switch (action) {
    case ACTION_READ:
        return read_taking(to, size);
    case ACTION_READ_ALL:
        return read_all(to, size);
    case ACTION_READ_CLEAR:
        result = read_all(to, size);
        __atomic_store_n(&cleared, log_end(), __ATOMIC_RELAXED);
        return result;
    case ACTION_CLEAR:
        __atomic_store_n(&cleared, log_end(), __ATOMIC_RELAXED);
        return 0;
    case ACTION_SIZE_UNREAD:
        return lines_size(__atomic_load_n(&taken, __ATOMIC_RELAXED));
    case ACTION_SIZE_BUFFER:
        return BUFFER_SIZE;
    case ACTION_CLOSE:
    case ACTION_OPEN:
    case ACTION_CONSOLE_OFF:
    case ACTION_CONSOLE_ON:
    case ACTION_CONSOLE_LEVEL: /* the console's threshold is an option of the kernel's command line */
        return 0;
    default:
        return -EINVAL;
    }
}
