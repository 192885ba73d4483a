/* File descriptors: the lowest free number, dup and its kin, flags of descriptors and of open files, the
 * limit, poll and sendfile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define PROGRAM     "/proc/self/exe"
#define DESCRIPTORS 64 /* the limit that is set for the test */

static void lowest_number(void)
{
    int a = open(PROGRAM, O_RDONLY), b = open(PROGRAM, O_RDONLY), c = open(PROGRAM, O_RDONLY);
    check_that(a >= 0 && b == a + 1 && c == b + 1, "three files get %d, %d, %d", a, b, c);
    close(b);
    check_result("dup into the gap", dup(a), b);
    close(a);
    check_result("open into the gap", open(PROGRAM, O_RDONLY), a);
    close(a);
    close(b);
    close(c);
}

static void duplicates(void)
{
    int file = open(PROGRAM, O_RDONLY);
    check_result("dup2", dup2(file, 30), 30);
    lseek(file, 100, SEEK_SET);
    check_result("position through the other", lseek(30, 0, SEEK_CUR), 100);
    check_result("dup2 onto itself", dup2(file, file), file);
    check_result("dup2 over an open one", dup2(file, 30), 30);
    check_error("dup2 of nothing", system_call(SYS_dup2, 999, 30), EBADF);
    check_error("dup2 to no number", system_call(SYS_dup2, file, -1), EBADF);
    check_error("dup3 onto itself", system_call(SYS_dup3, file, file, 0), EINVAL);
    check_error("dup3 with unknown flags", system_call(SYS_dup3, file, 31, 1), EINVAL);
    check_result("dup3", dup3(file, 31, O_CLOEXEC), 31);
    check_result("flags of what dup3 made", fcntl(31, F_GETFD), FD_CLOEXEC);
    check_result("flags of what dup2 made", fcntl(30, F_GETFD), 0);
    check_result("F_DUPFD from 40", fcntl(file, F_DUPFD, 40), 40);
    check_result("F_DUPFD_CLOEXEC from 40", fcntl(file, F_DUPFD_CLOEXEC, 40), 41);
    check_result("flags of it", fcntl(41, F_GETFD), FD_CLOEXEC);
    close(file);
    char byte;
    check_result("read through a duplicate after close", read(30, &byte, 1), 1);
    for (int i = 30; i <= 41; i++)
        close(i);
}

static void flags(void)
{
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    check_result("F_GETFD", fcntl(file, F_GETFD), FD_CLOEXEC);
    check_result("F_SETFD", fcntl(file, F_SETFD, 0), 0);
    check_result("F_GETFD", fcntl(file, F_GETFD), 0);
    check_that((fcntl(file, F_GETFL) & O_ACCMODE) == O_RDWR, "F_GETFL is %#x", fcntl(file, F_GETFL));
    check_result("F_SETFL", fcntl(file, F_SETFL, O_NONBLOCK | O_APPEND), 0);
    check_that((fcntl(file, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND)) ==
                   (O_RDWR | O_NONBLOCK | O_APPEND),
               "F_GETFL is %#x", fcntl(file, F_GETFL));
    check_error("fcntl of nothing", system_call(SYS_fcntl, 999, F_GETFD), EBADF);
    check_error("fcntl of no kind", system_call(SYS_fcntl, file, 9999), EINVAL);
    close(file);
}

static void limit(const void *unused)
{
    (void)unused;
    struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};
    check_result("setrlimit", setrlimit(RLIMIT_NOFILE, &limit), 0);
    long file, last = -1;
    while ((file = system_call(SYS_open, "/dev/null", O_RDONLY)) >= 0)
        last = file;
    check_error("open beyond the limit", file, EMFILE);
    check_result("the last descriptor", last, DESCRIPTORS - 1);
    check_error("dup beyond the limit", system_call(SYS_dup, 0), EMFILE);
    check_error("dup2 beyond the limit", system_call(SYS_dup2, 0, DESCRIPTORS), EBADF);
    int ends[2];
    check_error("pipe beyond the limit", system_call(SYS_pipe, ends), EMFILE);
    close(10);
    check_error("pipe with room for one", system_call(SYS_pipe, ends), EMFILE);
    check_result("open into that room", open("/dev/null", O_RDONLY), 10);
}

static void polling(void)
{
    int ends[2];
    if (!check_that(pipe(ends) == 0, "no pipe"))
        return;
    struct pollfd entries[3] = {
        {.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLOUT}, {.fd = -1, .events = POLLIN}};
    check_result("poll", poll(entries, 3, 0), 1);
    check_that(entries[0].revents == 0 && entries[1].revents == POLLOUT && entries[2].revents == 0,
               "poll says %#x %#x %#x", entries[0].revents, entries[1].revents, entries[2].revents);
    check_result("poll with a time limit", poll(entries, 1, 10), 0);
    check_that(write(ends[1], "x", 1) == 1, "write");
    check_result("poll of what can be read", poll(entries, 1, -1), 1);
    close(ends[1]);
    check_result("poll after the writer left", poll(entries, 1, -1), 1);
    check_that(entries[0].revents == (POLLIN | POLLHUP), "poll says %#x", entries[0].revents);
    close(ends[0]);
    check_result("poll of a closed one", poll(entries, 1, 0), 1);
    check_that(entries[0].revents == POLLNVAL, "poll says %#x", entries[0].revents);
}

static void sending(void)
{
    char path[64], buffer[64] = {0};
    snprintf(path, sizeof(path), "/tmp/check-descriptors.%d", getpid());
    int to = open(path, O_CREAT | O_RDWR, 0600), from = open(PROGRAM, O_RDONLY);
    off_t offset = 1;
    check_that(to >= 0 && from >= 0, "files cannot be opened");
    check_result("sendfile", sendfile(to, from, NULL, 4), 4);
    check_result("sendfile from an offset", sendfile(to, from, &offset, 3), 3);
    check_result("the offset", offset, 4);
    check_result("the position", lseek(from, 0, SEEK_CUR), 4);
    check_result("pread64", pread(to, buffer, sizeof(buffer), 0), 7);
    check_that(memcmp(buffer, "\177ELFELF", 7) == 0, "sendfile sent %.7s", buffer);
    close(to);
    close(from);
    unlink(path);
}

int main(void)
{
    check_begin("check-descriptors");
    lowest_number();
    duplicates();
    flags();
    check_survives("the limit", limit, NULL);
    polling();
    sending();
    return check_verdict();
}
