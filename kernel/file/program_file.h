/* Programs as exec reads them: all of a file's bytes in one span of memory, and the same as something to map. */
#ifndef KERNEL_FILE_PROGRAM_FILE_H
#define KERNEL_FILE_PROGRAM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/backing.h"
#include "kernel/process/process.h"
#include "paging/types.h"

struct node;

struct program_file {
    const void *bytes; /* does not change as long as `backing` lives, whatever is done to the file */
    uint64_t size;
    struct backing *backing;     /* the same bytes; one reference */
    char path[PROCESS_PATH_MAX]; /* absolute, links followed: for /proc/self/exe; "" when it is longer */
};

/* Open what `path` (from `start`, when relative) names for execution. -EACCES: not a regular file, or one without an x bit; -ENOMEM; errors of
 * the path. Thread context; may sleep. Close with program_file_close(); mappings keep what they need themselves. */
int must_check program_file_open(struct node *start, const char *path, struct program_file *program);
void program_file_close(struct program_file *program);

#endif
