/* Files: opening with every flag, reading, writing and seeking, sizes, vectors, truncation, what unlink
 * leaves, and the plain devices. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define PAGE_BYTES 4096
#define BIG_SIZE   (3 * PAGE_BYTES + 77)
#define FAR        (1 << 20) /* past the end, for a file with a hole */
#define IOV_LIMIT  1024      /* UIO_MAXIOV */
#define CUTTERS    6
#define CUTS       2000

static char path[64];

static int open_new(int flags)
{
    unlink(path);
    int file = open(path, O_CREAT | flags, 0640);
    check_that(file >= 0, "%s cannot be made: %s", path, strerror(errno));
    return file;
}

static long size_of(int file)
{
    struct stat status;
    return fstat(file, &status) == 0 ? (long)status.st_size : -1;
}

static void opening(void)
{
    check_error("open of what is not there", system_call(SYS_open, "/nowhere/at-all", O_RDONLY), ENOENT);
    check_error("open of nothing", system_call(SYS_open, "", O_RDONLY), ENOENT);
    check_error("open of a folder for writing", system_call(SYS_open, "/", O_WRONLY), EISDIR);
    check_error("open of a file as a folder", system_call(SYS_open, "/dev/null", O_RDONLY | O_DIRECTORY),
                ENOTDIR);
    check_error("open below a file", system_call(SYS_open, "/dev/null/x", O_RDONLY), ENOTDIR);
    int file = open_new(O_RDWR | O_EXCL);
    check_error("O_EXCL of what is there", system_call(SYS_open, path, O_CREAT | O_EXCL | O_RDWR, 0600),
                EEXIST);
    check_result("write", write(file, "contents", 8), 8);
    close(file);
    file = open(path, O_RDONLY);
    check_error("write to a file open for reading", system_call(SYS_write, file, "x", 1), EBADF);
    check_result("size", size_of(file), 8);
    close(file);
    file = open(path, O_WRONLY | O_TRUNC);
    char byte;
    check_error("read of a file open for writing", system_call(SYS_read, file, &byte, 1), EBADF);
    check_result("size after O_TRUNC", size_of(file), 0);
    close(file);
    check_error("read of a closed file", system_call(SYS_read, file, &byte, 1), EBADF);
    check_error("close of a closed file", system_call(SYS_close, file), EBADF);
    check_error("read of no file", system_call(SYS_read, -1, &byte, 1), EBADF);
    int folder = open("/", O_RDONLY | O_DIRECTORY);
    check_error("read of a folder", system_call(SYS_read, folder, &byte, 1), EISDIR);
    close(folder);
}

static void seeking(void)
{
    int file = open_new(O_RDWR);
    char buffer[16] = {0};
    check_result("write", write(file, "0123456789", 10), 10);
    check_result("position", lseek(file, 0, SEEK_CUR), 10);
    check_result("read at the end", read(file, buffer, 4), 0);
    check_result("SEEK_SET", lseek(file, 3, SEEK_SET), 3);
    check_result("read", read(file, buffer, 4), 4);
    check_that(memcmp(buffer, "3456", 4) == 0, "read %.4s", buffer);
    check_result("SEEK_CUR", lseek(file, -2, SEEK_CUR), 5);
    check_result("SEEK_END", lseek(file, -1, SEEK_END), 9);
    check_result("read over the end", read(file, buffer, 4), 1);
    check_error("lseek before the start", system_call(SYS_lseek, file, -1, SEEK_SET), EINVAL);
    check_error("lseek of no kind", system_call(SYS_lseek, file, 0, 77), EINVAL);
    check_result("pread64", pread(file, buffer, 3, 2), 3);
    check_that(memcmp(buffer, "234", 3) == 0, "pread64 gave %.3s", buffer);
    check_result("pread64 past the end", pread(file, buffer, 3, 100), 0);
    check_result("pwrite64", pwrite(file, "ab", 2, 4), 2);
    check_result("position after pread64 and pwrite64", lseek(file, 0, SEEK_CUR), 10);
    check_error("pread64 before the start", system_call(SYS_pread64, file, buffer, 1, -1), EINVAL);
    pread(file, buffer, 10, 0);
    check_that(memcmp(buffer, "0123ab6789", 10) == 0, "the file holds %.10s", buffer);
    close(file);
}

static void appending(void)
{
    int file = open_new(O_RDWR | O_APPEND);
    char buffer[16] = {0};
    check_result("write", write(file, "one", 3), 3);
    lseek(file, 0, SEEK_SET);
    check_result("write after lseek", write(file, "two", 3), 3);
    check_result("pread64", pread(file, buffer, 10, 0), 6);
    check_that(strcmp(buffer, "onetwo") == 0, "the file holds %s", buffer);
    close(file);
}

static void sizes_and_holes(void)
{
    static unsigned char out[BIG_SIZE], in[BIG_SIZE];
    int file = open_new(O_RDWR);
    for (int i = 0; i < BIG_SIZE; i++)
        out[i] = (unsigned char)(i * 7 >> 2);
    check_result("write of pages", write(file, out, BIG_SIZE), BIG_SIZE);
    check_result("pread64 of pages", pread(file, in, BIG_SIZE, 0), BIG_SIZE);
    check_that(memcmp(in, out, BIG_SIZE) == 0, "pages come back different");
    check_result("pwrite64 far out", pwrite(file, "x", 1, FAR), 1);
    check_result("size with a hole", size_of(file), FAR + 1);
    check_result("pread64 in the hole", pread(file, in, 100, FAR / 2), 100);
    int sum = 0;
    for (int i = 0; i < 100; i++)
        sum |= in[i];
    check_that(sum == 0, "the hole is not zero");
    check_result("ftruncate", ftruncate(file, 100), 0);
    check_result("ftruncate to more", ftruncate(file, 200), 0);
    check_result("pread64 after both", pread(file, in, 300, 0), 200);
    sum = 0;
    for (int i = 100; i < 200; i++)
        sum |= in[i];
    check_that(memcmp(in, out, 100) == 0 && sum == 0, "what was cut off is back");
    check_error("ftruncate to less than nothing", system_call(SYS_ftruncate, file, -1), EINVAL);
    close(file);
}

static void statuses(void)
{
    int file = open_new(O_RDWR);
    struct stat by_file, by_name, by_link;
    write(file, "12345", 5);
    check_result("fstat", fstat(file, &by_file), 0);
    check_result("stat", stat(path, &by_name), 0);
    check_result("lstat", lstat(path, &by_link), 0);
    check_that(by_file.st_ino == by_name.st_ino && by_file.st_dev == by_name.st_dev &&
                   by_file.st_ino == by_link.st_ino,
               "the file has inodes %lu, %lu, %lu", by_file.st_ino, by_name.st_ino, by_link.st_ino);
    check_that(S_ISREG(by_file.st_mode) && (by_file.st_mode & 0777) == 0640, "its mode is %o",
               by_file.st_mode);
    check_that(by_file.st_size == 5 && by_file.st_nlink == 1, "size %ld, %lu links", by_file.st_size,
               by_file.st_nlink);
    check_that(by_file.st_uid == getuid(), "its owner is %d", by_file.st_uid);
    check_result("chmod", chmod(path, 0400), 0);
    fstat(file, &by_file);
    check_that((by_file.st_mode & 0777) == 0400, "its mode after chmod is %o", by_file.st_mode);
    check_result("unlink", unlink(path), 0);
    check_error("stat after unlink", system_call(SYS_stat, path, &by_name), ENOENT);
    char buffer[5];
    check_result("read after unlink", pread(file, buffer, 5, 0), 5);
    fstat(file, &by_file);
    check_result("links after unlink", (long)by_file.st_nlink, 0);
    close(file);
    struct stat null;
    check_result("stat of /dev/null", stat("/dev/null", &null), 0);
    check_that(S_ISCHR(null.st_mode) && null.st_rdev == 0x103, "/dev/null has mode %o, device %#lx",
               null.st_mode, null.st_rdev);
}

static void vectors(void)
{
    int file = open_new(O_RDWR);
    struct iovec out[] = {{"one", 3}, {NULL, 0}, {"two", 3}, {"three", 5}};
    check_result("writev", writev(file, out, 4), 11);
    char first[4] = {0}, second[16] = {0};
    struct iovec in[] = {{first, 3}, {second, 15}};
    lseek(file, 0, SEEK_SET);
    check_result("readv", readv(file, in, 2), 11);
    check_that(strcmp(first, "one") == 0 && strcmp(second, "twothree") == 0, "readv gave %s and %s", first,
               second);
    check_result("writev of no vectors", writev(file, out, 0), 0);
    static struct iovec many[IOV_LIMIT + 1];
    for (int i = 0; i <= IOV_LIMIT; i++)
        many[i] = (struct iovec){"x", 1};
    check_result("writev of 1024 vectors", writev(file, many, IOV_LIMIT), IOV_LIMIT);
    check_error("writev of 1025 vectors", system_call(SYS_writev, file, many, IOV_LIMIT + 1), EINVAL);
    close(file);
}

static void devices(void)
{
    char buffer[100];
    memset(buffer, 1, sizeof(buffer));
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
    check_that(null >= 0 && zero >= 0 && full >= 0, "/dev lacks null, zero or full");
    check_result("write to /dev/null", write(null, buffer, sizeof(buffer)), sizeof(buffer));
    check_result("read of /dev/null", read(null, buffer, sizeof(buffer)), 0);
    check_result("read of /dev/zero", read(zero, buffer, sizeof(buffer)), sizeof(buffer));
    check_that(buffer[0] == 0 && buffer[99] == 0, "/dev/zero gives %d", buffer[0]);
    check_error("write to /dev/full", system_call(SYS_write, full, buffer, 1), ENOSPC);
    check_error("ioctl of a terminal on /dev/null", system_call(SYS_ioctl, null, 0x5401, buffer), ENOTTY);
    close(null);
    close(zero);
    close(full);
}

/* Each of several processes cuts its own file short all the time: none waits for another for long. */
static void cutting_at_once(void)
{
    int status = -1, failed = 0;
    for (int i = 0; i < CUTTERS; i++)
        if (fork() == 0) {
            snprintf(path, sizeof(path), "/tmp/check-files.%d", getpid());
            int file = open_new(O_RDWR);
            unlink(path);
            for (int round = 0; round < CUTS; round++)
                if (pwrite(file, "text", 4, 0) != 4 || ftruncate(file, 0) != 0)
                    _exit(1);
            _exit(0);
        }
    while (wait(&status) > 0)
        failed += status != 0;
    check_result("processes that could not cut their files", failed, 0);
}

int main(void)
{
    check_begin("check-files");
    snprintf(path, sizeof(path), "/tmp/check-files.%d", getpid());
    umask(022);
    opening();
    seeking();
    appending();
    sizes_and_holes();
    statuses();
    vectors();
    devices();
    cutting_at_once();
    unlink(path);
    return check_verdict();
}
