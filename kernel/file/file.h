/* Open files (POSIX's open file descriptions): what descriptors point at, shared by dup and fork.
 *
 * Counted: every descriptor and every system call in progress holds a reference; the last file_put() closes. Locks: `offset` has its own
 * mutex (MUTEX_FILE), held over a read or write of a file that can seek; `flags` is one word, written whole. Thread context; may sleep. */
#ifndef KERNEL_FILE_FILE_H
#define KERNEL_FILE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cpu/mutex.h"
#include "kernel/file/buffer.h"
#include "kernel/file/directory.h"
#include "paging/types.h"

struct file;
struct node;
struct wait_queue;

/* Where in a file reading and writing happens. */
enum file_position {
    POSITION_NONE,  /* nowhere: a stream; lseek, pread and pwrite are -ESPIPE */
    POSITION_STAYS, /* at 0, whatever is done: the same bytes are everywhere */
    POSITION_MOVES, /* at the file's offset, which moves on */
};

/* What a kind of file does; NULL: not possible for this kind, or the default named. */
struct file_operations {
    /* A device is being opened, with open(2)'s flags: negative errno refuses. `private` may be set. */
    int (*open)(struct file *file, unsigned flags);

    /* Move bytes between the file and the buffer, from *position on, which is advanced (only with POSITION_MOVES; otherwise NULL or meaningless). The bytes moved,
     * 0 at the end, or negative errno. NULL: -EINVAL. */
    long (*read)(struct file *file, struct buffer *to, uint64_t *position);
    long (*write)(struct file *file, struct buffer *from, uint64_t *position);

    /* Device control; `argument` is as the program gave it. NULL: -ENOTTY. */
    long (*ioctl)(struct file *file, unsigned command, uint64_t argument);

    /* For poll(2): the POLL* events that are true now, and the queue that is woken when one may have become true. NULL: always ready. */
    uint32_t (*ready)(struct file *file);
    struct wait_queue *(*queue)(struct file *file);

    /* The last reference went. */
    void (*release)(struct file *file);

    enum file_position position;
};

struct file {
    uint32_t references; /* atomic */
    uint32_t flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, ... as opened, but for those of creation */
    const struct file_operations *operations;
    struct node *node; /* counted */
    void *private;     /* of the operations */
    struct mutex offset_mutex;
    uint64_t offset;
};

/* Open a node: `flags` as open(2)'s (creation has been dealt with, truncation has not). Takes its own reference. -ENOMEM; -ENXIO for a device
 * that nobody drives; what the node's own open says. */
int must_check file_open(struct node *node, unsigned flags, struct file **file);

/* A file of other operations, with `node` (a reference of its own). NULL when memory is exhausted. */
must_check struct file *file_create(const struct file_operations *operations, struct node *node,
                                    unsigned flags);

static inline struct file *file_get(struct file *file)
{
    __atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
    return file;
}

/* The end of an open file, whose last reference is being dropped. Only for file_put(). */
void file_put_last(struct file *file, uint32_t references_before);

/* Drop a reference; the last one closes. NULL is fine. */
static inline void file_put(struct file *file)
{
    if (file == NULL)
        return;
    uint32_t before = __atomic_fetch_sub(&file->references, 1, __ATOMIC_ACQ_REL);
    if (before <= 1)
        file_put_last(file, before);
}

static inline bool file_readable(const struct file *file)
{
    return (file->flags & 3) != 1 /* O_WRONLY */;
}

static inline bool file_writable(const struct file *file)
{
    return (file->flags & 3) != 0 /* O_RDONLY */;
}

/* May it be read (or written), at a given position (or its own)? 0; -EBADF when not opened for it, -ESPIPE when it has no positions, -EINVAL
 * when there is nothing to read. file_read() and the like check again. */
long must_check file_check(const struct file *file, bool write, bool positioned);

/* Read or write at the file's own offset, or at one that is given. Bytes, or negative errno: -EBADF when not opened for it, -EISDIR, -ESPIPE (at
 * a position, where there is none), -EINVAL. */
long must_check file_read(struct file *file, struct buffer *to);
long must_check file_write(struct file *file, struct buffer *from);
long must_check file_read_at(struct file *file, struct buffer *to, uint64_t position);
long must_check file_write_at(struct file *file, struct buffer *from, uint64_t position);

/* lseek(2): the new offset; -EINVAL, -ESPIPE, -ENXIO. */
long must_check file_seek(struct file *file, int64_t offset, int whence);

/* Report directory entries from the file's offset on (directory_list). -ENOTDIR. */
int must_check file_list(struct file *file, directory_emit *emit, void *context);

long must_check file_ioctl(struct file *file, unsigned command, uint64_t argument);
uint32_t file_ready(struct file *file);

/* The queue to wait on for file_ready() to change; NULL: it never changes. */
struct wait_queue *file_queue(struct file *file);

/* ftruncate(2): -EINVAL for other than regular files opened for writing, -EFBIG. */
int must_check file_resize(struct file *file, uint64_t size);

#endif
