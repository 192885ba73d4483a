/* File tables: descriptors, and the open files they name.
 *
 * A table grows as it is used, up to FILE_TABLE_MAX. It is shared by threads, of one process or of several (CLONE_FILES), or copied (the open files are
 * then shared); the last of its users gives it back. Lock: table.lock (LOCK_FILE_TABLE), taken inside and never held while a file is closed. */
#ifndef KERNEL_FILE_FILE_TABLE_H
#define KERNEL_FILE_FILE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/debug/spinlock.h"
#include "kernel/file/file.h"
#include "paging/types.h"

#define FILE_TABLE_MAX 1024 /* descriptors of one table */

struct file_table {
    uint32_t references; /* atomic: threads that use it */
    struct spinlock lock;
    uint32_t size;                         /* slots there are */
    struct file **files;                   /* counted; NULL: free */
    uint64_t used[FILE_TABLE_MAX / 64];    /* bit n: descriptor n is taken, or reserved */
    uint64_t cloexec[FILE_TABLE_MAX / 64]; /* bit n: closed by exec */
};

/* An empty table, one reference; NULL when memory is exhausted. */
must_check struct file_table *file_table_create(void);

/* Another table with the same files under the same descriptors. 0 or -ENOMEM. */
int must_check file_table_copy(struct file_table *table, struct file_table **copy);

/* exec: close what is marked so. */
void file_table_close_on_exec(struct file_table *table);

/* One more user; one less: the last closes everything and frees the table. NULL is fine for the latter. */
struct file_table *file_table_hold(struct file_table *table);
void file_table_put(struct file_table *table);

/* The calling thread is the table's only user. Only a user can let others in, so that this stays true until the caller itself does. */
static inline bool file_table_alone(const struct file_table *table)
{
    return __atomic_load_n(&table->references, __ATOMIC_ACQUIRE) == 1;
}

/* The file of a descriptor, counted (file_put); NULL when there is none. */
must_check struct file *file_table_get(struct file_table *table, int descriptor);

/* The same without the lock: for file_table_alone(). */
must_check static inline struct file *file_table_get_alone(struct file_table *table, int descriptor)
{
    if ((unsigned)descriptor >= table->size || table->files[descriptor] == NULL)
        return NULL;
    return file_get(table->files[descriptor]);
}

/* Reserve the lowest free descriptor from `minimum` on and below `limit`: it is not free any more, but names no file yet. The descriptor, or
 * -EMFILE, -ENOMEM. */
int must_check file_table_reserve(struct file_table *table, unsigned minimum, unsigned limit, bool cloexec);

/* Give a reserved descriptor its file, whose reference goes to the table; or free it again. */
void file_table_install(struct file_table *table, int descriptor, struct file *file);
void file_table_unreserve(struct file_table *table, int descriptor);

/* The two together: the descriptor, with the file's reference taken over; or an error, with the reference still the caller's. */
int must_check file_table_add(struct file_table *table, struct file *file, unsigned minimum, unsigned limit,
                              bool cloexec);

/* dup2: let `descriptor` (below `limit`) name `file`, closing what it named. Takes a reference of its own. 0, -EBADF, -ENOMEM, or -EBUSY when it is
 * reserved. */
int must_check file_table_set(struct file_table *table, unsigned descriptor, unsigned limit,
                              struct file *file, bool cloexec);

/* 0 or -EBADF. */
int must_check file_table_close(struct file_table *table, int descriptor);

/* The close-on-exec flag: 0 or 1, or -EBADF; and set it. */
int must_check file_table_cloexec(struct file_table *table, int descriptor);
int must_check file_table_set_cloexec(struct file_table *table, int descriptor, bool cloexec);

#endif
