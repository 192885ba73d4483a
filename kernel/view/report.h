/* The memory viewer's frame as text, and all that was gathered as JSON: /proc/sys/quire/memory_view and memory_map.
 *
 * The JSON holds: time (ns); frames (total, free, untouched, leaked, and by owner); errors; processes (pid, letter, name, tables, resident, shared, mapped, regions); physical
 * (the first page's window: start and eight rows of 64 letters, attributes as two hexadecimal digits a cell); virtual (one such window for every process). */
#ifndef KERNEL_VIEW_REPORT_H
#define KERNEL_VIEW_REPORT_H

#include "kernel/view/page.h"
#include "kernel/view/text_buffer.h"

/* Gather and write. On failure text->failed is set. */
void view_report_text(const struct view_settings *settings, bool coloured, struct text_buffer *text);
void view_report_json(const struct view_settings *settings, struct text_buffer *text);

/* The settings that both reports use, and the words that change them: "page=weensy|physical|processes", "lens=NAME", "zoom=4K|2M|1G", "base=ADDRESS|auto", "at=ADDRESS",
 * "pid=N", separated by blanks. 0, or -EINVAL (then nothing changed). */
extern struct view_settings view_report_settings;
int must_check view_settings_parse(struct view_settings *settings, const char *words);

#endif
