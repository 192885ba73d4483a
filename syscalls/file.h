/* The system calls on files; each is documented by its Linux manual page (section 2). In: file.c (reading, writing), file_open.c, descriptor.c,
 * file_status.c, file_attributes.c, directory.c, poll.c. Called by the dispatcher only. */
#ifndef SYSCALLS_FILE_H
#define SYSCALLS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/file/buffer.h"
#include "kernel/memory/user_copy.h"

struct stat;
struct statx;
struct pollfd;
struct __kernel_timespec;

/* file.c */
long sys_read(int descriptor, void __user *to, size_t size);
long sys_write(int descriptor, const void __user *from, size_t size);
long sys_pread64(int descriptor, void __user *to, size_t size, int64_t position);
long sys_pwrite64(int descriptor, const void __user *from, size_t size, int64_t position);
long sys_readv(int descriptor, const struct buffer_piece __user *pieces, unsigned long count);
long sys_writev(int descriptor, const struct buffer_piece __user *pieces, unsigned long count);
long sys_preadv(int descriptor, const struct buffer_piece __user *pieces, unsigned long count,
                int64_t position);
long sys_pwritev(int descriptor, const struct buffer_piece __user *pieces, unsigned long count,
                 int64_t position);
long sys_lseek(int descriptor, int64_t offset, unsigned whence);
long sys_sendfile(int to, int from, int64_t __user *offset, size_t size);
long sys_fsync(int descriptor);
long sys_fdatasync(int descriptor);
long sys_sync(void);

/* file_open.c */
long sys_open(const char __user *path, unsigned flags, unsigned mode);
long sys_openat(int directory, const char __user *path, unsigned flags, unsigned mode);
long sys_creat(const char __user *path, unsigned mode);
long sys_truncate(const char __user *path, int64_t size);
long sys_ftruncate(int descriptor, int64_t size);

/* descriptor.c */
long sys_close(int descriptor);
long sys_close_range(unsigned first, unsigned last, unsigned flags);
long sys_dup(int descriptor);
long sys_dup2(int descriptor, int to);
long sys_dup3(int descriptor, int to, unsigned flags);
long sys_fcntl(int descriptor, unsigned command, uint64_t argument);
long sys_ioctl(int descriptor, unsigned command, uint64_t argument);
long sys_pipe(int __user *descriptors);
long sys_pipe2(int __user *descriptors, unsigned flags);

/* file_status.c */
long sys_stat(const char __user *path, struct stat __user *status);
long sys_fstat(int descriptor, struct stat __user *status);
long sys_lstat(const char __user *path, struct stat __user *status);
long sys_newfstatat(int directory, const char __user *path, struct stat __user *status, unsigned flags);
long sys_statx(int directory, const char __user *path, unsigned flags, unsigned mask,
               struct statx __user *status);
long sys_access(const char __user *path, unsigned mode);
long sys_faccessat(int directory, const char __user *path, unsigned mode);
long sys_faccessat2(int directory, const char __user *path, unsigned mode, unsigned flags);
long sys_readlink(const char __user *path, char __user *to, int size);
long sys_readlinkat(int directory, const char __user *path, char __user *to, int size);

/* file_attributes.c */
long sys_chmod(const char __user *path, unsigned mode);
long sys_fchmod(int descriptor, unsigned mode);
long sys_fchmodat(int directory, const char __user *path, unsigned mode);
long sys_chown(const char __user *path, unsigned uid, unsigned gid);
long sys_lchown(const char __user *path, unsigned uid, unsigned gid);
long sys_fchown(int descriptor, unsigned uid, unsigned gid);
long sys_fchownat(int directory, const char __user *path, unsigned uid, unsigned gid, unsigned flags);
long sys_utimensat(int directory, const char __user *path, const struct __kernel_timespec __user *times,
                   unsigned flags);
long sys_umask(unsigned mask);

/* directory.c */
long sys_getcwd(char __user *to, size_t size);
long sys_chdir(const char __user *path);
long sys_fchdir(int descriptor);
long sys_getdents64(int descriptor, void __user *to, unsigned size);
long sys_mkdir(const char __user *path, unsigned mode);
long sys_mkdirat(int directory, const char __user *path, unsigned mode);
long sys_mknod(const char __user *path, unsigned mode, unsigned device);
long sys_mknodat(int directory, const char __user *path, unsigned mode, unsigned device);
long sys_rmdir(const char __user *path);
long sys_unlink(const char __user *path);
long sys_unlinkat(int directory, const char __user *path, unsigned flags);
long sys_rename(const char __user *path, const char __user *new_path);
long sys_renameat(int directory, const char __user *path, int new_directory, const char __user *new_path);
long sys_renameat2(int directory, const char __user *path, int new_directory, const char __user *new_path,
                   unsigned flags);
long sys_link(const char __user *path, const char __user *new_path);
long sys_linkat(int directory, const char __user *path, int new_directory, const char __user *new_path,
                unsigned flags);
long sys_symlink(const char __user *text, const char __user *path);
long sys_symlinkat(const char __user *text, int directory, const char __user *path);

/* poll.c */
long sys_poll(struct pollfd __user *files, unsigned count, int milliseconds);
struct timeval;
struct select_mask;
long sys_select(int count, uint64_t __user *in, uint64_t __user *out, uint64_t __user *other,
                struct timeval __user *timeout);
long sys_pselect6(int count, uint64_t __user *in, uint64_t __user *out, uint64_t __user *other,
                  struct __kernel_timespec __user *timeout, const struct select_mask __user *mask);
long sys_ppoll(struct pollfd __user *files, unsigned count, struct __kernel_timespec __user *timeout,
               const uint64_t __user *mask, size_t mask_size);

#endif
