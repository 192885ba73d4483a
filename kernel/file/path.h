/* Walking a path to a node, by Linux's rules (path_resolution(7)): symbolic links, ".", "..", trailing slashes, lengths.
 *
 * Nothing leads above the root. A walk holds tree_mutex (tree.h) all the way, so it sees one state of the tree. */
#ifndef KERNEL_FILE_PATH_H
#define KERNEL_FILE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/file/directory.h"
#include "paging/types.h"

#define PATH_SIZE_MAX  4096 /* terminator included */
#define PATH_LINKS_MAX 40   /* symbolic links in one walk, before -ELOOP */

/* What the last component of a path was. */
enum path_last { PATH_NAME, PATH_DOT, PATH_DOT_DOT, PATH_ROOT };

/* What becomes of a last component that is a symbolic link; and of a slash behind it. */
enum path_end {
    PATH_FOLLOW, /* it is followed */
    PATH_STAY,   /* it is the end, unless a slash comes after it */
    PATH_ENTRY,  /* it is the end; the caller is after the name itself and judges slashes */

    PATH_NO_SLASH = 4, /* added to the above: a slash behind a last name is -EISDIR, whatever the name is */
};

/* Where a walk ended. */
struct path_place {
    struct node *parent; /* counted; the directory of `name`, NULL unless PATH_NAME */
    struct node *node;   /* counted; NULL when the name does not exist in `parent` */
    enum path_last last;
    bool slash; /* the path ended in '/' : only a directory will do */
    size_t length;
    char name[DIRECTORY_NAME_MAX + 1]; /* the last component; terminated */
};

/* Follow `path` (of less than PATH_SIZE_MAX bytes) from `start`, or from the root when it begins with '/' or `start` is NULL. That the last name is missing
 * is no error here (node is NULL). -ENOENT (also for ""), -ENOTDIR (also for "file/", but with PATH_ENTRY), -ELOOP, -ENAMETOOLONG. On success
 * give the place back with path_place_put(). tree_mutex held. */
int must_check path_walk(struct node *start, const char *path, enum path_end end, struct path_place *place);
void path_place_put(struct path_place *place);

/* The node at the end of `path`, counted, which must exist. Takes tree_mutex. Errors as path_walk(). */
int must_check path_find(struct node *start, const char *path, enum path_end end, struct node **node);

/* The absolute path of a directory: its length without terminator; -ENOENT when it was removed, -ERANGE when it does not fit. Takes
 * tree_mutex. */
long must_check path_of_directory(struct node *directory, char *to, size_t size);

/* The absolute path of where a walk ended; -ERANGE. tree_mutex held. */
long must_check path_of_place(const struct path_place *place, char *to, size_t size);

#endif
