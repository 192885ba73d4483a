/* The bytes of a regular file.
 *
 * They start as a pointer into the archive the file came from, which is never copied nor freed. Writing makes pages of the file's own for
 * the places written; what is neither a page nor archive is a hole that reads as zero. So an unwritten program is one span of
 * memory, and stays valid while others write to the file.
 *
 * Locks: contents.mutex (MUTEX_NODE), and inside it pages_mutex (MUTEX_BACKING), both taken here. Thread context; may sleep. */
#ifndef KERNEL_FILE_CONTENTS_H
#define KERNEL_FILE_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cpu/mutex.h"
#include "paging/types.h"

struct buffer;

struct contents {
    struct mutex mutex;
    struct mutex pages_mutex; /* which pages there are, and their table; inside `mutex`, for a moment only */
    uint64_t size;            /* changed under `mutex`, made smaller under both */
    const uint8_t *archive;   /* bytes [0, archive_size), where no page stands before them */
    uint64_t archive_size;    /* <= size */
    uint8_t **pages;          /* page_slots pointers, NULL: no page */
    size_t page_slots;
    size_t page_count; /* pages that exist */
};

/* What one file can grow to: the table of its pages is one allocation. */
#define CONTENTS_SIZE_MAX (UINT64_C(2) << 30)

void contents_init(struct contents *contents);

/* Become `size` bytes of an archive; what it held before goes. `bytes` stays where it is for ever. */
void contents_set_archive(struct contents *contents, const void *bytes, uint64_t size);

/* Read from `position` on, up to the end: bytes read, or -EFAULT. */
long contents_read(struct contents *contents, struct buffer *to, uint64_t position);

/* Write at *position, or at the end when `append`; *position is then behind what was written. Bytes written (short when memory or
 * the size limit ends), or -EFAULT, -EFBIG, -ENOSPC when none. */
long contents_write(struct contents *contents, struct buffer *from, uint64_t *position, bool append);

/* For mappings, which must not wait for `mutex`: a read or write that holds it may fault on the very page. Call `use` with where the bytes of page `slot` are (NULL: not together in
 * memory), under pages_mutex; its result is returned, or -EFAULT when the page lies beyond the end. `own`: make the file a page of its own there first: -ENOMEM when that fails. */
int must_check contents_page(struct contents *contents, uint64_t slot, bool own,
                             int (*use)(const uint8_t *page, void *context), void *context);

/* Copy page `slot` as a read would see it, zeros where there is nothing: 0, or -EFAULT when it lies beyond the end. */
int must_check contents_copy_page(struct contents *contents, uint64_t slot, uint8_t *to);

/* Cut or extend (with zeros): 0 or -EFBIG. `shrank`: whether it was a cut, which the size before, read outside, cannot tell. */
int must_check contents_resize(struct contents *contents, uint64_t size, bool *shrank);

/* Give all pages back; nobody else uses it any more. */
void contents_free(struct contents *contents);

/* All bytes as one span, or NULL when the file has been written to since it came from its archive. */
const void *contents_span(const struct contents *contents);

/* The most that all files' own pages may take together, in bytes; beyond it writing gives -ENOSPC. No limit until set. */
void contents_set_limit(uint64_t bytes);
uint64_t contents_bytes_used(void);

#endif
