/* See node.h. */
#include "kernel/file/node.h"
#include "kernel/file/file_map.h"

#include <asm/errno.h>
#include <asm/stat.h>

#include "kernel/debug/panic.h"
#include "kernel/device/clock.h"
#include "kernel/file/pipe.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

#define TREE_DEVICE      1   /* st_dev: there is one file system */
#define BLOCK_SIZE       512 /* the unit of st_blocks */
#define DIRECTORY_WEIGHT 20  /* st_size of a directory, per entry: tmpfs's measure */

static uint64_t last_inode; /* atomic */

uint64_t node_time(void)
{
    return clock_realtime();
}

void node_touch(struct node *node)
{
    node->modified = node->changed = node_time();
}

int node_resize(struct node *node, uint64_t size)
{
    bool shrank = false;
    int error = contents_resize(&node->contents, size, &shrank);

    if (error != 0)
        return error;
    if (shrank)
        file_map_cut(node, size);
    node_touch(node);
    return 0;
}

struct node *node_create(uint32_t mode)
{
    struct node *node = heap_alloc_zeroed(sizeof(*node));

    if (node == NULL)
        return NULL;
    node->references = 1;
    node->mode = mode;
    node->inode = __atomic_add_fetch(&last_inode, 1, __ATOMIC_RELAXED);
    node->accessed = node->modified = node->changed = node_time();
    if (S_ISREG(mode))
        contents_init(&node->contents);
    else if (S_ISDIR(mode))
        directory_init(&node->directory);
    return node;
}

struct node *node_create_link(const char *text, size_t length)
{
    struct node *node = node_create(S_IFLNK | 0777);

    if (node == NULL)
        return NULL;
    node->link.text = heap_alloc(length + 1);
    if (node->link.text == NULL) {
        node_put(node);
        return NULL;
    }
    memcpy(node->link.text, text, length);
    node->link.text[length] = '\0';
    node->link.length = length;
    return node;
}

/* A directory frees its entries only when a whole tree goes; those that programs remove are empty. */
static void directory_free(struct node *node)
{
    struct directory_entry *entry;

    while ((entry = TAILQ_FIRST(&node->directory.ages)) != NULL)
        directory_remove(node, entry);
}

/* Free `node`; the directory that held it as its child, which loses a reference by that. */
static struct node *node_free(struct node *node)
{
    struct node *parent = NULL;

    if (node->operations != NULL && node->operations->release != NULL)
        node->operations->release(node);
    if (S_ISREG(node->mode)) {
        contents_free(&node->contents);
    } else if (S_ISLNK(node->mode)) {
        heap_free(node->link.text);
    } else if (S_ISFIFO(node->mode)) {
        pipe_free(node);
    } else if (S_ISDIR(node->mode)) {
        directory_free(node);
        if (node->directory.parent != node)
            parent = node->directory.parent;
    }
    heap_free(node);
    return parent;
}

void node_put(struct node *node)
{
    while (node != NULL) {
        uint32_t before = __atomic_fetch_sub(&node->references, 1, __ATOMIC_ACQ_REL);
        ASSERT(before > 0, "a node has a reference to drop");
        if (before > 1)
            return;
        node = node_free(node);
    }
}

static uint64_t node_size(struct node *node)
{
    switch (node->mode & S_IFMT) {
    case S_IFREG:
        return node->contents.size;
    case S_IFLNK:
        return node->link.length;
    case S_IFDIR:
        return (uint64_t)(node->directory.count + 2) * DIRECTORY_WEIGHT;
    default:
        return 0;
    }
}

void node_status(struct node *node, struct stat *status)
{
    *status = (struct stat){
        .st_dev = TREE_DEVICE,
        .st_ino = node->inode,
        .st_nlink = node->links,
        .st_mode = node->mode,
        .st_uid = node->uid,
        .st_gid = node->gid,
        .st_rdev = node->device,
        .st_size = (long)node_size(node),
        .st_blksize = PAGE_SIZE,
        .st_atime = node->accessed / NANOSECONDS,
        .st_atime_nsec = node->accessed % NANOSECONDS,
        .st_mtime = node->modified / NANOSECONDS,
        .st_mtime_nsec = node->modified % NANOSECONDS,
        .st_ctime = node->changed / NANOSECONDS,
        .st_ctime_nsec = node->changed % NANOSECONDS,
    };
    if (S_ISREG(node->mode))
        status->st_blocks = (long)(ROUND_UP(node->contents.size, PAGE_SIZE) / BLOCK_SIZE);
}

long node_link_text(struct node *link, char *to, size_t size)
{
    if (link->operations != NULL && link->operations->link_text != NULL)
        return link->operations->link_text(link, to, size);
    size_t length = link->link.length < size ? link->link.length : size;
    memcpy(to, link->link.text, length);
    return (long)length;
}
