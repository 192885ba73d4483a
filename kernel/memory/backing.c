/* See backing.h. */
#include "kernel/memory/backing.h"

#include <asm/errno.h>

#include "kernel/cpu/mutex.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "paging/paging.h"

/* --- shared anonymous memory: a two-level table of frames, so that a large, thinly used mapping costs little --- */

#define LEAF_FRAMES (PAGE_SIZE / sizeof(struct frame *))

struct shared_backing {
    struct backing backing;
    struct mutex mutex; /* leaves and frames */
    uint64_t pages;
    struct frame ***leaf; /* leaf[page / LEAF_FRAMES][page % LEAF_FRAMES] */
};

static uint64_t leaf_count(const struct shared_backing *shared)
{
    return (shared->pages + LEAF_FRAMES - 1) / LEAF_FRAMES;
}

static int shared_page_locked(struct shared_backing *shared, uint64_t page, struct frame **frame)
{
    struct frame ***leaf = &shared->leaf[page / LEAF_FRAMES];

    if (*leaf == NULL && (*leaf = heap_alloc_zeroed(PAGE_SIZE)) == NULL)
        return -ENOMEM;
    struct frame **slot = &(*leaf)[page % LEAF_FRAMES];
    if (*slot == NULL && (*slot = frame_alloc_zeroed(FRAME_SHARED)) == NULL)
        return -ENOMEM;
    frame_get(*slot);
    *frame = *slot;
    return 0;
}

static int shared_page(struct backing *backing, uint64_t offset, bool write, struct frame **frame)
{
    struct shared_backing *shared = (struct shared_backing *)backing;

    (void)write;
    if (offset / PAGE_SIZE >= shared->pages)
        return -EFAULT;
    mutex_lock(&shared->mutex);
    int error = shared_page_locked(shared, offset / PAGE_SIZE, frame);
    mutex_unlock(&shared->mutex);
    return error;
}

static void shared_each_frame(struct backing *backing, void (*visit)(struct frame *frame, void *context),
                              void *context)
{
    struct shared_backing *shared = (struct shared_backing *)backing;

    for (uint64_t i = 0; i < leaf_count(shared); i++)
        for (uint64_t j = 0; shared->leaf[i] != NULL && j < LEAF_FRAMES; j++)
            if (shared->leaf[i][j] != NULL)
                visit(shared->leaf[i][j], context);
}

static void frame_release(struct frame *frame, void *context)
{
    (void)context;
    frame_put(frame);
}

static void shared_release(struct backing *backing)
{
    struct shared_backing *shared = (struct shared_backing *)backing;

    shared_each_frame(backing, frame_release, NULL);
    for (uint64_t i = 0; i < leaf_count(shared); i++)
        heap_free(shared->leaf[i]);
    heap_free(shared->leaf);
    heap_free(shared);
}

static const struct backing_operations shared_operations = {
    .page = shared_page, .release = shared_release, .each_frame = shared_each_frame};

struct backing *backing_shared_create(uint64_t size)
{
    struct shared_backing *shared = heap_alloc_zeroed(sizeof(*shared));

    if (shared == NULL)
        return NULL;
    shared->backing = (struct backing){.operations = &shared_operations, .references = 1};
    shared->pages = size / PAGE_SIZE;
    mutex_init(&shared->mutex, MUTEX_BACKING, "shared memory");
    shared->leaf = heap_alloc_zeroed(leaf_count(shared) * sizeof(shared->leaf[0]));
    if (shared->leaf == NULL) {
        heap_free(shared);
        return NULL;
    }
    return &shared->backing;
}

/* --- bytes that lie in memory: programs in archives --- */

struct bytes_backing {
    struct backing backing;
    const uint8_t *bytes;
    uint64_t size;
    void (*done)(void *context);
    void *context;
};

static int bytes_page(struct backing *backing, uint64_t offset, bool write, struct frame **frame)
{
    struct bytes_backing *source = (struct bytes_backing *)backing;
    const uint8_t *at = source->bytes + offset;

    *frame = NULL;
    if (offset >= source->size)
        return -EFAULT;
    if (write || PAGEOFFSET((vaddr_t)at) != 0 || source->size - offset < PAGE_SIZE)
        return 0;
    struct frame *whole = frame_lookup(direct_map_pa(at));
    if (whole == NULL || whole->owner != FRAME_FILE)
        return 0;
    frame_get(whole);
    *frame = whole;
    return 0;
}

static int bytes_read(struct backing *backing, uint64_t offset, void *page)
{
    struct bytes_backing *source = (struct bytes_backing *)backing;

    if (offset >= source->size)
        return -EFAULT;
    uint64_t size = source->size - offset < PAGE_SIZE ? source->size - offset : PAGE_SIZE;
    memcpy(page, source->bytes + offset, size);
    memset((uint8_t *)page + size, 0, PAGE_SIZE - size);
    return 0;
}

static void bytes_release(struct backing *backing)
{
    struct bytes_backing *source = (struct bytes_backing *)backing;

    if (source->done != NULL)
        source->done(source->context);
    heap_free(source);
}

static const struct backing_operations bytes_operations = {
    .page = bytes_page, .read = bytes_read, .release = bytes_release};

struct backing *backing_bytes_create(const void *bytes, uint64_t size, void (*done)(void *context),
                                     void *context)
{
    struct bytes_backing *source = heap_alloc_zeroed(sizeof(*source));

    if (source == NULL)
        return NULL;
    *source = (struct bytes_backing){
        {.operations = &bytes_operations, .references = 1}, bytes, size, done, context};
    return &source->backing;
}
