/* System calls that wait, and what ends the wait: a stop does not, however long (what is left of the time goes on counting); a handler does, by what signal(7) says of each call. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define MILLISECOND        INT64_C(1000000)
#define SECOND             INT64_C(1000000000)
#define SHORT              (80 * MILLISECOND)
#define LONG               (1200 * MILLISECOND)
#define VERY_LONG          (1000 * SECOND)
#define LATE               (600 * MILLISECOND)
#define SET_SIZE           8

/* <linux/futex.h>, which musl has not */
#define FUTEX_WAIT         0
#define FUTEX_WAIT_BITSET  9
#define FUTEX_PRIVATE_FLAG 128

/* Exit statuses of a child that made a call. */
enum { PASSED = 42, WRONG_RESULT, TOO_EARLY, TOO_LATE };

static int ends[2];    /* a pipe with nothing in it */
static int64_t waited; /* nanoseconds, by the calls that wait for some time */

static int64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec time_of(int64_t nanoseconds)
{
    return (struct timespec){nanoseconds / SECOND, nanoseconds % SECOND};
}

/* --- calls that wait for some time --- */

static long in_nanosleep(void)
{
    struct timespec time = time_of(waited);
    return system_call(SYS_nanosleep, &time, &time);
}

static long in_clock_nanosleep(void)
{
    struct timespec time = time_of(waited);
    return system_call(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &time, NULL);
}

static long in_absolute_nanosleep(void)
{
    struct timespec time = time_of(now(CLOCK_MONOTONIC) + waited);
    return system_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static long in_poll(void)
{
    struct pollfd file = {ends[0], POLLIN, 0};
    return system_call(SYS_poll, &file, 1, waited / MILLISECOND);
}

static long in_ppoll(void)
{
    struct pollfd file = {ends[0], POLLIN, 0};
    struct timespec time = time_of(waited);
    uint64_t none = 0;
    return system_call(SYS_ppoll, &file, 1, &time, &none, SET_SIZE);
}

static long in_select(void)
{
    struct timeval time = {waited / SECOND, waited % SECOND / 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    return system_call(SYS_select, ends[0] + 1, &set, NULL, NULL, &time);
}

static long in_pselect(void)
{
    struct timespec time = time_of(waited);
    return system_call(SYS_pselect6, 0, NULL, NULL, NULL, &time, NULL);
}

static long in_futex(void)
{
    static int word;
    struct timespec time = time_of(waited);
    return system_call(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
}

static long in_futex_bitset(void)
{
    static int word;
    struct timespec time = time_of(now(CLOCK_MONOTONIC) + waited);
    return system_call(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, &time, NULL, ~0u);
}

/* --- and without end, until there is something to read --- */

static long in_read(void)
{
    char byte;
    return system_call(SYS_read, ends[0], &byte, 1);
}

static long in_endless_poll(void)
{
    struct pollfd file = {ends[0], POLLIN, 0};
    return system_call(SYS_poll, &file, 1, -1);
}

static long in_endless_select(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    return system_call(SYS_select, ends[0] + 1, &set, NULL, NULL, NULL);
}

static long in_pause(void)
{
    return system_call(SYS_pause);
}

static long in_sigsuspend(void)
{
    uint64_t none = 0;
    return system_call(SYS_rt_sigsuspend, &none, SET_SIZE);
}

struct call {
    const char *what;
    long (*make)(void);
    long result; /* of the end of the time, of a byte, of a signal */
};

static const struct call timed[] = {
    {"nanosleep", in_nanosleep, 0},
    {"clock_nanosleep", in_clock_nanosleep, 0},
    {"clock_nanosleep until", in_absolute_nanosleep, 0},
    {"poll", in_poll, 0},
    {"ppoll", in_ppoll, 0},
    {"select", in_select, 0},
    {"pselect", in_pselect, 0},
    {"futex", in_futex, -ETIMEDOUT},
    {"futex until", in_futex_bitset, -ETIMEDOUT},
};
static const struct call endless[] = {
    {"read", in_read, 1},
    {"poll without end", in_endless_poll, 1},
    {"select without end", in_endless_select, 1},
};
static const struct call signalled[] = {
    {"pause", in_pause, -EINTR},
    {"sigsuspend", in_sigsuspend, -EINTR},
};
#define COUNT(calls) (sizeof(calls) / sizeof((calls)[0]))

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    (void)signal;
    handled++;
}

/* A child makes the call and says what came of it. */
static pid_t child_in(const struct call *call, long result, int64_t least)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    int64_t start = now(CLOCK_MONOTONIC);
    long seen = call->make();
    int64_t took = now(CLOCK_MONOTONIC) - start;
    if (seen != result)
        _exit(WRONG_RESULT);
    _exit(took < least                                               ? TOO_EARLY
          : least > 0 && took > least + LATE && !check_time_is_hosts ? TOO_LATE
                                                                     : PASSED);
}

static void verdict(pid_t child, const char *what, const char *when)
{
    int status = 0;
    waitpid(child, &status, 0);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    check_that(code == PASSED, "%s, %s: %s", what, when,
               code == WRONG_RESULT ? "a wrong result"
               : code == TOO_EARLY  ? "over too early"
               : code == TOO_LATE   ? "over too late"
                                    : "killed");
}

/* Wait until the child sleeps in its call, or has ended; then a little. */
static void asleep(pid_t child)
{
    char name[32], text[128];
    snprintf(name, sizeof(name), "/proc/%d/stat", child);
    for (char state = 0; state != 'S' && state != 'Z'; check_nap(5 * MILLISECOND)) {
        FILE *file = fopen(name, "r");
        const char *end = file != NULL && fgets(text, sizeof(text), file) != NULL ? strrchr(text, ')') : NULL;
        state = end != NULL ? end[2] : 'Z';
        if (file != NULL)
            fclose(file);
    }
}

/* Returns when the child is stopped, or has ended already. */
static void stop(pid_t child)
{
    siginfo_t info;
    kill(child, SIGSTOP);
    waitid(P_PID, child, &info, WSTOPPED | WEXITED | WNOWAIT);
}

/* All at once, as each takes long: one that began anew would take much longer. */
static void stopped_in_time(void)
{
    pid_t child[COUNT(timed)];
    waited = LONG;
    for (size_t i = 0; i < COUNT(timed); i++)
        child[i] = child_in(&timed[i], timed[i].result, LONG);
    for (int round = 0; round < 2; round++) {
        check_nap(round == 0 ? 100 * MILLISECOND : LONG - 300 * MILLISECOND);
        for (size_t i = 0; i < COUNT(timed); i++)
            stop(child[i]);
        check_nap(20 * MILLISECOND);
        for (size_t i = 0; i < COUNT(timed); i++)
            kill(child[i], SIGCONT);
    }
    for (size_t i = 0; i < COUNT(timed); i++)
        verdict(child[i], timed[i].what, "stopped twice");
}

/* The time is over when it goes on. */
static void stopped_for_long(const struct call *call)
{
    waited = SHORT;
    pid_t child = child_in(call, call->result, SHORT);
    asleep(child);
    stop(child);
    check_nap(SHORT + 20 * MILLISECOND);
    kill(child, SIGCONT);
    verdict(child, call->what, "stopped for longer than it waits");
}

static void interrupted(const struct call *call, long result, const char *when)
{
    waited = VERY_LONG;
    pid_t child = child_in(call, result, 0);
    asleep(child);
    kill(child, SIGUSR1);
    verdict(child, call->what, when);
}

static void handled_after_stop(const struct call *call)
{
    waited = VERY_LONG;
    pid_t child = child_in(call, -EINTR, 0);
    asleep(child);
    stop(child);
    kill(child, SIGUSR1);
    kill(child, SIGCONT);
    verdict(child, call->what, "with a handler when it goes on");
}

static void stopped_without_end(const struct call *call, bool byte)
{
    char got;
    int status;
    pid_t child = child_in(call, call->result, 0);
    asleep(child);
    stop(child);
    kill(child, SIGCONT);
    asleep(child);
    check_result(call->what, waitpid(child, &status, WNOHANG), 0);
    if (byte)
        check_result("a byte", write(ends[1], "x", 1), 1);
    else
        kill(child, SIGUSR1);
    verdict(child, call->what, "stopped");
    if (byte && call->make != in_read)
        check_result("the byte", read(ends[0], &got, 1), 1);
}

/* read is made again after the handler; the handler's own sleep is stopped, and goes on, meanwhile. */
static void sleep_in_handler(int signal)
{
    (void)signal;
    handled += in_nanosleep() == 0;
}

static long read_with_sleeper(void)
{
    struct sigaction action = {.sa_handler = sleep_in_handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    handled = 0;
    long result = in_read();
    return handled == 1 && system_call(219 /* restart_syscall */) == -EINTR ? result : -1;
}

static void sleep_of_a_handler(void)
{
    static const struct call call = {"read, with a handler that sleeps", read_with_sleeper, 1};
    waited = SHORT;
    pid_t child = child_in(&call, 1, 0);
    asleep(child);
    kill(child, SIGUSR1);
    asleep(child);
    stop(child);
    check_nap(5 * MILLISECOND);
    kill(child, SIGCONT);
    check_nap(SHORT);
    check_result("a byte", write(ends[1], "x", 1), 1);
    verdict(child, call.what, "stopped");
}

/* What nanosleep leaves of the time. */
static void time_left(void)
{
    struct timespec time = {100, 0}, left = {0, 0};
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        check_nap(30 * MILLISECOND);
        kill(parent, SIGUSR1);
        _exit(0);
    }
    check_error("nanosleep with a handler", system_call(SYS_nanosleep, &time, &left), EINTR);
    check_that(left.tv_sec == 99, "99 seconds are left, not %ld", left.tv_sec);
    waitpid(child, NULL, 0);
}

/* --- long transfers: nobody waits, but others have their turns, and SIGKILL ends them --- */

#define PIECES      1024
#define PIECE_BYTES (1 << 20)

static void transfer(int file, int started)
{
    static char room[PIECE_BYTES];
    struct iovec pieces[PIECES];

    for (int i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){room, PIECE_BYTES};
    if (write(started, "", 1) == 1 && readv(file, pieces, PIECES) > 0)
        _exit(0);
    _exit(1);
}

static void killed_in_transfer(const char *name, int file)
{
    int started[2], status = -1;
    char byte;

    if (!check_that(file >= 0 && pipe(started) == 0, "%s cannot be read", name))
        return;
    pid_t child = fork();
    if (child == 0)
        transfer(file, started[1]);
    check_result(name, read(started[0], &byte, 1), 1);
    usleep(1000);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    check_that(WIFSIGNALED(status), "a reader of %s was heard of when it had read all: %s", name,
               check_status_text(status));
    close(started[0]);
    close(started[1]);
    close(file);
}

static void transfers(void)
{
    char name[] = "/tmp/check-interrupt-XXXXXX";
    int file = mkstemp(name);

    unlink(name);
    check_result("a file with nothing in it", ftruncate(file, (off_t)PIECES * PIECE_BYTES), 0);
    killed_in_transfer("a file", file);
    killed_in_transfer("/dev/zero", open("/dev/zero", O_RDONLY));
    killed_in_transfer("/dev/urandom", open("/dev/urandom", O_RDONLY));
}

int main(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    check_begin("check-interrupt");
    check_result("pipe", pipe(ends), 0);
    check_error("restart_syscall of nothing", system_call(219), EINTR);
    sigaction(SIGUSR1, &action, NULL);
    stopped_in_time();
    for (size_t i = 0; i < COUNT(timed); i++) {
        stopped_for_long(&timed[i]);
        interrupted(&timed[i], -EINTR, "with a handler that restarts");
        handled_after_stop(&timed[i]);
    }
    for (size_t i = 0; i < COUNT(endless); i++)
        stopped_without_end(&endless[i], true);
    for (size_t i = 0; i < COUNT(signalled); i++)
        stopped_without_end(&signalled[i], false);
    time_left();
    sleep_of_a_handler();
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    for (size_t i = 0; i < COUNT(timed); i++)
        interrupted(&timed[i], -EINTR, "with a handler that does not restart");
    for (size_t i = 0; i < COUNT(endless); i++)
        interrupted(&endless[i], -EINTR, "with a handler that does not restart");
    transfers();
    return check_verdict();
}
