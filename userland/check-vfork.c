/* vfork: the parent sleeps until the child has started another program or has ended, and only then goes
 * on. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define NAP          (30 * 1000000L) /* nanoseconds */
#define ROUNDS       10
#define KILL_NAPS    40
#define STARTED_EXIT 23

static volatile int *stage; /* shared with children, whatever vfork copies */

/* Apart from the calls below a child of vfork does nothing: on Linux it runs on its parent's stack. */
static void child_naps(void)
{
    struct timespec time = {.tv_nsec = NAP};
    nanosleep(&time, NULL);
    *stage = 1;
}

static void until_exit(void)
{
    *stage = 0;
    pid_t child = vfork();
    if (child == 0) {
        child_naps();
        _exit(7);
    }
    int seen = *stage;
    check_that(child > 0 && seen == 1, "vfork returned %d to the parent at stage %d", child, seen);
    int status = -1;
    waitpid(child, &status, 0);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child ended with %s",
               check_status_text(status));
}

static void until_exec(void)
{
    *stage = 0;
    static char *const arguments[] = {"check-vfork", "started", NULL}, *const environment[] = {NULL};
    pid_t child = vfork();
    if (child == 0) {
        child_naps();
        execve("/proc/self/exe", arguments, environment);
        _exit(1);
    }
    int seen = *stage, status = -1;
    check_that(child > 0 && seen == 1, "vfork returned %d to the parent at stage %d", child, seen);
    waitpid(child, &status, 0);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == STARTED_EXIT, "the program ended with %s",
               check_status_text(status));
}

/* An exec that fails does not let the parent go. */
static void until_exit_after_failed_exec(void)
{
    *stage = 0;
    static char *const none[] = {NULL};
    pid_t child = vfork();
    if (child == 0) {
        execve("/nowhere/at-all", none, none);
        child_naps();
        _exit(0);
    }
    int seen = *stage, status = -1;
    check_that(seen == 1, "the parent went on at stage %d", seen);
    waitpid(child, &status, 0);
    check_that(status == 0, "the child ended with %s", check_status_text(status));
}

static void killed_child(void)
{
    pid_t child = vfork();
    if (child == 0)
        __builtin_trap();
    int status = -1;
    waitpid(child, &status, 0);
    check_that(WIFSIGNALED(status), "the child ended with %s", check_status_text(status));
}

/* A signal that kills ends a parent that sleeps until its child is done, and the child, which lives on in its memory, does not notice. */
static void killed_parent(int signal)
{
    *stage = 0;
    pid_t parent = fork();
    if (parent == 0) {
        if (vfork() == 0) {
            *stage = getpid();
            for (;;)
                pause();
        }
        _exit(1);
    }
    while (*stage == 0)
        check_nap(NAP / 10);
    check_nap(NAP);
    kill(parent, signal);
    int status = -1;
    pid_t ended = 0;
    for (int i = 0; i < KILL_NAPS && ended == 0; i++) {
        check_nap(NAP);
        ended = waitpid(parent, &status, WNOHANG);
    }
    check_that(ended == parent && status == signal, "signal %d to a parent in vfork: waitpid %d, %s", signal,
               ended, check_status_text(status));
    check_that(kill(*stage, 0) == 0, "the child of a killed parent is gone");
    kill(*stage, SIGKILL); /* and so the parent's sleep */
    if (ended == 0)
        waitpid(parent, &status, 0);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "started") == 0)
        return STARTED_EXIT;
    check_begin("check-vfork");
    stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that((void *)stage != MAP_FAILED, "no shared memory"))
        return check_verdict();
    for (int i = 0; i < ROUNDS; i++)
        until_exit();
    until_exec();
    until_exit_after_failed_exec();
    killed_child();
    killed_parent(SIGKILL);
    killed_parent(SIGTERM);
    return check_verdict();
}
