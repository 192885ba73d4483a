/* Changing what a file is: chmod(2), chown(2), utimensat(2), umask(2). Every process is root's, so all of it is allowed. */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include "kernel/device/clock.h"
#include "kernel/file/file.h"
#include "kernel/file/file_place.h"
#include "kernel/file/node.h"
#include "kernel/process/process.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

#define PERMISSIONS 07777u
#define UMASK_BITS  0777u
#define UNCHANGED   UINT32_MAX /* a uid or gid of -1 */

/* Special nanosecond values of utimensat(2), from the C library's sys/stat.h. */
#define TIME_NOW    ((1l << 30) - 1l)
#define TIME_OMIT   ((1l << 30) - 2l)

/* --- permissions --- */

static int mode_set(struct node *node, unsigned mode)
{
    if (S_ISLNK(node->mode))
        return -EOPNOTSUPP;
    node->mode = (node->mode & S_IFMT) | (mode & PERMISSIONS);
    node->changed = node_time();
    return 0;
}

long sys_fchmodat(int directory, const char __user *path, unsigned mode)
{
    struct node *node;

    int error = node_at(directory, path, 0, &node);
    if (error != 0)
        return error;
    error = mode_set(node, mode);
    node_put(node);
    return error;
}

long sys_chmod(const char __user *path, unsigned mode)
{
    return sys_fchmodat(AT_FDCWD, path, mode);
}

long sys_fchmod(int descriptor, unsigned mode)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    int error = (file->flags & O_PATH) != 0 ? -EBADF : mode_set(file->node, mode);
    file_put(file);
    return error;
}

/* --- owners --- */

static void owner_set(struct node *node, unsigned uid, unsigned gid)
{
    if (uid != UNCHANGED)
        node->uid = uid;
    if (gid != UNCHANGED)
        node->gid = gid;
    /* A program does not keep the right to run as its old owner. */
    if (S_ISREG(node->mode))
        node->mode &= ~(uint32_t)(S_ISUID | S_ISGID);
    node->changed = node_time();
}

long sys_fchownat(int directory, const char __user *path, unsigned uid, unsigned gid, unsigned flags)
{
    struct node *node;

    if ((flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    int error = node_at(directory, path, flags, &node);
    if (error != 0)
        return error;
    owner_set(node, uid, gid);
    node_put(node);
    return 0;
}

long sys_chown(const char __user *path, unsigned uid, unsigned gid)
{
    return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(const char __user *path, unsigned uid, unsigned gid)
{
    return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int descriptor, unsigned uid, unsigned gid)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    int error = (file->flags & O_PATH) != 0 ? -EBADF : 0;
    if (error == 0)
        owner_set(file->node, uid, gid);
    file_put(file);
    return error;
}

/* --- times --- */

/* One of the two times, as nanoseconds since 1970; *omit: leave it as it is. */
static int time_decode(const struct __kernel_timespec *time, uint64_t now, uint64_t *nanoseconds, bool *omit)
{
    *omit = time->tv_nsec == TIME_OMIT;
    *nanoseconds = now;
    if (*omit || time->tv_nsec == TIME_NOW)
        return 0;
    if (time->tv_nsec < 0 || time->tv_nsec >= (long long)NANOSECONDS)
        return -EINVAL;
    /* Times before 1970, or after 2554, are kept at those ends. */
    uint64_t seconds = time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec;
    if (__builtin_mul_overflow(seconds, NANOSECONDS, nanoseconds) ||
        __builtin_add_overflow(*nanoseconds, (uint64_t)time->tv_nsec, nanoseconds))
        *nanoseconds = UINT64_MAX;
    return 0;
}

static int times_set(struct node *node, const struct __kernel_timespec times[2])
{
    uint64_t now = node_time(), accessed, modified;
    bool omit_accessed, omit_modified;

    int error = time_decode(&times[0], now, &accessed, &omit_accessed);
    if (error == 0)
        error = time_decode(&times[1], now, &modified, &omit_modified);
    if (error != 0)
        return error;
    if (!omit_accessed)
        node->accessed = accessed;
    if (!omit_modified)
        node->modified = modified;
    if (!omit_accessed || !omit_modified)
        node->changed = now;
    return 0;
}

/* Without a path the descriptor itself is meant, as futimens(3) uses it. */
static int times_node(int directory, const char __user *path, unsigned flags, struct node **node)
{
    if (path != NULL)
        return node_at(directory, path, flags, node);
    if (flags != 0)
        return -EINVAL;
    struct file *file = descriptor_file(directory);
    if (file == NULL)
        return directory == AT_FDCWD ? -EFAULT : -EBADF;
    *node = node_get(file->node);
    file_put(file);
    return 0;
}

long sys_utimensat(int directory, const char __user *path, const struct __kernel_timespec __user *user,
                   unsigned flags)
{
    struct __kernel_timespec times[2] = {{.tv_nsec = TIME_NOW}, {.tv_nsec = TIME_NOW}};
    struct node *node;

    if ((flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    if (user != NULL && copy_from_user(times, user, sizeof(times)) != 0)
        return -EFAULT;
    if (times[0].tv_nsec == TIME_OMIT && times[1].tv_nsec == TIME_OMIT)
        return 0;
    int error = times_node(directory, path, flags, &node);
    if (error != 0)
        return error;
    error = times_set(node, times);
    node_put(node);
    return error;
}

long sys_umask(unsigned mask)
{
    return __atomic_exchange_n(&thread_current()->files.place->umask, mask & UMASK_BITS, __ATOMIC_RELAXED);
}
