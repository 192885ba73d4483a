/* Reading and writing: read(2), write(2), readv(2), pread(2), lseek(2), sendfile(2), sync(2) and their kin. */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/memory/heap.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_frame.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

#define PIECES_ON_STACK 8
#define SEND_CHUNK      PAGE_SIZE

_Static_assert(sizeof(struct buffer_piece) == sizeof(struct iovec), "a piece is an iovec");

/* What a waiting call returns when a signal ended it before anything was moved; or the terminal's to who is in the background, which another thread may have taken. */
static long restartable(long result)
{
    if (result != -EINTR)
        return result;
    signal_interrupts();
    return -RESTART_CALL;
}

/* A kind of transfer: at the file's own offset, or at a given position. */
enum direction { READ, WRITE };

/* Inline where direction and position are constants. */
#define INLINE static inline __attribute__((always_inline))

INLINE long transfer(struct file *file, enum direction direction, struct buffer *buffer,
                     const int64_t *position)
{
    if (position == NULL)
        return restartable(direction == READ ? file_read(file, buffer) : file_write(file, buffer));
    return restartable(direction == READ ? file_read_at(file, buffer, (uint64_t)*position)
                                         : file_write_at(file, buffer, (uint64_t)*position));
}

INLINE long transfer_plain(int descriptor, enum direction direction, uint64_t address, size_t size,
                           const int64_t *position)
{
    struct buffer buffer;
    long result;

    if (position != NULL && *position < 0)
        return -EINVAL;
    struct file *file = descriptor_file(descriptor);
    if (file == NULL)
        return -EBADF;
    if (user_range(address, size)) {
        buffer_init_user(&buffer, address, size < BUFFER_MAX ? size : BUFFER_MAX);
        result = transfer(file, direction, &buffer, position);
    } else { /* a file that is not open for this is told before bad memory */
        result = file_check(file, direction == WRITE, position != NULL);
        if (result == 0)
            result = -EFAULT;
    }
    file_put(file);
    return result;
}

long sys_read(int descriptor, void __user *to, size_t size)
{
    return transfer_plain(descriptor, READ, user_address(to), size, NULL);
}

long sys_write(int descriptor, const void __user *from, size_t size)
{
    return transfer_plain(descriptor, WRITE, user_address(from), size, NULL);
}

long sys_pread64(int descriptor, void __user *to, size_t size, int64_t position)
{
    return transfer_plain(descriptor, READ, user_address(to), size, &position);
}

long sys_pwrite64(int descriptor, const void __user *from, size_t size, int64_t position)
{
    return transfer_plain(descriptor, WRITE, user_address(from), size, &position);
}

/* --- several pieces --- */

/* Check the pieces, and cut their sum to BUFFER_MAX. The sum, or -EINVAL, -EFAULT. */
static long pieces_check(struct buffer_piece *pieces, unsigned long count)
{
    size_t total = 0;

    for (unsigned long i = 0; i < count; i++) {
        if ((int64_t)pieces[i].size < 0)
            return -EINVAL;
        if (!user_range(pieces[i].address, pieces[i].size))
            return -EFAULT;
        if (pieces[i].size > BUFFER_MAX - total)
            pieces[i].size = BUFFER_MAX - total;
        total += pieces[i].size;
    }
    return (long)total;
}

static long transfer_checked_pieces(struct file *file, enum direction direction, struct buffer_piece *pieces,
                                    unsigned long count, const int64_t *position)
{
    struct buffer buffer;

    long total = pieces_check(pieces, count);
    if (total < 0)
        return total;
    buffer_init_pieces(&buffer, pieces, (size_t)total);
    return transfer(file, direction, &buffer, position);
}

static long transfer_pieces(int descriptor, enum direction direction, const struct buffer_piece __user *user,
                            unsigned long count, const int64_t *position)
{
    struct buffer_piece small[PIECES_ON_STACK], *pieces = small;

    if (position != NULL && *position < 0)
        return -EINVAL;
    struct file *file = descriptor_file(descriptor);
    if (file == NULL)
        return -EBADF;
    long result = file_check(file, direction == WRITE, position != NULL);
    if (result == 0 && count > UIO_MAXIOV)
        result = -EINVAL;
    if (result == 0 && count > PIECES_ON_STACK) {
        pieces = heap_alloc(count * sizeof(*pieces));
        if (pieces == NULL)
            result = -ENOMEM;
    }
    if (result == 0)
        result = copy_from_user(pieces, user, count * sizeof(*pieces));
    if (result == 0)
        result = transfer_checked_pieces(file, direction, pieces, count, position);
    if (pieces != small)
        heap_free(pieces);
    file_put(file);
    return result;
}

long sys_readv(int descriptor, const struct buffer_piece __user *pieces, unsigned long count)
{
    return transfer_pieces(descriptor, READ, pieces, count, NULL);
}

long sys_writev(int descriptor, const struct buffer_piece __user *pieces, unsigned long count)
{
    return transfer_pieces(descriptor, WRITE, pieces, count, NULL);
}

long sys_preadv(int descriptor, const struct buffer_piece __user *pieces, unsigned long count,
                int64_t position)
{
    return transfer_pieces(descriptor, READ, pieces, count, &position);
}

long sys_pwritev(int descriptor, const struct buffer_piece __user *pieces, unsigned long count,
                 int64_t position)
{
    return transfer_pieces(descriptor, WRITE, pieces, count, &position);
}

long sys_lseek(int descriptor, int64_t offset, unsigned whence)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    long result = file_seek(file, offset, (int)whence);
    file_put(file);
    return result;
}

/* --- from file to file --- */

/* Write out all of `size` bytes; how many went, or negative errno when none did. */
static long send_out(struct file *to, uint8_t *bytes, size_t size)
{
    struct buffer buffer;

    buffer_init_kernel(&buffer, bytes, size);
    return file_write(to, &buffer);
}

/* Copy up to `size` bytes, from *position on, through `chunk`. */
static long send_copy(struct file *to, struct file *from, uint8_t *chunk, uint64_t *position, size_t size)
{
    struct buffer buffer;
    size_t done = 0;
    long result = 0;

    while (done < size) {
        size_t part = size - done < SEND_CHUNK ? size - done : SEND_CHUNK;
        buffer_init_kernel(&buffer, chunk, part);
        result = file_read_at(from, &buffer, *position);
        if (result <= 0)
            break;
        size_t got = (size_t)result;
        result = send_out(to, chunk, got);
        if (result <= 0)
            break;
        done += (size_t)result;
        *position += (uint64_t)result;
        if ((size_t)result < got || !scheduler_relax_killable())
            break;
    }
    return done > 0 ? (long)done : restartable(result);
}

static long send_check(const struct file *to, const struct file *from)
{
    long result = file_check(from, false, false);

    if (result == 0)
        result = file_check(to, true, false);
    if (result == 0 && (!S_ISREG(from->node->mode) || (to->flags & O_APPEND) != 0))
        result = -EINVAL;
    return result;
}

static long send(struct file *to, struct file *from, int64_t __user *offset, size_t size)
{
    int64_t position = 0;

    long result = send_check(to, from);
    if (result == 0 && offset != NULL)
        result = copy_from_user(&position, offset, sizeof(position));
    else if (result == 0)
        position = file_seek(from, 0, SEEK_CUR);
    if (result != 0)
        return result;
    if (position < 0)
        return -EINVAL;
    uint8_t *chunk = heap_alloc(SEND_CHUNK);
    if (chunk == NULL)
        return -ENOMEM;
    uint64_t at = (uint64_t)position;
    result = send_copy(to, from, chunk, &at, size < BUFFER_MAX ? size : BUFFER_MAX);
    heap_free(chunk);
    position = (int64_t)at;
    if (offset != NULL) {
        if (copy_to_user(offset, &position, sizeof(position)) != 0)
            return -EFAULT;
    } else {
        int64_t moved = file_seek(from, position, SEEK_SET);
        if (moved < 0)
            return moved;
    }
    return result;
}

long sys_sendfile(int to_descriptor, int from_descriptor, int64_t __user *offset, size_t size)
{
    struct file *from = descriptor_file(from_descriptor), *to = descriptor_file(to_descriptor);
    long result = from != NULL && to != NULL ? send(to, from, offset, size) : -EBADF;

    file_put(to);
    file_put(from);
    return result;
}

/* --- to the disk: there is none --- */

long sys_fsync(int descriptor)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    uint32_t mode = file->node->mode;
    file_put(file);
    return S_ISREG(mode) || S_ISDIR(mode) ? 0 : -EINVAL;
}

long sys_fdatasync(int descriptor)
{
    return sys_fsync(descriptor);
}

long sys_sync(void)
{
    return 0;
}
