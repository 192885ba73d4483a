/* See user_path.h. */
#include "syscalls/user_path.h"

#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/fcntl.h>

#include "kernel/file/file.h"
#include "kernel/file/file_place.h"
#include "kernel/file/file_table.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"

int user_path_get(struct user_path *path, const char __user *from)
{
    path->large = NULL;
    path->text = path->small;
    long length = user_string(path->small, from, sizeof(path->small));
    if (length != -ENAMETOOLONG)
        return length < 0 ? (int)length : 0;
    path->large = heap_alloc(PATH_SIZE_MAX);
    if (path->large == NULL)
        return -ENOMEM;
    path->text = path->large;
    length = user_string(path->large, from, PATH_SIZE_MAX);
    if (length >= 0)
        return 0;
    user_path_put(path);
    return (int)length;
}

void user_path_put(struct user_path *path)
{
    heap_free(path->large);
}

struct node *working_directory(void)
{
    return file_place_directory(thread_current()->files.place);
}

unsigned mode_masked(unsigned mode)
{
    return mode & ~__atomic_load_n(&thread_current()->files.place->umask, __ATOMIC_RELAXED);
}

int path_start(int directory, const char *path, struct node **start)
{
    if (*path == '/') {
        *start = node_get(tree_root());
        return 0;
    }
    if (directory == AT_FDCWD) {
        *start = working_directory();
        return 0;
    }
    struct file *file = descriptor_file(directory);
    if (file == NULL)
        return -EBADF;
    int error = S_ISDIR(file->node->mode) || *path == '\0' ? 0 : -ENOTDIR;
    if (error == 0)
        *start = node_get(file->node);
    file_put(file);
    return error;
}

int node_at(int directory, const char __user *user, unsigned flags, struct node **node)
{
    struct user_path path;
    struct node *start;

    int error = user_path_get(&path, user);
    if (error != 0)
        return error;
    if (*path.text == '\0' && (flags & AT_EMPTY_PATH) == 0) {
        error = -ENOENT;
        goto out;
    }
    error = path_start(directory, path.text, &start);
    if (error != 0)
        goto out;
    if (*path.text == '\0') {
        *node = start;
    } else {
        error =
            path_find(start, path.text, (flags & AT_SYMLINK_NOFOLLOW) != 0 ? PATH_STAY : PATH_FOLLOW, node);
        node_put(start);
    }
out:
    user_path_put(&path);
    return error;
}

unsigned descriptor_limit(void)
{
    uint64_t limit = current_process()->limits[RLIMIT_NOFILE][0];

    return limit < FILE_TABLE_MAX ? (unsigned)limit : FILE_TABLE_MAX;
}
