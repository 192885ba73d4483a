/* Pages that hold what programs write to files: whole frames, so that they can be mapped as they are. */
#ifndef KERNEL_FILE_FILE_PAGE_H
#define KERNEL_FILE_FILE_PAGE_H

#include <stdint.h>

#include "paging/types.h"

/* PAGE_SIZE bytes, undefined contents; NULL when memory is exhausted. Any context; never sleeps. */
must_check uint8_t *file_page_alloc(void);

/* The file needs it no more; mappings of it keep the frame. */
void file_page_free(uint8_t *page);

#endif
