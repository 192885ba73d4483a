/* See file_map.h. Every mapping of a file has a backing of its own, which holds the node; the pages are the file's: shared mappings see each other through them.
 *
 * A private mapping may take an archive's page as it lies; a shared one makes the file a page of its own first, because a later write would do so too and the two must stay one. */
#include "kernel/file/file_map.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/file/file.h"
#include "kernel/file/file_table.h"
#include "kernel/file/node.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/heap.h"
#include "paging/paging.h"

struct file_backing {
    struct backing backing;
    struct node *node; /* counted */
    bool shared;
};

/* The frame of a page that is memory of ours, with a reference; NULL for bytes in the middle of an archive. */
static int frame_use(const uint8_t *page, void *context)
{
    struct frame **frame = context;

    *frame = page != NULL && PAGEOFFSET((vaddr_t)page) == 0 ? frame_lookup(direct_map_pa(page)) : NULL;
    if (*frame != NULL && (*frame)->owner != FRAME_FILE)
        *frame = NULL;
    if (*frame != NULL)
        frame_get(*frame);
    return 0;
}

static int file_backing_page(struct backing *backing, uint64_t offset, bool write, struct frame **frame)
{
    struct file_backing *file = (struct file_backing *)backing;

    (void)write;
    return contents_page(&file->node->contents, offset / PAGE_SIZE, file->shared, frame_use, frame);
}

static int file_backing_read(struct backing *backing, uint64_t offset, void *page)
{
    struct file_backing *file = (struct file_backing *)backing;

    return contents_copy_page(&file->node->contents, offset / PAGE_SIZE, page);
}

static void file_backing_release(struct backing *backing)
{
    struct file_backing *file = (struct file_backing *)backing;

    node_put(file->node);
    heap_free(file);
}

static const struct backing_operations file_backing_operations = {
    .page = file_backing_page, .read = file_backing_read, .release = file_backing_release};

static int backing_make(struct file *file, bool shared, bool write, struct backing **backing)
{
    if (!file_readable(file) || (shared && write && !file_writable(file)))
        return -EACCES;
    if (!S_ISREG(file->node->mode) || file->node->operations != NULL)
        return -ENODEV;
    struct file_backing *made = heap_alloc_zeroed(sizeof(*made));
    if (made == NULL)
        return -ENOMEM;
    made->backing = (struct backing){.operations = &file_backing_operations, .references = 1};
    made->node = node_get(file->node);
    made->backing.read_only = !file_writable(file);
    made->backing.bytes = made->node;
    made->shared = shared;
    *backing = &made->backing;
    return 0;
}

int file_map(struct file_table *table, int descriptor, bool shared, bool write, struct backing **backing)
{
    struct file *file = file_table_get(table, descriptor);

    if (file == NULL)
        return -EBADF;
    int error = backing_make(file, shared, write, backing);
    file_put(file);
    return error;
}

static bool backing_of_node(struct backing *backing, void *context)
{
    return backing->operations == &file_backing_operations &&
           ((struct file_backing *)backing)->node == context;
}

void file_map_cut(struct node *node, uint64_t size)
{
    spaces_cut_backing(backing_of_node, node, size);
}
