/* Nodes: files apart from their names (Unix's inodes).
 *
 * All are in memory. A node is counted: every directory entry, open file, working directory and program being loaded holds a reference,
 * and so does a directory for each child directory it is the parent of. The last node_put() frees it and what it holds.
 *
 * Locks: names, link counts and parents belong to tree_mutex (tree.h); a regular file's bytes, size and times to its own mutex
 * (MUTEX_NODE); mode, owner and the times of other kinds are single words that are written whole. Thread context. */
#ifndef KERNEL_FILE_NODE_H
#define KERNEL_FILE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/file/contents.h"
#include "kernel/file/directory.h"
#include "kernel/file/mode.h"
#include "paging/types.h"

struct file;
struct stat;

/* Device numbers as Linux shows them to programs. */
#define DEVICE_NUMBER(major, minor)                                                                          \
    ((uint64_t)((((major)&0xfff) << 8) | ((minor)&0xff)) | ((uint64_t)((minor) & ~0xffu) << 12))
#define DEVICE_MAJOR(number) ((unsigned)((number) >> 8) & 0xfff)
#define DEVICE_MINOR(number) ((unsigned)((number)&0xff) | (unsigned)(((number) >> 12) & ~0xffu))

/* What a kind of file does its own way; NULL functions, and a node without operations, behave as plain memory files. All but `release`
 * and `open` are called with tree_mutex held. */
struct node_operations {
    /* The child of that name, counted; -ENOENT. Such a directory cannot be changed by programs. */
    int (*lookup)(struct node *directory, const char *name, size_t length, struct node **child);

    /* Report entries from *position on (2 is the first after "." and ".."), advancing it, until `emit` refuses one. */
    int (*list)(struct node *directory, uint64_t *position, directory_emit *emit, void *context);

    /* A symbolic link whose text is made when it is read: its length, at most `size`, or negative errno. */
    long (*link_text)(struct node *link, char *to, size_t size);

    /* Fill in a file that is being opened (operations, private); negative errno refuses. */
    int (*open)(struct node *node, struct file *file);

    void (*release)(struct node *node);
};

struct node {
    uint32_t references; /* atomic */
    uint32_t mode;       /* S_IFMT kind (never changes) and permissions */
    uint32_t uid, gid;
    uint32_t links;
    uint64_t inode;
    uint64_t accessed, modified, changed; /* nanoseconds since 1970 */
    uint64_t device;                      /* of S_IFCHR and S_IFBLK: DEVICE_NUMBER */
    uint64_t key;                         /* the operations' own: what the node stands for */
    const struct node_operations *operations;
    union {
        struct contents contents;   /* S_IFREG */
        struct directory directory; /* S_IFDIR */
        struct {
            char *text; /* terminated; NULL when operations make it */
            size_t length;
        } link;        /* S_IFLNK */
        void *private; /* S_IFIFO: its pipe, NULL until it is opened */
    };
};

#define LINK_TEXT_MAX 4095 /* bytes in a symbolic link */

/* A node of the kind and permissions in `mode`, one reference, no link, owned by root. NULL when memory is exhausted. */
must_check struct node *node_create(uint32_t mode);

/* A symbolic link to `text`. NULL when memory is exhausted. */
must_check struct node *node_create_link(const char *text, size_t length);

static inline struct node *node_get(struct node *node)
{
    __atomic_fetch_add(&node->references, 1, __ATOMIC_RELAXED);
    return node;
}

/* Drop a reference; NULL is fine. May free: hold no spinlock of rank LOCK_HEAP or above. */
void node_put(struct node *node);

/* Now, for accessed, modified and changed. */
uint64_t node_time(void);

/* Set modified and changed to now. */
void node_touch(struct node *node);

/* truncate(2) of a regular file: 0 or -EFBIG. */
int must_check node_resize(struct node *node, uint64_t size);

/* What stat(2) tells. */
void node_status(struct node *node, struct stat *status);

/* A symbolic link's text, without terminator: its length, at most `size`, or negative errno. tree_mutex held when it has operations. */
long must_check node_link_text(struct node *link, char *to, size_t size);

#endif
