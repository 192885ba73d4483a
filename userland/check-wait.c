/* wait4 and exit: which child is told of and how it ended, in every variant; zombies go, orphans are
 * adopted. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define ZOMBIES 80

static long wait_for(long pid, int *status, int options)
{
    return system_call(SYS_wait4, pid, status, options, 0);
}

static void nap(long milliseconds)
{
    struct timespec time = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&time, NULL);
}

static pid_t child_that_exits(int status)
{
    pid_t child = fork();
    if (child == 0)
        system_call(SYS_exit_group, status);
    return child;
}

static void exit_statuses(void)
{
    const int statuses[] = {0, 1, 2, 42, 127, 128, 255, 256, 257, -1, 0x12345};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        int status = -1;
        pid_t child = child_that_exits(statuses[i]);
        check_result("wait4", wait_for(child, &status, 0), child);
        check_that(status == (statuses[i] & 0xff) << 8, "exit(%d) is reported as %#x", statuses[i],
                   (unsigned)status);
    }
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        system_call(SYS_exit, 9); /* the last thread's exit is the process's */
        _exit(1);
    }
    check_result("wait4 after exit", wait_for(child, &status, 0), child);
    check_that(status == 9 << 8, "exit(9) of the only thread is reported as %#x", (unsigned)status);
}

static void no_children(void)
{
    int status;
    check_error("wait4 of any, without children", wait_for(-1, &status, 0), ECHILD);
    check_error("wait4 of any, not waiting", wait_for(-1, &status, WNOHANG), ECHILD);
    check_error("wait4 of oneself", wait_for(getpid(), &status, 0), ECHILD);
    check_error("wait4 of the parent", wait_for(getppid(), &status, 0), ECHILD);
    check_error("wait4 of nobody", wait_for(0x3ffffff, &status, 0), ECHILD);
    check_error("wait4 of the own group", wait_for(0, &status, 0), ECHILD);
    check_error("wait4 with unknown options", wait_for(-1, &status, 0x10000), EINVAL);
    check_error("wait4 of no possible group", wait_for(INT32_MIN, &status, 0), ESRCH);
}

static void which_child(void)
{
    int ends[2], status = -1;
    char byte;
    if (!check_that(pipe(ends) == 0, "no pipe"))
        return;
    pid_t slow = fork();
    if (slow == 0) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 5 : 6); /* until the parent closes the pipe */
    }
    pid_t quick = child_that_exits(7);
    check_result("wait4 of any: the one that ended", wait_for(-1, &status, 0), quick);
    check_that(status == 7 << 8, "it ended with %s", check_status_text(status));
    status = 0x5555;
    check_result("wait4 of one that runs, not waiting", wait_for(slow, &status, WNOHANG), 0);
    check_that(status == 0x5555, "without a child to tell of the status became %#x", (unsigned)status);
    check_result("wait4 of any that runs, not waiting", wait_for(-1, &status, WNOHANG), 0);
    check_error("wait4 of the one that is gone", wait_for(quick, &status, 0), ECHILD);
    close(ends[1]);
    check_result("wait4 of the slow one", wait_for(slow, &status, 0), slow);
    check_that(status == 5 << 8, "it ended with %s", check_status_text(status));
    close(ends[0]);

    pid_t child = child_that_exits(3);
    check_result("wait4 without a status", wait_for(child, NULL, 0), child);
    struct rusage usage;
    child = child_that_exits(3);
    check_result("wait4 with usage", system_call(SYS_wait4, child, &status, 0, &usage), child);
    check_that(usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_sec < 10, "the child used %ld s",
               (long)usage.ru_utime.tv_sec);
}

static void process_groups(void)
{
    int status = -1;
    pid_t here = child_that_exits(1);
    pid_t there = fork();
    if (there == 0) {
        setpgid(0, 0);
        _exit(2);
    }
    setpgid(there, there); /* whoever comes first */
    check_result("wait4 of a group", wait_for(-there, &status, 0), there);
    check_that(status == 2 << 8, "it ended with %s", check_status_text(status));
    check_error("wait4 of that group again", wait_for(-there, &status, 0), ECHILD);
    check_result("wait4 of the own group", wait_for(0, &status, 0), here);
}

static void zombies(void)
{
    for (int i = 0; i < ZOMBIES; i++)
        check_that(child_that_exits(i) > 0, "zombie %d could not be made", i);
    check_yield(ZOMBIES);
    int count = 0, status, sum = 0;
    while (wait_for(-1, &status, 0) > 0) {
        count++;
        sum += WEXITSTATUS(status);
    }
    check_that(count == ZOMBIES && sum == ZOMBIES * (ZOMBIES - 1) / 2,
               "%d of %d zombies were reaped, statuses %d", count, ZOMBIES, sum);
}

/* A zombie still has its pid: kill finds it, and fork does not give the number out again. */
static void zombie_keeps_its_pid(void)
{
    pid_t child = child_that_exits(0);
    nap(20);
    check_result("kill of a zombie", kill(child, 0), 0);
    for (int i = 0; i < 20; i++) {
        pid_t other = child_that_exits(0);
        check_that(other != child, "pid %d was given out twice", child);
        waitpid(other, NULL, 0);
    }
    waitpid(child, NULL, 0);
    check_error("kill of one that was waited for", system_call(SYS_kill, child, 0), ESRCH);
}

/* The grandchild outlives its parent; it gets another, and is nobody's child here. */
static void orphans(void)
{
    int ends[2];
    if (!check_that(pipe(ends) == 0, "no pipe"))
        return;
    pid_t self = getpid();
    pid_t parent = fork();
    if (parent == 0) {
        pid_t middle = getpid();
        if (fork() == 0) {
            while (getppid() == middle)
                nap(1);
            pid_t adopter = getppid();
            _exit(write(ends[1], &adopter, sizeof(adopter)) == sizeof(adopter) ? 0 : 1);
        }
        _exit(0);
    }
    waitpid(parent, NULL, 0);
    pid_t adopter = -1;
    ssize_t got = read(ends[0], &adopter, sizeof(adopter));
    check_that(got == sizeof(adopter) && adopter > 0 && adopter != parent && (adopter != self || self == 1),
               "the orphan was adopted by %d (self %d)", adopter, self);
    if (self != 1)
        check_error("wait4 after the grandchild's end", wait_for(-1, NULL, 0), ECHILD);
    close(ends[0]);
    close(ends[1]);
}

/* A parent that sleeps in wait4 is woken by the end of a child. */
static void waiting(void)
{
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            nap(i % 4);
            _exit(i);
        }
        int status;
        check_result("wait4 that has to wait", wait_for(i % 2 == 0 ? -1 : child, &status, 0), child);
        check_that(status == i << 8, "child %d ended with %s", i, check_status_text(status));
    }
}

int main(void)
{
    check_begin("check-wait");
    no_children();
    exit_statuses();
    which_child();
    process_groups();
    zombies();
    zombie_keeps_its_pid();
    orphans();
    waiting();
    return check_verdict();
}
