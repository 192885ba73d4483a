/* See file.h. */
#include "kernel/file/file.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "kernel/debug/panic.h"
#include "kernel/file/character_device.h"
#include "kernel/file/node.h"
#include "kernel/file/pipe.h"
#include "kernel/file/tree.h"
#include "kernel/memory/heap.h"

_Static_assert(O_ACCMODE == 3 && O_WRONLY == 1 && O_RDONLY == 0,
               "file_readable() and file_writable() know these");

/* Flags that matter only while a file is being opened. */
#define OPEN_ONLY_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

/* --- regular files and directories --- */

static long regular_read(struct file *file, struct buffer *to, uint64_t *position)
{
    struct node *node = file->node;
    long done = contents_read(&node->contents, to, *position);

    if (done > 0) {
        *position += (uint64_t)done;
        /* As Linux's "relatime": once after each change. */
        if (node->accessed <= node->modified && (file->flags & O_NOATIME) == 0)
            node->accessed = node_time();
    }
    return done;
}

static long regular_write(struct file *file, struct buffer *from, uint64_t *position)
{
    long done = contents_write(&file->node->contents, from, position, (file->flags & O_APPEND) != 0);

    if (done > 0)
        node_touch(file->node);
    return done;
}

static const struct file_operations regular_operations = {
    .read = regular_read,
    .write = regular_write,
    .position = POSITION_MOVES,
};

static long directory_read(struct file *file, struct buffer *to, uint64_t *position)
{
    (void)file, (void)to, (void)position;
    return -EISDIR;
}

static const struct file_operations directory_operations = {.read = directory_read,
                                                            .position = POSITION_MOVES};

/* O_PATH: a place in the tree, nothing to read or write. */
static const struct file_operations path_operations = {0};

/* --- opening and closing --- */

struct file *file_create(const struct file_operations *operations, struct node *node, unsigned flags)
{
    struct file *file = heap_alloc_zeroed(sizeof(*file));

    if (file == NULL)
        return NULL;
    file->references = 1;
    file->flags = flags & ~(unsigned)OPEN_ONLY_FLAGS;
    file->operations = operations;
    file->node = node_get(node);
    mutex_init(&file->offset_mutex, MUTEX_FILE, "file offset");
    return file;
}

static int operations_of(const struct node *node, unsigned flags, const struct file_operations **operations)
{
    if ((flags & O_PATH) != 0) {
        *operations = &path_operations;
        return 0;
    }
    switch (node->mode & S_IFMT) {
    case S_IFREG:
        *operations = &regular_operations;
        return 0;
    case S_IFDIR:
        *operations = &directory_operations;
        return 0;
    case S_IFCHR:
        *operations = character_device_operations(node->device);
        return *operations != NULL ? 0 : -ENXIO;
    case S_IFIFO:
        *operations = &pipe_operations;
        return 0;
    default:
        return -ENXIO;
    }
}

int file_open(struct node *node, unsigned flags, struct file **file)
{
    const struct file_operations *operations = NULL;

    int error = operations_of(node, flags, &operations);
    if (error != 0)
        return error;
    struct file *opened = file_create(operations, node, flags);
    if (opened == NULL)
        return -ENOMEM;
    if (operations == &pipe_operations)
        error = pipe_open(node, opened);
    else if (operations->open != NULL)
        error = operations->open(opened, flags);
    else if (operations != &path_operations && node->operations != NULL && node->operations->open != NULL)
        error = node->operations->open(node, opened);
    if (error == 0 && (flags & O_TRUNC) != 0 && S_ISREG(node->mode) && (flags & O_PATH) == 0)
        error = node_resize(node, 0);
    if (error != 0) {
        file_put(opened);
        return error;
    }
    *file = opened;
    return 0;
}

void file_put_last(struct file *file, uint32_t references_before)
{
    ASSERT(references_before == 1, "an open file has a reference to drop");
    if (file->operations->release != NULL)
        file->operations->release(file);
    node_put(file->node);
    heap_free(file);
}

/* --- reading and writing --- */

long file_check(const struct file *file, bool write, bool positioned)
{
    if ((file->flags & O_PATH) != 0)
        return -EBADF;
    if (positioned && file->operations->position == POSITION_NONE)
        return -ESPIPE;
    if (!(write ? file_writable(file) : file_readable(file)))
        return -EBADF;
    return (write ? file->operations->write : file->operations->read) != NULL ? 0 : -EINVAL;
}

typedef long file_move(struct file *file, struct buffer *buffer, uint64_t *position);

/* At the file's own offset, which nobody else moves meanwhile. Apart, so that streams and devices do not pay for its registers. */
static __attribute__((noinline)) long move_at_offset(struct file *file, file_move *move,
                                                     struct buffer *buffer)
{
    mutex_lock(&file->offset_mutex);
    long result = move(file, buffer, &file->offset);
    mutex_unlock(&file->offset_mutex);
    return result;
}

long file_read(struct file *file, struct buffer *to)
{
    long result = file_check(file, false, false);

    if (result != 0)
        return result;
    if (file->operations->position != POSITION_MOVES)
        return file->operations->read(file, to, NULL);
    return move_at_offset(file, file->operations->read, to);
}

long file_write(struct file *file, struct buffer *from)
{
    long result = file_check(file, true, false);

    if (result != 0)
        return result;
    if (file->operations->position != POSITION_MOVES)
        return file->operations->write(file, from, NULL);
    return move_at_offset(file, file->operations->write, from);
}

long file_read_at(struct file *file, struct buffer *to, uint64_t position)
{
    long result = file_check(file, false, true);
    if (result != 0)
        return result;
    return file->operations->read(file, to, &position);
}

long file_write_at(struct file *file, struct buffer *from, uint64_t position)
{
    long result = file_check(file, true, true);
    if (result != 0)
        return result;
    return file->operations->write(file, from, &position);
}

/* --- the offset --- */

/* The next data, or hole, from `offset` on: a file is seen as one stretch of data with a hole at its end. */
static int64_t seek_stretch(const struct node *node, int64_t offset, int whence)
{
    int64_t size = (int64_t)node->contents.size;

    if (offset < 0 || offset >= size)
        return -ENXIO;
    return whence == SEEK_DATA ? offset : size;
}

static int64_t seek_target(const struct file *file, int64_t offset, int whence)
{
    int64_t base = 0, target;
    bool regular = S_ISREG(file->node->mode);

    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = (int64_t)file->offset;
        break;
    case SEEK_END:
        base = regular ? (int64_t)file->node->contents.size : 0;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        return regular ? seek_stretch(file->node, offset, whence) : -EINVAL;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, offset, &target))
        return -EOVERFLOW;
    return target >= 0 ? target : -EINVAL;
}

long file_seek(struct file *file, int64_t offset, int whence)
{
    if ((file->flags & O_PATH) != 0)
        return -EBADF;
    if (file->operations->position == POSITION_NONE)
        return -ESPIPE;
    if (file->operations->position == POSITION_STAYS)
        return 0;
    mutex_lock(&file->offset_mutex);
    int64_t target = seek_target(file, offset, whence);
    if (target >= 0)
        file->offset = (uint64_t)target;
    mutex_unlock(&file->offset_mutex);
    return target;
}

int file_list(struct file *file, directory_emit *emit, void *context)
{
    if ((file->flags & O_PATH) != 0)
        return -EBADF;
    if (!S_ISDIR(file->node->mode))
        return -ENOTDIR;
    tree_lock();
    int error = file->node->links == 0 ? -ENOENT : directory_list(file->node, &file->offset, emit, context);
    tree_unlock();
    return error;
}

/* --- the rest --- */

long file_ioctl(struct file *file, unsigned command, uint64_t argument)
{
    if ((file->flags & O_PATH) != 0)
        return -EBADF;
    return file->operations->ioctl != NULL ? file->operations->ioctl(file, command, argument) : -ENOTTY;
}

uint32_t file_ready(struct file *file)
{
    return file->operations->ready != NULL ? file->operations->ready(file)
                                           : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

struct wait_queue *file_queue(struct file *file)
{
    return file->operations->queue != NULL ? file->operations->queue(file) : NULL;
}

int file_resize(struct file *file, uint64_t size)
{
    if ((file->flags & O_PATH) != 0)
        return -EBADF;
    if (!S_ISREG(file->node->mode) || !file_writable(file))
        return -EINVAL;
    return node_resize(file->node, size);
}
