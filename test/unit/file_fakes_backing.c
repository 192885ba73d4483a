/* What program_file.c stands on: the bytes of a file behind a program's memory. */
#include "kernel/memory/backing.h"
#include "kernel/memory/heap.h"

struct bytes_backing {
    struct backing backing;
    void (*done)(void *context);
    void *context;
};

static void bytes_release(struct backing *backing)
{
    struct bytes_backing *bytes = (struct bytes_backing *)backing;

    bytes->done(bytes->context);
    heap_free(bytes);
}

struct backing *backing_bytes_create(const void *bytes, uint64_t size, void (*done)(void *context),
                                     void *context)
{
    static const struct backing_operations operations = {.release = bytes_release};
    struct bytes_backing *made = heap_alloc_zeroed(sizeof(*made));

    (void)bytes, (void)size;
    if (made == NULL)
        return NULL;
    *made = (struct bytes_backing){{.operations = &operations, .references = 1}, done, context};
    return &made->backing;
}
