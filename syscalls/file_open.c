/* Opening and cutting files: open(2), openat(2), creat(2), truncate(2). */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "kernel/file/file.h"
#include "kernel/file/file_table.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

#define PERMISSIONS     07777u
/* With O_PATH all other flags are ignored. */
#define PATH_ONLY_FLAGS ((unsigned)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))

static int flags_check(unsigned *flags)
{
    if ((*flags & __O_TMPFILE) != 0)
        return -EOPNOTSUPP;
    if ((*flags & O_PATH) != 0)
        *flags &= PATH_ONLY_FLAGS;
    if ((*flags & O_CREAT) != 0 && (*flags & O_DIRECTORY) != 0)
        return -EINVAL;
    return 0;
}

/* Find or make the node, and open it. */
static int open_path(int directory, const char *path, unsigned flags, unsigned mode, struct file **file)
{
    struct node *start, *node;
    bool created;

    int error = path_start(directory, path, &start);
    if (error != 0)
        return error;
    mode = mode_masked(mode & PERMISSIONS);
    error = tree_open(start, path, flags, mode, &node, &created);
    node_put(start);
    if (error != 0)
        return error;
    error = file_open(node, flags, file);
    node_put(node);
    return error;
}

long sys_openat(int directory, const char __user *user, unsigned flags, unsigned mode)
{
    struct file_table *table = thread_current()->files.table;
    struct user_path path;
    struct file *file;

    int error = flags_check(&flags);
    if (error != 0)
        return error;
    error = user_path_get(&path, user);
    if (error != 0)
        return error;
    int descriptor = file_table_reserve(table, 0, descriptor_limit(), (flags & O_CLOEXEC) != 0);
    if (descriptor >= 0) {
        error = open_path(directory, path.text, flags, mode, &file);
        if (error == 0) {
            file_table_install(table, descriptor, file);
        } else {
            file_table_unreserve(table, descriptor);
            descriptor = error == -EINTR ? -RESTART_CALL : error;
        }
    }
    user_path_put(&path);
    return descriptor;
}

long sys_open(const char __user *path, unsigned flags, unsigned mode)
{
    return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(const char __user *path, unsigned mode)
{
    return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_truncate(const char __user *path, int64_t size)
{
    struct node *node;

    if (size < 0)
        return -EINVAL;
    int error = node_at(AT_FDCWD, path, 0, &node);
    if (error != 0)
        return error;
    if (S_ISDIR(node->mode))
        error = -EISDIR;
    else if (!S_ISREG(node->mode))
        error = -EINVAL;
    else
        error = node_resize(node, (uint64_t)size);
    node_put(node);
    return error;
}

long sys_ftruncate(int descriptor, int64_t size)
{
    if (size < 0)
        return -EINVAL;
    struct file *file = descriptor_file(descriptor);
    if (file == NULL)
        return -EBADF;
    int error = file_resize(file, (uint64_t)size);
    file_put(file);
    return error;
}
