/* Which processes use each frame, and where they map it: /proc/sys/quire/memory_frames.
 *
 * All address spaces are looked at in one moment, as by memory_check(), so the picture is exact: a frame of anonymous memory counts as many references as the mappings it is listed
 * with. One line for a frame, in ascending order:
 *
 *     0xdea1 anonymous 2: 3 0x7f0000001000 rw-p, 4 0x7f0000001000 r--p
 *
 * frame number, owner, references; then for each mapping process id, address, and what the processor lets it do now (- in place of p or s when no region promises it, "parked" when it may
 * not be used at all; a frame of a 2 MiB page says "2M"). A page table says "table level LEVEL" in place of address and rights. Processes that share an address space are
 * listed by the lowest id. Frames that no process uses are left out. */
#ifndef KERNEL_VIEW_FRAME_USERS_H
#define KERNEL_VIEW_FRAME_USERS_H

#include <stdint.h>

#include "kernel/view/text_buffer.h"
#include "paging/types.h"

/* Frames by number; all by default. */
struct frame_range {
    uint64_t first, last;
};
#define FRAME_RANGE_ALL ((struct frame_range){0, UINT64_MAX})

/* "all", "NUMBER" or "NUMBER-NUMBER". -EINVAL or -ERANGE, then nothing changed. */
int must_check frame_range_parse(struct frame_range *range, const char *text);

/* Thread context, no lock held. On failure text->failed is set. */
void frame_users_text(const struct frame_range *range, struct text_buffer *text);

#endif
