/* Runs test programs one after the other, each in a child, and says how each ended.
 *
 * usage: run-tests GROUP       the programs named in /etc/tests/GROUP, one command per line
 *        run-tests -- COMMAND  that one
 *
 * Prints "ok NAME: time" or "not ok NAME: why" per program, then "run-tests: N passed, M failed". As the first
 * process it also adopts and reaps orphans. Memory must come back: a program that leaves less free memory
 * behind twice in a row has leaked. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define LIST_FOLDER    "/etc/tests/"
#define LIST_MAX_BYTES 8192
#define WORDS_MAX      16
#define RUNS_MAX       3
#define NOT_STARTED    (127 << 8) /* as a shell has it */
/* After a program's end the kernel may still be tidying up behind it, or have a frame in its hands that it makes zero ahead of need, for so many short waits at most; longer where
 * the host may keep a processor from it meanwhile. */
#define SETTLE_TRIES   20
#define SETTLE_HOST    200
#define SETTLE_TIME    1000000 /* nanoseconds */
#define BEAT           5000000 /* nanoseconds */
#define METRONOMES_MAX 8

static int passed, failed;

/* Reap every orphan that was adopted here and has ended. */
static void reap_orphans(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

/* Bytes of free memory; 0 when the kernel does not tell, or on Linux, where others use it too. */
static unsigned long free_memory(void)
{
    struct sysinfo info;
    if (check_on_linux || sysinfo(&info) != 0)
        return 0;
    return info.freeram * info.mem_unit;
}

/* Free memory after a program, once at least `before` is back or it stays away. */
static unsigned long settled_memory(unsigned long before)
{
    unsigned long free = free_memory();
    int tries = check_time_is_hosts ? SETTLE_HOST : SETTLE_TRIES;
    for (int i = 0; free < before && i < tries; i++) {
        struct timespec pause = {.tv_nsec = SETTLE_TIME};
        nanosleep(&pause, NULL);
        reap_orphans();
        free = free_memory();
    }
    return free;
}

/* An emulator that counts instructions hands the turn to another processor when the next timer is due, which may be seconds away while a test's threads spin: so each processor has one that is
 * always due soon. */
static void metronomes_start(pid_t *metronomes)
{
    long count = check_time_is_hosts ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    for (int cpu = 0; cpu < METRONOMES_MAX; cpu++) {
        metronomes[cpu] = count > 1 && cpu < count ? fork() : -1;
        if (metronomes[cpu] != 0)
            continue;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        sched_setaffinity(0, sizeof(set), &set);
        for (struct timespec beat = {.tv_nsec = BEAT};;)
            nanosleep(&beat, NULL);
    }
}

static void metronomes_stop(const pid_t *metronomes)
{
    for (int cpu = 0; cpu < METRONOMES_MAX; cpu++)
        if (metronomes[cpu] > 0 && kill(metronomes[cpu], SIGKILL) == 0)
            waitpid(metronomes[cpu], NULL, 0);
}

static int run_once(char **words)
{
    pid_t metronomes[METRONOMES_MAX];
    metronomes_start(metronomes);
    /* Not fork(): its copies would still be made and dropped here while the program already counts frames. */
    pid_t child = -1;
    int error = posix_spawn(&child, words[0], NULL, NULL, words, environ);
    int status = error == 0 ? -1 : NOT_STARTED;
    check_that(error == 0, "%s: %s", words[0], strerror(error));
    while (error == 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    metronomes_stop(metronomes);
    reap_orphans();
    return status;
}

static long now_milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void report(const char *name, long started, const char *reason)
{
    if (reason == NULL) {
        passed++;
        printf("ok %s: %ld ms\n", name, now_milliseconds() - started);
    } else {
        failed++;
        printf("not ok %s: %s\n", name, reason);
    }
    fflush(stdout);
}

static void run_test(char **words)
{
    const char *slash = strrchr(words[0], '/');
    const char *name = slash == NULL ? words[0] : slash + 1;
    unsigned long lost = 0;
    long started = now_milliseconds();
    for (int run = 0; run < RUNS_MAX; run++) {
        unsigned long before = free_memory();
        int status = run_once(words);
        if (status != 0) {
            report(name, started, check_status_text(status));
            return;
        }
        unsigned long after = settled_memory(before);
        if (after >= before) {
            report(name, started, NULL);
            return;
        }
        lost = before - after; /* a first run may have filled caches; the next shows whether it is that */
    }
    char reason[80];
    snprintf(reason, sizeof(reason), "passes, but loses memory: %lu bytes in its last of %d runs", lost,
             RUNS_MAX);
    report(name, started, reason);
}

/* Run one line of the list; comments and empty lines are none. */
static void run_line(char *line)
{
    char *words[WORDS_MAX + 1];
    int count = 0;
    for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    if (count > 0 && words[0][0] != '#')
        run_test(words);
}

static bool run_list(const char *group)
{
    char path[64];
    static char list[LIST_MAX_BYTES];
    snprintf(path, sizeof(path), "%s%s", LIST_FOLDER, group);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, list, sizeof(list) - 1);
    if (size < 0) {
        printf("run-tests: %s: %s\n", path, strerror(errno));
        return false;
    }
    close(file);
    for (char *line = list; line != NULL;) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        run_line(line);
        line = end;
    }
    return true;
}

int main(int argc, char **argv)
{
    check_begin("run-tests");
    if (argc > 2 && strcmp(argv[1], "--") == 0)
        run_test(argv + 2);
    else if (argc != 2 || !run_list(argv[1]))
        return 2;
    printf("run-tests: %d passed, %d failed\n", passed, failed);
    fflush(stdout);
    return failed == 0 && passed > 0 ? 0 : 1;
}
