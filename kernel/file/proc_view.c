/* See proc_view.h. */
#include "kernel/file/proc_view.h"

#include <asm/errno.h>

#include "kernel/file/proc_sys.h"
#include "kernel/view/frame_users.h"
#include "kernel/view/report.h"
#include "kernel/view/viewer.h"

/* Hand the text over, or say that there was no memory for it. */
static int text_give(struct text_buffer *made, char **text, size_t *length)
{
    if (made->failed) {
        text_free(made);
        return -ENOMEM;
    }
    *text = made->bytes;
    *length = made->length;
    return 0;
}

static int map_read(char **text, size_t *length)
{
    struct text_buffer made = {0};

    view_report_json(&view_report_settings, &made);
    return text_give(&made, text, length);
}

static int view_read(char **text, size_t *length)
{
    struct text_buffer made = {0};

    view_report_text(&view_report_settings, false, &made);
    return text_give(&made, text, length);
}

static int view_colour_read(char **text, size_t *length)
{
    struct text_buffer made = {0};

    view_report_text(&view_report_settings, true, &made);
    return text_give(&made, text, length);
}

static struct frame_range frames_shown = FRAME_RANGE_ALL;

static int frames_read(char **text, size_t *length)
{
    struct text_buffer made = {0};

    frame_users_text(&frames_shown, &made);
    return text_give(&made, text, length);
}

static int frames_write(char *text)
{
    return frame_range_parse(&frames_shown, text);
}

/* What the viewer on the screen has done: nothing, while nobody sees it. */
static int viewer_read(char **text, size_t *length)
{
    struct text_buffer made = {0};

    text_add(&made, "seen %u\npictures %lu\n", viewer_seen(), viewer_pictures());
    return text_give(&made, text, length);
}

static int viewer_write(char *text)
{
    return view_settings_parse(&view_report_settings, text);
}

static struct proc_text entries[] = {
    {.name = "memory_map", .read = map_read},
    {.name = "memory_frames", .read = frames_read, .write = frames_write},
    {.name = "memory_view", .read = view_read},
    {.name = "memory_view_colour", .read = view_colour_read},
    {.name = "viewer", .read = viewer_read, .write = viewer_write},
};

void proc_view_register(void)
{
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        proc_text_register(&entries[i]);
}
