/* What stands behind a mapping that is not anonymous: a file's bytes, or the pages of a shared anonymous mapping.
 *
 * Reference counted; callable with the address space's mutex held, may sleep. */
#ifndef KERNEL_MEMORY_BACKING_H
#define KERNEL_MEMORY_BACKING_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/frame.h"
#include "paging/types.h"

struct backing;

struct backing_operations {
    /* The frame that holds the page at `offset` (page-aligned), with a reference, in *frame; NULL there when the bytes are not in a frame of their own: then
     * read() is used and the mapping gets a copy. 0, -EFAULT beyond the end (SIGBUS), -ENOMEM. `write`: a shared mapping is going to change it. */
    int (*page)(struct backing *backing, uint64_t offset, bool write, struct frame **frame);
    /* Fill a page from `offset`, zeroes beyond the end. 0; -EFAULT when the whole page is beyond the end. */
    int (*read)(struct backing *backing, uint64_t offset, void *page);
    void (*release)(struct backing *backing);
    /* Visit the frames that the backing holds a reference to only on behalf of its mappings; NULL: none. Never sleeps. */
    void (*each_frame)(struct backing *backing, void (*visit)(struct frame *frame, void *context),
                       void *context);
};

struct backing {
    const struct backing_operations *operations;
    uint32_t references; /* atomic */
    bool read_only;      /* shared mappings may never become writable: the file was opened for reading */
    uint32_t surveyed;   /* number of the survey that has met it (survey.c) */
    const void *
        bytes; /* what all backings of the same bytes have in common: the file's node; NULL: this is the only one */
    struct backing *next; /* backing_drop(): in the list of those to be released */
};

static inline void backing_get(struct backing *backing)
{
    __atomic_add_fetch(&backing->references, 1, __ATOMIC_RELAXED);
}

static inline void backing_put(struct backing *backing)
{
    if (__atomic_sub_fetch(&backing->references, 1, __ATOMIC_ACQ_REL) == 0)
        backing->operations->release(backing);
}

/* Drop a reference where nothing may sleep: when it is the last, the backing enters *released, for backing_put() later. */
static inline void backing_drop(struct backing *backing, struct backing **released)
{
    uint32_t count = __atomic_load_n(&backing->references, __ATOMIC_RELAXED);

    while (count > 1)
        if (__atomic_compare_exchange_n(&backing->references, &count, count - 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return;
    backing->next = *released;
    *released = backing;
}

/* The pages of a shared anonymous mapping of `size` bytes, made when first touched. NULL: no memory. */
must_check struct backing *backing_shared_create(uint64_t size);

static inline void backing_each_frame(struct backing *backing,
                                      void (*visit)(struct frame *frame, void *context), void *context)
{
    if (backing->operations->each_frame != NULL)
        backing->operations->each_frame(backing, visit, context);
}

/* `size` bytes at `bytes`, which stay until `done(context)` is called at the last release. Whole frames of archives are mapped as they are. */
must_check struct backing *backing_bytes_create(const void *bytes, uint64_t size, void (*done)(void *context),
                                                void *context);

/* The bytes of such a backing: NULL for another kind. They stay as long as the backing. */
const void *backing_bytes(const struct backing *backing, uint64_t *size);

#endif
