/* select and pselect6: which descriptors are ready, time-outs and what is left of them, signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define MILLISECOND 1000000

static int in, out; /* the ends of a pipe */

static long select_raw(int count, fd_set *readable, fd_set *writable, struct timeval *time)
{
    return system_call(SYS_select, count, readable, writable, NULL, time);
}

static fd_set set_of(int descriptor)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(descriptor, &set);
    return set;
}

static void readiness(void)
{
    struct timeval none = {0, 0};
    fd_set readable = set_of(in), writable = set_of(out);

    check_result("select of an empty pipe", select_raw(out + 1, &readable, &writable, &none), 1);
    check_that(!FD_ISSET(in, &readable) && FD_ISSET(out, &writable), "an empty pipe is readable or full");
    check_result("write", write(out, "x", 1), 1);
    readable = set_of(in);
    writable = set_of(out);
    check_result("select of a pipe with a byte", select_raw(out + 1, &readable, &writable, &none), 2);
    check_that(FD_ISSET(in, &readable) && FD_ISSET(out, &writable), "a byte in a pipe is not seen");
    readable = set_of(in);
    check_result("select below the descriptor", select_raw(in, &readable, NULL, &none), 0);
    char byte;
    check_result("read", read(in, &byte, 1), 1);
    readable = set_of(in);
    FD_SET(out, &readable);
    check_result("select of a descriptor that cannot be read", select_raw(out + 1, &readable, NULL, &none),
                 0);
    check_that(!FD_ISSET(in, &readable) && !FD_ISSET(out, &readable), "bits that are not true are left");
}

static void ends(void)
{
    struct timeval none = {0, 0};
    int pipe_ends[2];

    if (pipe(pipe_ends) != 0)
        return;
    close(pipe_ends[1]);
    fd_set readable = set_of(pipe_ends[0]);
    check_result("select of a pipe without writers", select_raw(pipe_ends[0] + 1, &readable, NULL, &none), 1);
    close(pipe_ends[0]);
    readable = set_of(pipe_ends[0]);
    check_error("select of a closed descriptor", select_raw(pipe_ends[0] + 1, &readable, NULL, &none), EBADF);
    check_error("select of less than none", select_raw(-1, NULL, NULL, &none), EINVAL);
    struct timeval negative = {-1, 0};
    check_error("select for a negative time", select_raw(0, NULL, NULL, &negative), EINVAL);
    check_error("select with sets nowhere", system_call(SYS_select, 5, 8, 0, 0, &none), EFAULT);
    check_error("select with a time nowhere", system_call(SYS_select, 0, 0, 0, 0, 8), EFAULT);
}

static void times(void)
{
    struct timespec start, end;
    struct timeval wait = {0, 20 * 1000};
    fd_set readable = set_of(in);

    clock_gettime(CLOCK_MONOTONIC, &start);
    check_result("select that times out", select_raw(in + 1, &readable, NULL, &wait), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t took = (end.tv_sec - start.tv_sec) * INT64_C(1000000000) + end.tv_nsec - start.tv_nsec;
    check_that(took >= 20 * MILLISECOND, "it waited %ld ns, not 20 ms", (long)took);
    check_that(wait.tv_sec == 0 && wait.tv_usec == 0, "%ld us are left of a time that is over",
               (long)wait.tv_usec);
    struct timespec naps = {.tv_nsec = 5 * MILLISECOND};
    check_result("select of nothing", system_call(SYS_pselect6, 0, NULL, NULL, NULL, &naps, NULL), 0);
    check_that(naps.tv_sec == 0 && naps.tv_nsec == 0, "%ld ns are left", naps.tv_nsec);
}

static void wakes(void)
{
    struct timeval wait = {60, 0};
    fd_set readable = set_of(in);
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct timespec nap = {.tv_nsec = 5 * MILLISECOND};
        nanosleep(&nap, NULL);
        _exit(write(out, "y", 1) != 1);
    }
    check_result("select until a child writes", select_raw(in + 1, &readable, NULL, &wait), 1);
    check_that(FD_ISSET(in, &readable) && wait.tv_sec == 59, "%ld s are left of a minute", (long)wait.tv_sec);
    char byte;
    check_result("read", read(in, &byte, 1), 1);
    waitpid(child, &status, 0);
}

static volatile sig_atomic_t came;

static void note(int signal)
{
    came = signal;
}

/* A signal that is blocked but for the call ends it, and is blocked again when its handler has run. */
static void signals(void)
{
    struct {
        const sigset_t *mask;
        size_t size;
    } with;
    struct timespec wait = {.tv_sec = 60};
    sigset_t blocked, none;
    fd_set readable = set_of(in);

    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    signal(SIGUSR1, note);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    check_that(came == 0, "a blocked signal was delivered");
    with.mask = &none;
    with.size = 8;
    check_error("pselect6 that lets a signal through",
                system_call(SYS_pselect6, in + 1, &readable, NULL, NULL, &wait, &with), EINTR);
    check_that(came == SIGUSR1 && FD_ISSET(in, &readable), "the handler did not run, or the set was changed");
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    check_that(sigismember(&now, SIGUSR1), "the mask did not come back");
    with.size = 7;
    check_error("pselect6 with a mask of another size",
                system_call(SYS_pselect6, 0, NULL, NULL, NULL, &wait, &with), EINVAL);
}

int main(void)
{
    int pipe_ends[2];

    check_begin("check-select");
    if (!check_that(pipe(pipe_ends) == 0, "no pipe: %s", strerror(errno)))
        return check_verdict();
    in = pipe_ends[0];
    out = pipe_ends[1];
    readiness();
    ends();
    times();
    wakes();
    signals();
    return check_verdict();
}
