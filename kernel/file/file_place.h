/* Places: the working directory and the umask, which clone's CLONE_FS lets threads share, of one process or of several.
 *
 * Counted: the last of its users gives it back. Thread context; a change of the directory takes tree_lock(), the umask is one word. */
#ifndef KERNEL_FILE_FILE_PLACE_H
#define KERNEL_FILE_FILE_PLACE_H

#include <stdint.h>

#include "paging/types.h"

struct node;

struct file_place {
    uint32_t references;    /* atomic: threads that use it */
    uint32_t umask;         /* atomic: permissions that new files do not get */
    struct node *directory; /* tree_lock(); counted */
};

/* A new one, at the root; a copy. One reference; NULL when memory is exhausted. */
must_check struct file_place *file_place_create(void);
must_check struct file_place *file_place_copy(struct file_place *place);

/* One more user; one less, NULL is fine. */
struct file_place *file_place_get(struct file_place *place);
void file_place_put(struct file_place *place);

/* The directory, counted. */
must_check struct node *file_place_directory(struct file_place *place);

/* Go to another directory, whose reference is taken over. */
void file_place_move(struct file_place *place, struct node *directory);

#endif
