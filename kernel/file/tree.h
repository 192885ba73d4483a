/* The file tree: one root, and the operations that change names.
 *
 * Each function takes a path relative to `start` (a directory; the path may be absolute), takes tree_mutex itself, checks everything
 * and then commits a step that cannot fail. Errors are those of Linux's calls of the same name. Thread context; may sleep. */
#ifndef KERNEL_FILE_TREE_H
#define KERNEL_FILE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

struct node;

/* Make the empty root directory; once, at start-up. 0 or -ENOMEM. */
int must_check tree_start(void);

/* The root, not counted: it never goes. */
struct node *tree_root(void);

/* tree_mutex: all names, links and parents. */
void tree_lock(void);
void tree_unlock(void);

/* Find or create what open(2) names: `flags` are O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_PATH and the access mode; `mode` is for a new
 * file. The node, counted. -EISDIR for writing to a directory, -EEXIST, -ENOTDIR, -ELOOP, -ENXIO ... */
int must_check tree_open(struct node *start, const char *path, unsigned flags, uint32_t mode,
                         struct node **node, bool *created);

/* Give a node without a name this one. Takes the caller's reference over, in every case; NULL stands for one that memory was short for. */
int must_check tree_add(struct node *start, const char *path, struct node *node);

/* Make a directory (S_IFDIR in `mode`), an empty file (S_IFREG) or a device (S_IFCHR, S_IFBLK, with its number), pipe or socket name. */
int must_check tree_make(struct node *start, const char *path, uint32_t mode, uint64_t device);
int must_check tree_symlink(struct node *start, const char *path, const char *text);

/* Another name for `node`: -EPERM for a directory. */
int must_check tree_link(struct node *node, struct node *start, const char *path);
int must_check tree_unlink(struct node *start, const char *path);
int must_check tree_rmdir(struct node *start, const char *path);

/* `flags`: RENAME_NOREPLACE, or RENAME_EXCHANGE, or neither. */
int must_check tree_rename(struct node *start, const char *path, struct node *new_start, const char *new_path,
                           unsigned flags);

#endif
