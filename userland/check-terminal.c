/* A terminal and the session that it controls: who may read it, and what is left of both when the session's leader ends. On Linux the terminal is a new pty, here the
 * console, taken from the first process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "userland/check.h"

#define STEAL 1

static int signals_seen[2]; /* a pipe */

static int terminal_open(void)
{
    static int master = -1;

    if (!check_on_linux)
        return open("/dev/tty1", O_RDWR | O_NOCTTY);
    if (master < 0) {
        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
            return -1;
    }
    return open(ptsname(master), O_RDWR | O_NOCTTY);
}

/* Make the current process, whose parent does not lead a group, the leader of a session with this terminal. */
static void session_begin(int terminal)
{
    check_that(setsid() == getpid(), "setsid: %d", errno);
    check_that(ioctl(terminal, TIOCSCTTY, STEAL) == 0, "TIOCSCTTY: %d", errno);
    check_that(tcgetsid(terminal) == getpid(), "tcgetsid: %d instead of %d", tcgetsid(terminal), getpid());
    check_that(tcgetpgrp(terminal) == getpid(), "tcgetpgrp: %d instead of %d", tcgetpgrp(terminal), getpid());
}

/* A child in a group of its own; 0 in the child. */
static pid_t job_start(void)
{
    pid_t job = fork();

    check_that(job >= 0, "fork: %d", errno);
    if (job >= 0)
        setpgid(job, job);
    return job;
}

static void job_end(pid_t job)
{
    int status;

    kill(job, SIGKILL);
    waitpid(job, &status, 0);
}

static void stops_by(const char *what, pid_t job, int signal)
{
    int status = 0;

    check_that(waitpid(job, &status, WUNTRACED) == job, "%s: waitpid: %d", what, errno);
    check_that(WIFSTOPPED(status) && WSTOPSIG(status) == signal, "%s: %s instead of a stop by %s", what,
               check_status_text(status), check_status_text(signal));
    job_end(job);
}

/* Jobs in the background: reading and changing the terminal stops them, writing does not; nor is anything refused to one that ignores that signal. */
static void background(const void *argument)
{
    int terminal = *(const int *)argument;
    struct termios settings;
    char byte;

    session_begin(terminal);
    pid_t job = job_start();
    if (job == 0) {
        _exit(read(terminal, &byte, 1) == 0);
    }
    stops_by("reading", job, SIGTTIN);
    job = job_start();
    if (job == 0)
        _exit(tcgetattr(terminal, &settings) != 0 || write(terminal, "", 1) != 1 ||
              tcsetattr(terminal, TCSANOW, &settings) != 0);
    stops_by("tcsetattr", job, SIGTTOU);
    job = job_start();
    if (job == 0)
        _exit(tcsetpgrp(terminal, getpgrp()) != 0);
    stops_by("tcsetpgrp", job, SIGTTOU);
    job = job_start();
    if (job == 0) {
        signal(SIGTTIN, SIG_IGN);
        signal(SIGTTOU, SIG_IGN);
        check_that(read(terminal, &byte, 1) == -1 && errno == EIO, "reading, ignoring SIGTTIN: %d", errno);
        check_that(tcsetpgrp(terminal, getpgrp()) == 0, "tcsetpgrp, ignoring SIGTTOU: %d", errno);
        check_that(tcgetpgrp(terminal) == getpgrp(), "it is in the foreground then");
        _exit(check_verdict_silent());
    }
    int status = 0;
    waitpid(job, &status, 0);
    check_that(status == 0, "ignoring both: %s", check_status_text(status));
    signal(SIGTTOU, SIG_IGN);
    check_that(tcsetpgrp(terminal, getpgrp()) == 0, "tcsetpgrp, back: %d", errno);
    check_that(tcsetpgrp(terminal, job) == -1 && errno == ESRCH, "tcsetpgrp of no group: %d", errno);
    check_that(tcsetpgrp(terminal, getppid()) == -1 && (errno == EPERM || errno == ESRCH),
               "tcsetpgrp of another session's: %d", errno);
}

static void signal_tell(int signal)
{
    char byte = (char)signal;
    ssize_t written = write(signals_seen[1], &byte, 1);

    (void)written;
}

static void hung_up_check(int terminal)
{
    struct termios settings;
    struct pollfd poll_one = {.fd = terminal, .events = POLLIN};
    char byte;

    check_that(read(terminal, &byte, 1) == 0, "read after the session's end: %d", errno);
    check_that(write(terminal, "x", 1) == -1 && errno == EIO, "write after the session's end: %d", errno);
    check_that(tcgetattr(terminal, &settings) == -1 && errno == EIO, "tcgetattr after the session's end: %d",
               errno);
    check_that(poll(&poll_one, 1, 0) == 1 && (poll_one.revents & (POLLHUP | POLLERR)) == (POLLHUP | POLLERR),
               "poll after the session's end: %#x", poll_one.revents);
}

/* The leader's job in the foreground, which outlives it. */
static void job_hear(int terminal)
{
    struct sigaction action = {.sa_handler = signal_tell, .sa_flags = SA_RESTART};
    char byte;

    sigaction(SIGHUP, &action, NULL);
    signal_tell('r'); /* ready */
    /* A pty goes on as long as its other side is there; the console hangs up. */
    if (check_on_linux)
        pause();
    else
        check_that(read(terminal, &byte, 1) == 0, "a read that waits while the session ends: %d", errno);
    check_that(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO, "/dev/tty after the session's end: %d",
               errno);
    if (!check_on_linux)
        hung_up_check(terminal);
    signal_tell(check_verdict_silent() == 0 ? 'g' : 'b');
    _exit(0);
}

static void leader_ends(int terminal, bool stopped)
{
    char byte = 0;
    int status;

    session_begin(terminal);
    pid_t job = job_start();
    if (job == 0) {
        if (!stopped)
            job_hear(terminal);
        pause();
        _exit(0);
    }
    check_that(tcsetpgrp(terminal, job) == 0, "tcsetpgrp: %d", errno);
    if (stopped) {
        kill(job, SIGSTOP);
        waitpid(job, &status, WUNTRACED);
    } else {
        check_that(read(signals_seen[0], &byte, 1) == 1 && byte == 'r', "the job begins");
        check_nap(20000000); /* until it reads */
    }
    close(signals_seen[0]);
    close(signals_seen[1]);
    _exit(check_verdict_silent());
}

/* End a session while a job of it is in the foreground; the bytes that are heard of until both have ended. */
static size_t session_end(int terminal, bool stopped, char *heard, size_t size)
{
    size_t count = 0;
    int status = -1;

    if (!check_that(pipe(signals_seen) == 0, "pipe: %d", errno))
        return 0;
    pid_t leader = fork();
    if (leader == 0)
        leader_ends(terminal, stopped);
    close(signals_seen[1]);
    check_that(waitpid(leader, &status, 0) == leader && status == 0, "the leader: %s",
               check_status_text(status));
    while (count < size && read(signals_seen[0], heard + count, 1) == 1)
        count++;
    close(signals_seen[0]);
    return count;
}

int main(void)
{
    char heard[8];

    check_begin("check-terminal");
    int terminal = terminal_open();
    if (!check_that(terminal >= 0, "no terminal: %d", errno))
        return check_verdict();
    check_survives("background", background, &terminal);
    close(terminal);

    terminal = terminal_open();
    size_t count = session_end(terminal, false, heard, sizeof(heard));
    check_that(count == 2 && heard[0] == SIGHUP && heard[1] == 'g', "%zu bytes heard, the first %d", count,
               heard[0]);
    check_that(tcgetpgrp(terminal) == -1, "its group is nobody's business any more");
    close(terminal);

    /* One that is stopped hears it, too: it ends, and with it the pipe. */
    terminal = terminal_open();
    check_that(session_end(terminal, true, heard, sizeof(heard)) == 0, "a stopped job says nothing");
    close(terminal);
    return check_verdict();
}
