/* What a file is: stat(2), statx(2), access(2), readlink(2). */
#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/device/clock.h"
#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/memory/heap.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

#define ACCESS_READ    4u
#define ACCESS_WRITE   2u
#define ACCESS_EXECUTE 1u
#define EXECUTE_MODES  0111u
#define STAT_FLAGS     ((unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))

static long status_copy(struct node *node, struct stat __user *user)
{
    struct stat status;

    node_status(node, &status);
    return copy_to_user(user, &status, sizeof(status));
}

long sys_newfstatat(int directory, const char __user *path, struct stat __user *status, unsigned flags)
{
    struct node *node;

    if ((flags & ~STAT_FLAGS) != 0)
        return -EINVAL;
    int error = node_at(directory, path, flags, &node);
    if (error != 0)
        return error;
    long result = status_copy(node, status);
    node_put(node);
    return result;
}

long sys_stat(const char __user *path, struct stat __user *status)
{
    return sys_newfstatat(AT_FDCWD, path, status, 0);
}

long sys_lstat(const char __user *path, struct stat __user *status)
{
    return sys_newfstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(int descriptor, struct stat __user *status)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    long result = status_copy(file->node, status);
    file_put(file);
    return result;
}

/* --- statx --- */

static struct statx_timestamp timestamp(uint64_t nanoseconds)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)(nanoseconds / NANOSECONDS),
                                    .tv_nsec = (uint32_t)(nanoseconds % NANOSECONDS)};
}

static void statx_fill(struct node *node, struct statx *extended)
{
    struct stat status;

    node_status(node, &status);
    *extended = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)status.st_blksize,
        .stx_nlink = (uint32_t)status.st_nlink,
        .stx_uid = status.st_uid,
        .stx_gid = status.st_gid,
        .stx_mode = (uint16_t)status.st_mode,
        .stx_ino = status.st_ino,
        .stx_size = (uint64_t)status.st_size,
        .stx_blocks = (uint64_t)status.st_blocks,
        .stx_atime = timestamp(node->accessed),
        .stx_mtime = timestamp(node->modified),
        .stx_ctime = timestamp(node->changed),
        .stx_rdev_major = DEVICE_MAJOR(node->device),
        .stx_rdev_minor = DEVICE_MINOR(node->device),
        .stx_dev_major = DEVICE_MAJOR(status.st_dev),
        .stx_dev_minor = DEVICE_MINOR(status.st_dev),
    };
}

long sys_statx(int directory, const char __user *path, unsigned flags, unsigned mask,
               struct statx __user *user)
{
    struct statx extended;
    struct node *node;

    if ((flags & ~(STAT_FLAGS | AT_STATX_SYNC_TYPE)) != 0 ||
        (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || (mask & STATX__RESERVED) != 0)
        return -EINVAL;
    int error = node_at(directory, path, flags, &node);
    if (error != 0)
        return error;
    statx_fill(node, &extended);
    node_put(node);
    return copy_to_user(user, &extended, sizeof(extended));
}

/* --- access: every process is root's, who may do all but execute what nobody may --- */

long sys_faccessat2(int directory, const char __user *path, unsigned mode, unsigned flags)
{
    struct node *node;

    if ((mode & ~(ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE)) != 0 ||
        (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS)) != 0)
        return -EINVAL;
    int error = node_at(directory, path, flags, &node);
    if (error != 0)
        return error;
    if ((mode & ACCESS_EXECUTE) != 0 && !S_ISDIR(node->mode) && (node->mode & EXECUTE_MODES) == 0)
        error = -EACCES;
    node_put(node);
    return error;
}

long sys_faccessat(int directory, const char __user *path, unsigned mode)
{
    return sys_faccessat2(directory, path, mode, 0);
}

long sys_access(const char __user *path, unsigned mode)
{
    return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

/* --- readlink --- */

static long link_copy(struct node *node, char __user *to, size_t size)
{
    if (!S_ISLNK(node->mode))
        return -EINVAL;
    char *text = heap_alloc(LINK_TEXT_MAX);
    if (text == NULL)
        return -ENOMEM;
    tree_lock();
    long length = node_link_text(node, text, size < LINK_TEXT_MAX ? size : LINK_TEXT_MAX);
    tree_unlock();
    if (length > 0 && copy_to_user(to, text, (size_t)length) != 0)
        length = -EFAULT;
    heap_free(text);
    return length;
}

/* An empty path means the link that an O_PATH descriptor names. */
long sys_readlinkat(int directory, const char __user *path, char __user *to, int size)
{
    struct node *node;

    if (size <= 0)
        return -EINVAL;
    int error = node_at(directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &node);
    if (error != 0)
        return error;
    long result = link_copy(node, to, (size_t)size);
    node_put(node);
    return result;
}

long sys_readlink(const char __user *path, char __user *to, int size)
{
    struct node *node;

    if (size <= 0)
        return -EINVAL;
    int error = node_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &node);
    if (error != 0)
        return error;
    long result = link_copy(node, to, (size_t)size);
    node_put(node);
    return result;
}
