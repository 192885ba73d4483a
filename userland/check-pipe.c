/* Pipes: bytes come out in order, readers and writers wait for each other, the end is the end, and a pipe
 * without readers is SIGPIPE. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define TRANSFER    1000000
#define CHUNK       7919 /* no divisor of any buffer's size */
#define ATOMIC      512  /* POSIX: so much is written in one piece */
#define WRITERS     4
#define ROUND_TRIPS 200

static void pipe_make(int ends[2])
{
    if (!check_that(pipe(ends) == 0, "no pipe"))
        _exit(1);
}

static void pipe_close(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static void basics(void)
{
    int ends[2];
    char buffer[16] = {0};
    pipe_make(ends);
    check_result("write", write(ends[1], "hello", 5), 5);
    check_result("read of a part", read(ends[0], buffer, 2), 2);
    check_result("read of the rest", read(ends[0], buffer + 2, 10), 3);
    check_that(strcmp(buffer, "hello") == 0, "the pipe gave %s", buffer);
    check_error("read from the wrong end", system_call(SYS_read, ends[1], buffer, 1), EBADF);
    check_error("write to the wrong end", system_call(SYS_write, ends[0], buffer, 1), EBADF);
    check_error("lseek", system_call(SYS_lseek, ends[0], 0, SEEK_SET), ESPIPE);
    check_result("write of nothing", write(ends[1], "", 0), 0);
    close(ends[1]);
    check_result("read at the end", read(ends[0], buffer, 1), 0);
    check_result("read at the end again", read(ends[0], buffer, 1), 0);
    close(ends[0]);
    check_error("pipe2 with unknown flags", system_call(SYS_pipe2, ends, 0x1), EINVAL);
}

static void without_waiting(void)
{
    int ends[2];
    char buffer[4096] = {0};
    if (!check_that(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "no pipe"))
        return;
    check_that(fcntl(ends[0], F_GETFD) == FD_CLOEXEC, "O_CLOEXEC is not set");
    check_error("read of an empty pipe", system_call(SYS_read, ends[0], buffer, 1), EAGAIN);
    long written = 0, result;
    while ((result = system_call(SYS_write, ends[1], buffer, sizeof(buffer))) > 0)
        written += result;
    check_error("write to a full pipe", result, EAGAIN);
    check_that(written >= 4096, "a pipe holds %ld bytes", written);
    struct pollfd state[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLOUT}};
    check_result("poll of a full pipe", poll(state, 2, 0), 1);
    check_that(state[0].revents == POLLIN && state[1].revents == 0, "poll says %#x and %#x", state[0].revents,
               state[1].revents);
    pipe_close(ends);
}

/* A megabyte through the pipe, each byte known. */
static void transfer(void)
{
    int ends[2];
    pipe_make(ends);
    pid_t child = fork();
    if (child == 0) {
        unsigned char chunk[CHUNK];
        for (size_t sent = 0; sent < TRANSFER;) {
            size_t size = TRANSFER - sent < CHUNK ? TRANSFER - sent : CHUNK;
            for (size_t i = 0; i < size; i++)
                chunk[i] = (unsigned char)((sent + i) * 131 >> 3);
            if (write(ends[1], chunk, size) != (ssize_t)size)
                _exit(1);
            sent += size;
        }
        _exit(0);
    }
    close(ends[1]);
    unsigned char buffer[5000];
    size_t received = 0;
    ssize_t size;
    while ((size = read(ends[0], buffer, sizeof(buffer))) > 0)
        for (ssize_t i = 0; i < size; i++, received++)
            if (buffer[i] != (unsigned char)(received * 131 >> 3)) {
                check_that(false, "byte %zu is %#x", received, buffer[i]);
                received = TRANSFER;
            }
    int status = -1;
    waitpid(child, &status, 0);
    check_that(received == TRANSFER && status == 0, "%zu of %d bytes came; the writer: %s", received,
               TRANSFER, check_status_text(status));
    close(ends[0]);
}

/* Small writes of several processes do not mix. */
static void atomic_writes(void)
{
    int ends[2];
    pipe_make(ends);
    for (int writer = 0; writer < WRITERS; writer++)
        if (fork() == 0) {
            char message[ATOMIC];
            memset(message, 'a' + writer, sizeof(message));
            for (int i = 0; i < 30; i++)
                if (write(ends[1], message, ATOMIC) != ATOMIC)
                    _exit(1);
            _exit(0);
        }
    close(ends[1]);
    char message[ATOMIC];
    int messages = 0;
    for (;;) {
        size_t got = 0;
        ssize_t size = 0;
        while (got < ATOMIC && (size = read(ends[0], message + got, ATOMIC - got)) > 0)
            got += (size_t)size;
        if (got < ATOMIC)
            break;
        messages++;
        for (int i = 1; i < ATOMIC; i++)
            if (message[i] != message[0]) {
                check_that(false, "message %d holds %c and %c", messages, message[0], message[i]);
                break;
            }
    }
    check_result("messages", messages, WRITERS * 30);
    while (wait(NULL) > 0)
        continue;
    close(ends[0]);
}

static void ping_pong(void)
{
    int there[2], back[2];
    pipe_make(there);
    pipe_make(back);
    pid_t child = fork();
    unsigned char byte;
    if (child == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) {
            byte++;
            if (write(back[1], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    close(there[0]);
    for (int i = 0; i < ROUND_TRIPS; i++) {
        byte = (unsigned char)i;
        bool sent = write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;
        check_that(sent && byte == (unsigned char)(i + 1), "round trip %d came back as %d", i, byte);
    }
    close(there[1]);
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0, "the other side ended with %s", check_status_text(status));
    pipe_close(back);
}

static void write_without_reader(const void *unused)
{
    (void)unused;
    int ends[2];
    pipe_make(ends);
    close(ends[0]);
    write(ends[1], "x", 1);
}

static void write_without_reader_ignoring(const void *unused)
{
    (void)unused;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    pipe_make(ends);
    close(ends[0]);
    check_error("write without a reader", system_call(SYS_write, ends[1], "x", 1), EPIPE);
}

/* A writer that waits for room is told when the last reader goes. */
static void reader_leaves(void)
{
    int ends[2];
    pipe_make(ends);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        char chunk[4096] = {0};
        for (;;)
            if (write(ends[1], chunk, sizeof(chunk)) < 0)
                _exit(1);
    }
    struct timespec nap = {.tv_nsec = 20000000};
    nanosleep(&nap, NULL);
    pipe_close(ends);
    int status = -1;
    waitpid(writer, &status, 0);
    check_that(status == SIGPIPE, "the writer ended with %s", check_status_text(status));
}

/* One file that is both ends of a named pipe waits for room until a reader makes it. */
static void both_ends(void)
{
    static char buffer[1 << 17];
    char name[64];
    snprintf(name, sizeof(name), "/tmp/check-pipe-%d", (int)getpid());
    check_result("mkfifo", mkfifo(name, 0600), 0);
    int file = open(name, O_RDWR | O_NONBLOCK);
    if (!check_that(file >= 0, "a named pipe cannot be opened both ways"))
        return;
    unlink(name);
    ssize_t size = 0, written;
    while ((written = write(file, buffer, sizeof(buffer))) > 0)
        size += written;
    pid_t child = fork();
    if (child == 0) {
        struct pollfd state = {.fd = file, .events = POLLOUT};
        struct timespec before, after; /* at the end of its time poll looks once more */
        clock_gettime(CLOCK_MONOTONIC, &before);
        int ready = poll(&state, 1, 20000);
        clock_gettime(CLOCK_MONOTONIC, &after);
        _exit(ready == 1 && state.revents == POLLOUT && after.tv_sec - before.tv_sec < 15 ? 0 : 1);
    }
    check_nap(20 * 1000000L);
    check_result("read of all", read(file, buffer, sizeof(buffer)), size);
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0, "who waits for room in a pipe that was emptied ends with %s",
               check_status_text(status));
    close(file);
}

int main(void)
{
    check_begin("check-pipe");
    basics();
    without_waiting();
    transfer();
    atomic_writes();
    ping_pong();
    check_dies("write without a reader", SIGPIPE, write_without_reader, NULL);
    check_survives("write without a reader, SIGPIPE ignored", write_without_reader_ignoring, NULL);
    reader_leaves();
    both_ends();
    return check_verdict();
}
