/* Attack: fork without end. At some point fork fails with -EAGAIN or -ENOMEM; until then, at that point
 * and afterwards the system goes on, and when the bomb is defused everything it took is there again. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define PROCESSES_MAX   5000 /* more than the kernel has room for */
#define PROCESSES_LINUX 200  /* there the attack is only rehearsed */
#define GENERATIONS     6    /* of the exponential kind: 64 processes */
#define FORKS_AFTER     20
#define NAP             1000000000L /* nanoseconds, nearly */

static pid_t children[PROCESSES_MAX];

/* Sleep until killed, or until the bomber is gone. */
static void sleep_on(pid_t bomber)
{
    while (getppid() == bomber) {
        struct timespec nap = {.tv_nsec = NAP - 1};
        nanosleep(&nap, NULL);
    }
    _exit(0);
}

static void fork_in_a_row(const void *unused)
{
    (void)unused;
    pid_t self = getpid();
    int limit = check_on_linux ? PROCESSES_LINUX : PROCESSES_MAX;
    int count = 0;
    long error = 0;
    while (count < limit) {
        long child = system_call(SYS_fork);
        if (child == 0)
            sleep_on(self);
        if (child < 0) {
            error = child;
            break;
        }
        children[count++] = (pid_t)child;
    }
    if (!check_on_linux)
        check_that(error == -EAGAIN || error == -ENOMEM, "after %d processes fork gave %ld", count, error);
    for (int i = 0; i < count; i++)
        kill(children[i], SIGKILL);
    for (int i = 0; i < count; i++) {
        int status = -1;
        if (waitpid(children[i], &status, 0) != children[i] || status != SIGKILL)
            check_that(false, "child %d of %d ended with %s", i, count, check_status_text(status));
    }
    check_error("wait after the last child", system_call(SYS_wait4, -1, 0, 0, 0), ECHILD);
}

/* Everybody forks; parents wait for their children. */
static void fork_exponentially(const void *unused)
{
    (void)unused;
    for (int generation = 0; generation < GENERATIONS; generation++)
        fork();
    int status, failures = 0;
    while (wait(&status) > 0)
        failures += status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SURVIVED);
    check_that(failures == 0, "%d children failed", failures);
}

/* When memory is gone the kernel may end the largest process, which is the bomber; its orphans then end by
 * themselves within a nap. */
static void bomb_in_a_row(const char *what)
{
    int status = check_child(fork_in_a_row, NULL);
    bool killed = status == SIGKILL && !check_on_linux;
    check_that(killed || (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SURVIVED), "%s: %s", what,
               check_status_text(status));
    if (killed) {
        struct timespec nap = {.tv_sec = 2};
        nanosleep(&nap, NULL);
    }
}

static void nothing(const void *unused)
{
    (void)unused;
}

int main(void)
{
    check_begin("attack-fork-bomb");
    check_survives("exponential bomb", fork_exponentially, NULL);
    bomb_in_a_row("bomb in a row");
    bomb_in_a_row("the same again");
    for (int i = 0; i < FORKS_AFTER; i++)
        check_survives("a fork afterwards", nothing, NULL);
    return check_verdict();
}
