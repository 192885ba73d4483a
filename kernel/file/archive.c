/* See archive.h. */
#include "kernel/file/archive.h"

#include <asm/errno.h>
#include <bsd/sys/tree.h>
#include <linux/fcntl.h>

#include "kernel/debug/log.h"
#include "kernel/device/clock.h"
#include "kernel/file/cpio.h"
#include "kernel/file/node.h"
#include "kernel/file/path.h"
#include "kernel/file/tree.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

#define PERMISSIONS        07777u
#define PARENT_PERMISSIONS 0755u /* of directories that the archive does not list */

/* A file of the archive that has several names there. */
struct shared_file {
    RB_ENTRY(shared_file) link;
    uint32_t archive, device_major, device_minor, inode;
    struct node *node; /* counted */
};

RB_HEAD(shared_files, shared_file);

struct unpacking {
    const char *name;
    struct cpio_reader reader;
    struct shared_files shared;
    struct cpio_entry entry;
    uint32_t files;
};

static int shared_compare(const struct shared_file *left, const struct shared_file *right)
{
    uint32_t l[] = {left->archive, left->device_major, left->device_minor, left->inode};
    uint32_t r[] = {right->archive, right->device_major, right->device_minor, right->inode};

    for (unsigned i = 0; i < sizeof(l) / sizeof(l[0]); i++) {
        if (l[i] != r[i])
            return l[i] < r[i] ? -1 : 1;
    }
    return 0;
}

RB_GENERATE_INTERNAL(shared_files, shared_file, link, shared_compare, static __attribute__((__unused__)))

static void shared_free(struct shared_files *shared)
{
    struct shared_file *file;

    while ((file = RB_ROOT(shared)) != NULL) {
        RB_REMOVE(shared_files, shared, file);
        node_put(file->node);
        heap_free(file);
    }
}

/* The node of an entry that may have other names: found (counted), or NULL. */
static struct node *shared_find(struct unpacking *unpacking)
{
    const struct cpio_entry *entry = &unpacking->entry;
    struct shared_file key = {.archive = entry->archive,
                              .device_major = entry->device_major,
                              .device_minor = entry->device_minor,
                              .inode = entry->inode};
    struct shared_file *file = RB_FIND(shared_files, &unpacking->shared, &key);
    return file != NULL ? node_get(file->node) : NULL;
}

static int shared_add(struct unpacking *unpacking, struct node *node)
{
    const struct cpio_entry *entry = &unpacking->entry;
    struct shared_file *file = heap_alloc_zeroed(sizeof(*file));

    if (file == NULL)
        return -ENOMEM;
    *file = (struct shared_file){.archive = entry->archive,
                                 .device_major = entry->device_major,
                                 .device_minor = entry->device_minor,
                                 .inode = entry->inode,
                                 .node = node_get(node)};
    RB_INSERT(shared_files, &unpacking->shared, file);
    return 0;
}

static void node_describe(struct node *node, const struct cpio_entry *entry)
{
    node->mode = (node->mode & S_IFMT) | (entry->mode & PERMISSIONS);
    node->uid = entry->uid;
    node->gid = entry->gid;
    node->modified = entry->modified * NANOSECONDS;
    node->device = DEVICE_NUMBER(entry->rdev_major, entry->rdev_minor);
}

/* The node that the entry names, counted: a new one, or that of an earlier name. */
static int node_of_entry(struct unpacking *unpacking, struct node **made)
{
    const struct cpio_entry *entry = &unpacking->entry;
    bool regular = S_ISREG(entry->mode), shares = regular && entry->links > 1;
    struct node *node = shares ? shared_find(unpacking) : NULL;
    bool found = node != NULL;

    if (!found && S_ISLNK(entry->mode))
        node = node_create_link((const char *)entry->data, entry->size);
    else if (!found)
        node = node_create(entry->mode & (S_IFMT | PERMISSIONS));
    if (node == NULL)
        return -ENOMEM;
    if (!found && shares && shared_add(unpacking, node) != 0) {
        node_put(node);
        return -ENOMEM;
    }
    node_describe(node, entry);
    /* Of several names only one, often the last, comes with the data. */
    if (regular && entry->size > 0)
        contents_set_archive(&node->contents, entry->data, entry->size);
    *made = node;
    return 0;
}

/* Make the directories that lead to the entry. */
static int parents_make(char *name)
{
    for (char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int error = tree_make(tree_root(), name, S_IFDIR | PARENT_PERMISSIONS, 0);
        *slash = '/';
        if (error != 0 && error != -EEXIST)
            return error;
    }
    return 0;
}

/* Take away what has the entry's name: a directory only when it is empty. */
static int make_room(const char *name)
{
    int error = tree_unlink(tree_root(), name);

    return error == -EISDIR ? tree_rmdir(tree_root(), name) : error;
}

static int add(struct unpacking *unpacking, struct node *node)
{
    char *name = unpacking->entry.name;

    int error = tree_add(tree_root(), name, node_get(node));
    if (error == -ENOENT) {
        error = parents_make(name);
        if (error == 0)
            error = tree_add(tree_root(), name, node_get(node));
    }
    if (error == -EEXIST) {
        error = make_room(name);
        if (error == 0)
            error = tree_add(tree_root(), name, node_get(node));
    }
    return error;
}

/* A directory that is there already, perhaps through a link, only changes. */
static bool directory_merge(const struct cpio_entry *entry)
{
    struct node *node;

    if (!S_ISDIR(entry->mode))
        return false;
    if (entry->name_length == 0)
        node = node_get(tree_root());
    else if (path_find(tree_root(), entry->name, PATH_FOLLOW, &node) != 0)
        return false;
    bool directory = S_ISDIR(node->mode);
    if (directory)
        node_describe(node, entry);
    node_put(node);
    return directory;
}

static int entry_unpack(struct unpacking *unpacking)
{
    struct node *node;

    unpacking->files++;
    if (directory_merge(&unpacking->entry))
        return 0;
    int error = node_of_entry(unpacking, &node);
    if (error != 0)
        return error;
    error = add(unpacking, node);
    node_put(node);
    return error;
}

/* Every entry in turn through `take`, or only looked at when it is NULL. */
static int entries_walk(struct unpacking *unpacking, const void *bytes, size_t size,
                        int (*take)(struct unpacking *unpacking))
{
    int result;

    cpio_start(&unpacking->reader, bytes, size);
    while ((result = cpio_next(&unpacking->reader, &unpacking->entry)) > 0) {
        int error = take != NULL ? take(unpacking) : 0;
        if (error != 0) {
            log_error("archive %s: cannot unpack %s (offset %zu): error %d", unpacking->name,
                      unpacking->entry.name, unpacking->entry.offset, -error);
            return error;
        }
    }
    if (result < 0)
        log_error("archive %s %s (offset %zu of %zu); nothing of it is used", unpacking->name,
                  unpacking->reader.error, unpacking->reader.offset, size);
    return result;
}

int archive_unpack(const char *name, const void *bytes, size_t size)
{
    struct unpacking *unpacking = heap_alloc_zeroed(sizeof(*unpacking));

    if (unpacking == NULL)
        return -ENOMEM;
    unpacking->name = name;
    RB_INIT(&unpacking->shared);
    int error = entries_walk(unpacking, bytes, size, NULL);
    if (error == 0)
        error = entries_walk(unpacking, bytes, size, entry_unpack);
    if (error == 0)
        log_info("archive %s: %u files, %zu KiB", name, unpacking->files, size >> 10);
    shared_free(&unpacking->shared);
    heap_free(unpacking);
    return error;
}
