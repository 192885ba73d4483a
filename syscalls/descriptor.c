/* Descriptors: close(2), dup(2), fcntl(2), ioctl(2), pipe(2). */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>

#include "kernel/file/file.h"
#include "kernel/file/file_table.h"
#include "kernel/file/node.h"
#include "kernel/file/pipe.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "syscalls/file.h"
#include "syscalls/user_path.h"

/* What F_SETFL can change. */
#define CHANGEABLE_FLAGS ((unsigned)(O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | FASYNC))

static struct file_table *files(void)
{
    return thread_current()->files.table;
}

long sys_close(int descriptor)
{
    return file_table_close(files(), descriptor);
}

long sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    if (first > last || (flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE) {
        int error = thread_files_unshare(&thread_current()->files, THREAD_FILES_PLACE);
        if (error != 0)
            return error;
    }
    for (unsigned descriptor = first; descriptor <= last && descriptor < FILE_TABLE_MAX; descriptor++) {
        /* Those that are not open are passed over. */
        int error = (flags & CLOSE_RANGE_CLOEXEC) != 0
                        ? file_table_set_cloexec(files(), (int)descriptor, true)
                        : file_table_close(files(), (int)descriptor);
        (void)error;
    }
    return 0;
}

/* Another descriptor for the same file, from `minimum` on. */
static long duplicate(int descriptor, unsigned minimum, bool cloexec)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    int made = file_table_add(files(), file, minimum, descriptor_limit(), cloexec);
    if (made < 0)
        file_put(file);
    return made;
}

static long duplicate_to(int descriptor, int to, bool cloexec)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    int error = file_table_set(files(), (unsigned)to, descriptor_limit(), file, cloexec);
    file_put(file);
    return error != 0 ? error : to;
}

long sys_dup(int descriptor)
{
    return duplicate(descriptor, 0, false);
}

long sys_dup2(int descriptor, int to)
{
    if (descriptor != to)
        return duplicate_to(descriptor, to, false);
    return file_table_cloexec(files(), descriptor) < 0 ? -EBADF : to;
}

long sys_dup3(int descriptor, int to, unsigned flags)
{
    if ((flags & ~(unsigned)O_CLOEXEC) != 0 || descriptor == to)
        return -EINVAL;
    return duplicate_to(descriptor, to, (flags & O_CLOEXEC) != 0);
}

/* --- fcntl --- */

static long flags_set(struct file *file, unsigned flags)
{
    uint32_t kept = file->flags & ~CHANGEABLE_FLAGS;

    __atomic_store_n(&file->flags, kept | (flags & CHANGEABLE_FLAGS), __ATOMIC_RELAXED);
    return 0;
}

static long control(struct file *file, int descriptor, unsigned command, uint64_t argument)
{
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (argument >= descriptor_limit())
            return -EINVAL;
        return duplicate(descriptor, (unsigned)argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return file_table_cloexec(files(), descriptor);
    case F_SETFD:
        return file_table_set_cloexec(files(), descriptor, (argument & FD_CLOEXEC) != 0);
    case F_GETFL:
        return file->flags;
    case F_SETFL:
        return (file->flags & O_PATH) != 0 ? -EBADF : flags_set(file, (unsigned)argument);
    case F_GETPIPE_SZ:
        return S_ISFIFO(file->node->mode) ? PIPE_CAPACITY : -EBADF;
    default:
        return -EINVAL;
    }
}

long sys_fcntl(int descriptor, unsigned command, uint64_t argument)
{
    struct file *file = descriptor_file(descriptor);

    if (file == NULL)
        return -EBADF;
    long result = control(file, descriptor, command, argument);
    file_put(file);
    return result;
}

/* --- ioctl --- */

static long nonblock_set(struct file *file, uint64_t argument)
{
    int on;

    int error = copy_from_user(&on, user_pointer(void, argument), sizeof(on));
    if (error != 0)
        return error;
    return flags_set(file, on != 0 ? file->flags | O_NONBLOCK : file->flags & ~(unsigned)O_NONBLOCK);
}

static long bytes_left(struct file *file, uint64_t argument)
{
    int left = (int)(file->node->contents.size - file->offset);

    return copy_to_user(user_pointer(void, argument), &left, sizeof(left));
}

long sys_ioctl(int descriptor, unsigned command, uint64_t argument)
{
    struct file *file = descriptor_file(descriptor);
    long result;

    if (file == NULL)
        return -EBADF;
    if ((file->flags & O_PATH) != 0)
        result = -EBADF;
    else if (command == FIOCLEX || command == FIONCLEX)
        result = file_table_set_cloexec(files(), descriptor, command == FIOCLEX);
    else if (command == FIONBIO)
        result = nonblock_set(file, argument);
    else if (command == FIONREAD && S_ISREG(file->node->mode))
        result = bytes_left(file, argument);
    else
        result = file_ioctl(file, command, argument);
    file_put(file);
    if (result != -EINTR && result != -RESTART_CALL)
        return result;
    signal_interrupts();
    return -RESTART_CALL;
}

/* --- pipe --- */

/* Give both ends a descriptor, and tell the program. On failure everything is as before, and the ends are still the caller's. */
static int pipe_describe(struct file *ends[2], int __user *user, bool cloexec)
{
    int descriptors[2];

    for (unsigned i = 0; i < 2; i++) {
        descriptors[i] = file_table_reserve(files(), 0, descriptor_limit(), cloexec);
        if (descriptors[i] >= 0)
            continue;
        if (i == 1)
            file_table_unreserve(files(), descriptors[0]);
        return descriptors[i];
    }
    int error = copy_to_user(user, descriptors, sizeof(descriptors));
    for (unsigned i = 0; i < 2; i++) {
        if (error == 0)
            file_table_install(files(), descriptors[i], ends[i]);
        else
            file_table_unreserve(files(), descriptors[i]);
    }
    return error;
}

long sys_pipe2(int __user *user, unsigned flags)
{
    struct file *ends[2];

    if ((flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0)
        return -EINVAL;
    if ((flags & O_DIRECT) != 0)
        return -EOPNOTSUPP; /* packets */
    int error = pipe_create(flags & O_NONBLOCK, &ends[0], &ends[1]);
    if (error != 0)
        return error;
    error = pipe_describe(ends, user, (flags & O_CLOEXEC) != 0);
    if (error != 0) {
        file_put(ends[0]);
        file_put(ends[1]);
    }
    return error;
}

long sys_pipe(int __user *user)
{
    return sys_pipe2(user, 0);
}
