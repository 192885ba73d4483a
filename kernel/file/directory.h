/* The entries of a directory: found by name, listed in the order they were made.
 *
 * Every function needs tree_mutex (tree.h). An entry holds one reference on its node; link counts are kept here as well. */
#ifndef KERNEL_FILE_DIRECTORY_H
#define KERNEL_FILE_DIRECTORY_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "paging/types.h"

struct node;

#define DIRECTORY_NAME_MAX 255 /* bytes in one name */

struct directory_entry {
    RB_ENTRY(directory_entry) by_name;
    TAILQ_ENTRY(directory_entry) by_age;
    struct node *node;
    uint64_t position; /* increases with age; where a listing goes on */
    uint8_t length;
    char name[]; /* terminated */
};

struct directory {
    RB_HEAD(directory_names, directory_entry) names;
    TAILQ_HEAD(directory_ages, directory_entry) ages;
    uint64_t next_position;
    uint32_t count;
    struct node *parent;           /* counted; the root's is itself, uncounted */
    struct directory_entry *entry; /* in the parent; NULL: the root, or removed */
};

/* The first positions of a listing are "." and "..". */
#define DIRECTORY_POSITION_FIRST 2

/* What a listing reports; false: no room, stop before this entry. `next` is the position to go on from after it. */
typedef bool directory_emit(void *context, const char *name, size_t length, uint64_t inode, uint32_t mode,
                            uint64_t next);

void directory_init(struct directory *directory);

must_check struct directory_entry *directory_find(struct node *directory, const char *name, size_t length);

/* An entry that is not in any directory yet, without a node; NULL when memory is exhausted. */
must_check struct directory_entry *directory_entry_create(const char *name, size_t length);

/* Put `node` under the entry's name, which is not taken, with a reference of its own. Cannot fail. */
void directory_insert(struct node *directory, struct directory_entry *entry, struct node *node);

/* Take an entry out and free it; its node loses a link and a reference. */
void directory_remove(struct node *directory, struct directory_entry *entry);

/* Let the entry stand for another node. */
void directory_replace(struct node *directory, struct directory_entry *entry, struct node *node);

/* Report "." and ".." and the entries from *position on; *position is then behind the last one that was taken. */
int must_check directory_list(struct node *directory, uint64_t *position, directory_emit *emit,
                              void *context);

#endif
