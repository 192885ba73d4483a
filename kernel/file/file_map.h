/* Files as something to map (mmap). */
#ifndef KERNEL_FILE_FILE_MAP_H
#define KERNEL_FILE_FILE_MAP_H

#include <stdbool.h>

#include "kernel/memory/backing.h"

struct file_table;

/* The backing for a mapping of what `descriptor` names, with a reference. `shared` with `write`: stores will change the file. -EBADF; -EACCES: not opened for reading, or not for writing when stores
 * are shared; -ENODEV: no regular file; -ENOMEM. Thread context; may sleep. */
int must_check file_map(struct file_table *table, int descriptor, bool shared, bool write,
                        struct backing **backing);

/* The file has been cut to `size` bytes: mappings lose what lies beyond. Thread context; may sleep. */
struct node;
void file_map_cut(struct node *node, uint64_t size);

#endif
