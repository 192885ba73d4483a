/* Paths and descriptors that programs pass: fetched, checked, and turned into nodes and files. For the calls on files, and execve. */
#ifndef SYSCALLS_USER_PATH_H
#define SYSCALLS_USER_PATH_H

#include <stdint.h>

#include "kernel/file/file_table.h"
#include "kernel/file/path.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"

struct node;

/* A path in kernel memory; most are short and need no allocation. */
struct user_path {
    const char *text;
    char *large;
    char small[256];
};

/* Copy a path from the program. 0, -EFAULT, -ENAMETOOLONG, -ENOMEM; on success give it back with user_path_put(). */
int must_check user_path_get(struct user_path *path, const char __user *from);
void user_path_put(struct user_path *path);

/* The directory that `path` starts from: the root, the working directory (AT_FDCWD), or what the descriptor names. Counted. -EBADF, -ENOTDIR. */
int must_check path_start(int directory, const char *path, struct node **start);

/* The working directory, counted. */
must_check struct node *working_directory(void);

/* A new file's permissions without those that the umask takes away. */
unsigned mode_masked(unsigned mode);

/* The node that a call of the "at" family means, counted. `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (the descriptor itself when the path is empty); others are the caller's to
 * refuse. */
int must_check node_at(int directory, const char __user *path, unsigned flags, struct node **node);

/* The file of a descriptor of the current thread, counted; NULL: -EBADF. Only those who use a table reach it, and only they let others in: one alone takes
 * no lock. */
must_check static inline struct file *descriptor_file(int descriptor)
{
    struct file_table *table = thread_current()->files.table;

    return file_table_alone(table) ? file_table_get_alone(table, descriptor)
                                   : file_table_get(table, descriptor);
}

/* The most descriptors that the process may have (RLIMIT_NOFILE). */
unsigned descriptor_limit(void);

#endif
