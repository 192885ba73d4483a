/* See controls.h. */
#include "kernel/controls.h"

#include <asm/errno.h>

#include "kernel/device/screen.h"
#include "kernel/file/proc_sys.h"
#include "kernel/lib/format.h"
#include "kernel/lock_report.h"
#include "kernel/memory/failure.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/memory_check.h"
#include "kernel/process/scheduler.h"

#define TEXT_MAX 512

static int text_give(char **text, size_t *length, const char *from, int size)
{
    *text = heap_alloc((size_t)size + 1);
    if (*text == NULL)
        return -ENOMEM;
    *length = (size_t)snprintf(*text, (size_t)size + 1, "%s", from);
    return 0;
}

static int memory_check_read(char **text, size_t *length)
{
    char line[16];
    int violations;

    while ((violations = memory_check()) == -EAGAIN)
        scheduler_yield();
    return text_give(text, length, line, snprintf(line, sizeof(line), "%d\n", violations));
}

static int memory_free_read(char **text, size_t *length)
{
    struct frame_statistics frames;
    char lines[TEXT_MAX];

    frame_statistics(&frames);
    int size = snprintf(lines, sizeof(lines), "total %lu\nfree %lu\nuntouched %lu\n", frames.total,
                        frames.free, frames.untouched);
    for (unsigned owner = FRAME_RESERVED; owner < FRAME_OWNERS; owner++)
        size += snprintf(lines + size, sizeof(lines) - (size_t)size, "%s %lu\n", frame_owner_name(owner),
                         frames.owned[owner]);
    return text_give(text, length, lines, size);
}

static int fail_read(const struct failure *failure, char **text, size_t *length)
{
    char line[64];
    int size = failure_text(failure, line, sizeof(line));

    return text_give(text, length, line, size + snprintf(line + size, sizeof(line) - (size_t)size, "\n"));
}

static int screen_read(char **text, size_t *length)
{
    struct screen_statistics sent;
    char lines[TEXT_MAX];

    screen_statistics(&sent);
    return text_give(text, length, lines,
                     snprintf(lines, sizeof(lines),
                              "rows %u\ncolumns %u\npictures %lu\ncells %lu\nbytes %lu\n", screen_rows(),
                              screen_columns(), sent.pictures, sent.cells, sent.bytes));
}

static int fail_frame_read(char **text, size_t *length)
{
    return fail_read(&frame_failure, text, length);
}

static int fail_frame_write(char *text)
{
    return failure_set(&frame_failure, text);
}

static int fail_heap_read(char **text, size_t *length)
{
    return fail_read(&heap_failure, text, length);
}

static int fail_heap_write(char *text)
{
    return failure_set(&heap_failure, text);
}

void controls_register(void)
{
    static struct proc_text texts[] = {
        {.name = "memory_check", .read = memory_check_read},
        {.name = "screen", .read = screen_read},
        {.name = "memory_free", .read = memory_free_read},
        {.name = "fail_frame", .read = fail_frame_read, .write = fail_frame_write},
        {.name = "lock_times", .read = lock_report_read, .write = lock_report_write},
        {.name = "fail_heap", .read = fail_heap_read, .write = fail_heap_write},
    };
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        proc_text_register(&texts[i]);
}
