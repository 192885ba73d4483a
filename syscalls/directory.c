/* Directories and names: getcwd(2), chdir(2), getdents64(2), mkdir(2), mknod(2), unlink(2), rename(2), link(2), symlink(2). */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "kernel/file/file.h"
#include "kernel/file/file_place.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

#define DIRECTORY_MODES 01777u /* that mkdir(2) takes */
#define FILE_MODES      07777u
#define LISTING_MAX     32768u /* bytes of one getdents64 */

/* --- the working directory --- */

long sys_getcwd(char __user *to, size_t size)
{
    char *path = heap_alloc(PATH_SIZE_MAX);

    if (path == NULL)
        return -ENOMEM;
    struct node *directory = working_directory();
    long length = path_of_directory(directory, path, PATH_SIZE_MAX);
    node_put(directory);
    if (length == -ERANGE)
        length = -ENAMETOOLONG;
    else if (length >= 0 && (size_t)++length > size) /* with its terminator */
        length = -ERANGE;
    if (length > 0 && copy_to_user(to, path, (size_t)length) != 0)
        length = -EFAULT;
    heap_free(path);
    return length;
}

/* Takes the caller's reference over. */
static long working_directory_set(struct node *node)
{
    if (!S_ISDIR(node->mode)) {
        node_put(node);
        return -ENOTDIR;
    }
    file_place_move(thread_current()->files.place, node);
    return 0;
}

long sys_chdir(const char __user *path)
{
    struct node *node;

    int error = node_at(AT_FDCWD, path, 0, &node);
    return error != 0 ? error : working_directory_set(node);
}

long sys_fchdir(int descriptor)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    struct node *node = node_get(file->node);
    file_put(file);
    return working_directory_set(node);
}

/* --- listing --- */

/* Linux's struct linux_dirent64, which no header exports; records are multiples of 8 bytes. */
struct directory_record {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t kind; /* the file kind of st_mode, shifted */
    char name[];
} __attribute__((packed));

#define RECORD_ALIGNMENT  8
#define RECORD_KIND(mode) ((uint8_t)(((mode)&S_IFMT) >> 12))

struct listing {
    uint8_t *bytes;
    size_t size, used;
    bool refused; /* an entry had no room */
};

static bool listing_add(void *context, const char *name, size_t length, uint64_t inode, uint32_t mode,
                        uint64_t next)
{
    struct listing *listing = context;
    size_t size = ROUND_UP(sizeof(struct directory_record) + length + 1, RECORD_ALIGNMENT);

    if (size > listing->size - listing->used) {
        listing->refused = true;
        return false;
    }
    struct directory_record *record = (struct directory_record *)(listing->bytes + listing->used);
    memset(record, 0, size);
    record->inode = inode;
    record->next = (int64_t)next;
    record->size = (uint16_t)size;
    record->kind = RECORD_KIND(mode);
    memcpy(record->name, name, length);
    listing->used += size;
    return true;
}

static long listing_make(struct file *file, struct listing *listing, void __user *to)
{
    uint64_t before = file->offset;
    int error = file_list(file, listing_add, listing);

    if (error != 0)
        return error;
    if (listing->used == 0 && listing->refused)
        return -EINVAL;
    if (copy_to_user(to, listing->bytes, listing->used) != 0) {
        file->offset = before; /* what nobody got is listed again */
        return -EFAULT;
    }
    return (long)listing->used;
}

long sys_getdents64(int descriptor, void __user *to, unsigned size)
{
    struct listing listing = {.size = size < LISTING_MAX ? size : LISTING_MAX};
    struct file *file = descriptor_file(descriptor);
    long result = -ENOMEM;

    if (file == NULL)
        return -EBADF;
    listing.bytes = heap_alloc(listing.size);
    if (listing.bytes != NULL)
        result = listing_make(file, &listing, to);
    heap_free(listing.bytes);
    file_put(file);
    return result;
}

/* --- names --- */

/* A path and where it starts, held while something is done to it. */
struct named {
    struct user_path path;
    struct node *start;
};

static int named_get(struct named *named, int directory, const char __user *user)
{
    int error = user_path_get(&named->path, user);

    if (error != 0)
        return error;
    named->start = NULL;
    if (*named->path.text != '\0') /* that is found out when it is walked */
        error = path_start(directory, named->path.text, &named->start);
    if (error != 0)
        user_path_put(&named->path);
    return error;
}

static void named_put(struct named *named)
{
    node_put(named->start);
    user_path_put(&named->path);
}

static long make(int directory, const char __user *path, uint32_t mode, uint64_t device)
{
    struct named named;

    int error = named_get(&named, directory, path);
    if (error != 0)
        return error;
    error = tree_make(named.start, named.path.text, mode_masked(mode), device);
    named_put(&named);
    return error;
}

long sys_mkdirat(int directory, const char __user *path, unsigned mode)
{
    return make(directory, path, S_IFDIR | (mode & DIRECTORY_MODES), 0);
}

long sys_mkdir(const char __user *path, unsigned mode)
{
    return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(int directory, const char __user *path, unsigned mode, unsigned device)
{
    switch (mode & S_IFMT) {
    case 0:
        mode |= S_IFREG;
        break;
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
    return make(directory, path, mode & (S_IFMT | FILE_MODES), is_device ? device : 0);
}

long sys_mknod(const char __user *path, unsigned mode, unsigned device)
{
    return sys_mknodat(AT_FDCWD, path, mode, device);
}

long sys_unlinkat(int directory, const char __user *path, unsigned flags)
{
    struct named named;

    if ((flags & ~(unsigned)AT_REMOVEDIR) != 0)
        return -EINVAL;
    int error = named_get(&named, directory, path);
    if (error != 0)
        return error;
    error = (flags & AT_REMOVEDIR) != 0 ? tree_rmdir(named.start, named.path.text)
                                        : tree_unlink(named.start, named.path.text);
    named_put(&named);
    return error;
}

long sys_unlink(const char __user *path)
{
    return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(const char __user *path)
{
    return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

long sys_renameat2(int directory, const char __user *path, int new_directory, const char __user *new_path,
                   unsigned flags)
{
    struct named old, new;

    if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    int error = named_get(&old, directory, path);
    if (error != 0)
        return error;
    error = named_get(&new, new_directory, new_path);
    if (error == 0) {
        error = tree_rename(old.start, old.path.text, new.start, new.path.text, flags);
        named_put(&new);
    }
    named_put(&old);
    return error;
}

long sys_renameat(int directory, const char __user *path, int new_directory, const char __user *new_path)
{
    return sys_renameat2(directory, path, new_directory, new_path, 0);
}

long sys_rename(const char __user *path, const char __user *new_path)
{
    return sys_renameat2(AT_FDCWD, path, AT_FDCWD, new_path, 0);
}

long sys_linkat(int directory, const char __user *path, int new_directory, const char __user *new_path,
                unsigned flags)
{
    struct named new;
    struct node *node;

    if ((flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    unsigned follow = (flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW;
    int error = node_at(directory, path, follow | (flags & AT_EMPTY_PATH), &node);
    if (error != 0)
        return error;
    error = named_get(&new, new_directory, new_path);
    if (error == 0) {
        error = tree_link(node, new.start, new.path.text);
        named_put(&new);
    }
    node_put(node);
    return error;
}

long sys_link(const char __user *path, const char __user *new_path)
{
    return sys_linkat(AT_FDCWD, path, AT_FDCWD, new_path, 0);
}

long sys_symlinkat(const char __user *text, int directory, const char __user *path)
{
    struct user_path target;
    struct named named;

    int error = user_path_get(&target, text);
    if (error != 0)
        return error;
    error = named_get(&named, directory, path);
    if (error == 0) {
        error = tree_symlink(named.start, named.path.text, target.text);
        named_put(&named);
    }
    user_path_put(&target);
    return error;
}

long sys_symlink(const char __user *text, const char __user *path)
{
    return sys_symlinkat(text, AT_FDCWD, path);
}
