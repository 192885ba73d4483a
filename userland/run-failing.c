/* Runs test programs again and again while allocations fail, and holds the kernel to its promise: a failure is an errno, or
 * the end of the process; nothing hangs, nothing is lost, everything else goes on.
 *
 * usage: run-failing frame|heap each STEP GROUP      the N-th allocation fails, N = 1, 1+STEP, 1+2*STEP, ... until the program
 *                                                    needs no more than that
 *        run-failing frame|heap random SEEDS GROUP   each fails with a chance, for each seed from 1 on
 *
 * GROUP is a list of programs in /etc/tests. How a program ends is its own affair: what it had asked for failed. Prints "ok NAME"
 * or "not ok NAME: why", then "run-failing: N passed, M failed". Runs as the first process, which is not killed when
 * memory is short, and adopts orphans. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/memory_tools.h"

#define LIST_FOLDER   "/etc/tests/"
#define LIST_BYTES    8192
#define NUMBER_MAX    20000
#define CHANCES       4
#define TIME_LIMIT    60  /* seconds for one run; virtual ones where idle time is skipped */
#define SLACK         16  /* frames that caches may keep after one run */
#define SLACK_PROGRAM 128 /* and after all of a program */
#define CLEAN_TRIES   100

static const int chances[CHANCES] = {5, 20, 100, 500};

static const char *control; /* fail_frame or fail_heap */
static int runs, runs_failing;

/* Write what is to fail; with failures under way even this may need several tries. */
static void control_write(const char *text)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/sys/quire/%s", control);
    for (;;) {
        int file = open(path, O_WRONLY | O_CLOEXEC);
        bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
        if (file >= 0)
            close(file);
        if (written)
            return;
    }
}

/* Allocations until the failure; 0: it has come. Reading allocates too, so it may come here. */
static long control_left(void)
{
    long left = -1;
    while (left < 0)
        left = memory_control_read(control);
    return left;
}

/* End and reap whatever the program left behind. */
static void clean_up(void)
{
    for (int i = 0; i < CLEAN_TRIES; i++) {
        kill(-1, SIGKILL);
        pid_t ended = waitpid(-1, NULL, 0);
        if (ended < 0 && errno == ECHILD)
            return;
    }
}

/* Run one program with `text` in the control; false: it hangs. */
static bool program_run(const char *path, const char *text)
{
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {(char *)path, NULL}, *environment[] = {"PATH=/bin", NULL};
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        close(null);
        control_write(text);
        execve(path, arguments, environment);
        _exit(127);
    }
    bool ended = false;
    if (child < 0)
        return check_that(false, "fork: %s", strerror(errno));
    for (int i = 0; !ended && i < TIME_LIMIT * 1000; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        pid_t found;
        while ((found = waitpid(-1, NULL, WNOHANG)) > 0)
            ended |= found == child;
        if (!ended)
            nanosleep(&pause, NULL);
    }
    runs++;
    return ended;
}

/* After a run: whether the kernel is well. */
static bool kernel_well(const char *when, long before)
{
    bool sound = memory_expect_sound(when);
    return memory_expect_free(when, before) && sound;
}

static bool run_checked(const char *path, const char *text, long *left)
{
    long before = memory_frames("free");
    bool ended = program_run(path, text);
    *left = strchr(text, ',') == NULL ? control_left() : 0;
    control_write("0");
    clean_up();
    runs_failing += *left == 0;
    check_that(ended, "it hangs");
    return kernel_well("after a run", before - SLACK) && ended;
}

static bool program_each(const char *path, long step)
{
    char text[24];
    long left = 0;
    for (long number = 1; left == 0 && number < NUMBER_MAX; number += step) {
        snprintf(text, sizeof(text), "%ld", number);
        if (!run_checked(path, text, &left))
            return check_that(false, "that was number %ld", number);
    }
    return true;
}

static bool program_random(const char *path, long seeds)
{
    char text[48];
    long left;
    for (long seed = 1; seed <= seeds; seed++) {
        snprintf(text, sizeof(text), "random,%ld,%d", seed, chances[seed % CHANCES]);
        if (!run_checked(path, text, &left))
            return check_that(false, "that was %s", text);
    }
    return true;
}

static bool program_try(const char *path, bool random, long number)
{
    /* Once as it is, so that caches are full and what it needs is there. */
    program_run(path, "0");
    clean_up();
    long before = memory_frames("free");
    bool well = random ? program_random(path, number) : program_each(path, number);
    return kernel_well("after all runs", before - SLACK_PROGRAM) && well;
}

static bool list_read(const char *group, char *list)
{
    char path[64];
    snprintf(path, sizeof(path), LIST_FOLDER "%s", group);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, list, LIST_BYTES - 1);
    if (file >= 0)
        close(file);
    list[size < 0 ? 0 : size] = '\0';
    return size > 0;
}

int main(int argc, char **argv)
{
    static char list[LIST_BYTES];
    int passed = 0, failed = 0;

    check_begin("run-failing");
    if (argc != 5 || !list_read(argv[4], list))
        return 2;
    control = strcmp(argv[1], "heap") == 0 ? "fail_heap" : "fail_frame";
    for (char *path = strtok(list, "\n"); path != NULL; path = strtok(NULL, "\n")) {
        const char *slash = strrchr(path, '/');
        runs = runs_failing = 0;
        bool well = program_try(path, strcmp(argv[2], "random") == 0, strtol(argv[3], NULL, 10));
        *(well ? &passed : &failed) += 1;
        printf("%s %s: %d runs, failures in %d\n", well ? "ok" : "not ok", slash == NULL ? path : slash + 1,
               runs, runs_failing);
        fflush(stdout);
    }
    printf("run-failing: %d passed, %d failed\n", passed, failed);
    fflush(stdout);
    return failed == 0 && passed > 0 ? 0 : 1;
}
