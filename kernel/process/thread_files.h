/* What a thread has of files: a table of descriptors, and a place (working directory and umask).
 *
 * Each is counted by the threads that use it, so that clone and unshare can share or copy the one without the other. Threads only carry the pointers; kernel/file
 * registers what is done with them. */
#ifndef KERNEL_PROCESS_THREAD_FILES_H
#define KERNEL_PROCESS_THREAD_FILES_H

#include <stdbool.h>

#include "paging/types.h"

struct file_place;
struct file_table;

/* Touched by the thread itself only, and by its parent before it runs. Both NULL: a kernel thread, or one that has given them up. */
struct thread_files {
    struct file_table *table;
    struct file_place *place;
};

/* What is shared; the rest is copied. */
#define THREAD_FILES_TABLE 1u
#define THREAD_FILES_PLACE 2u

struct thread_file_operations {
    int (*clone)(const struct thread_files *from, unsigned shared, struct thread_files *to); /* -ENOMEM */
    bool (*table_alone)(const struct thread_files *files); /* nobody else uses the table */
    void (*exec)(struct thread_files *files);    /* close-on-exec; the table is used by nobody else */
    void (*release)(struct thread_files *files); /* leaves both NULL; may sleep */
    void (*session_end)(int session);            /* the leader of this session has ended; no lock is held */
};
extern struct thread_file_operations thread_file_operations;

/* Let go of what is shared with other threads, but for `shared`: the caller gets copies. 0 or -ENOMEM, and nothing has changed. */
must_check static inline int thread_files_unshare(struct thread_files *files, unsigned shared)
{
    struct thread_files copy;

    if (shared & THREAD_FILES_PLACE && thread_file_operations.table_alone(files))
        return 0;
    int error = thread_file_operations.clone(files, shared, &copy);
    if (error != 0)
        return error;
    thread_file_operations.release(files);
    *files = copy;
    return 0;
}

#endif
