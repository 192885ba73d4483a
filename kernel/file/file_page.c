/* See file_page.h. */
#include "kernel/file/file_page.h"

#include <stddef.h>

#include "kernel/memory/frame.h"

uint8_t *file_page_alloc(void)
{
    struct frame *frame = frame_alloc(FRAME_FILE);

    return frame != NULL ? frame_pointer(frame) : NULL;
}

void file_page_free(uint8_t *page)
{
    frame_put(frame_of(direct_map_pa(page)));
}
