/* /proc: what it tells of the machine and of processes, held against what the program knows itself. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define TEXT_MAX      16384
#define TRIES         200
#define STAT_FIELDS   52
#define FIELD_STATE   3 /* numbers of proc(5) */
#define FIELD_PARENT  4
#define FIELD_GROUP   5
#define FIELD_THREADS 20
#define FIELD_START   22
#define FIELD_SIZE    23

static char text[TEXT_MAX + 1];
static int initialised = 1;

/* The whole file in `text`; its length, or -1. */
static ssize_t file_read(const char *path)
{
    ssize_t length = 0, got = -1;
    int file = open(path, O_RDONLY);

    if (file < 0)
        return -1;
    while (length < TEXT_MAX && (got = read(file, text + length, (size_t)(TEXT_MAX - length))) > 0)
        length += got;
    close(file);
    text[length] = '\0';
    return got < 0 ? -1 : length;
}

static ssize_t process_read(int pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return file_read(path);
}

/* The number after `key` in `text`; -1: there is none. */
static long long number_after(const char *key)
{
    const char *at = strstr(text, key);

    return at != NULL ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* Split /proc/PID/stat, which is in `text`, into field[1..52]; how many there are. The name may hold blanks and ends at the last parenthesis. */
static int stat_split(char *field[STAT_FIELDS + 1])
{
    char *after = strrchr(text, ')'), *rest = NULL;
    int count = 2;

    if (after == NULL)
        return 0;
    for (char *word = strtok_r(after + 1, " \n", &rest); word != NULL && count < STAT_FIELDS;
         word = strtok_r(NULL, " \n", &rest))
        field[++count] = word;
    return count;
}

static char state_of(int pid)
{
    char *field[STAT_FIELDS + 1];

    return process_read(pid, "stat") > 0 && stat_split(field) >= FIELD_STATE ? field[FIELD_STATE][0] : '?';
}

/* States change when the other process gets to it. */
static void state_becomes(int pid, char wanted, const char *when)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    char state = '?';

    for (int i = 0; i < TRIES && (state = state_of(pid)) != wanted; i++)
        nanosleep(&nap, NULL);
    check_that(state == wanted, "a process that %s is %c, not %c", when, state, wanted);
}

static void own_stat(const char *name)
{
    char *field[STAT_FIELDS + 1], expected[64];
    struct sysinfo machine;

    sysinfo(&machine);
    if (!check_that(process_read(getpid(), "stat") > 0, "/proc/PID/stat cannot be read"))
        return;
    snprintf(expected, sizeof(expected), "%d (%.15s) R ", getpid(), name);
    check_that(strncmp(text, expected, strlen(expected)) == 0, "stat begins %.40s, not %s", text, expected);
    int fields = stat_split(field);
    if (!check_that(fields == STAT_FIELDS, "stat has %d fields", fields))
        return;
    check_that(atoi(field[FIELD_PARENT]) == getppid(), "the parent is %s", field[FIELD_PARENT]);
    check_that(atoi(field[FIELD_GROUP]) == getpgrp(), "the group is %s", field[FIELD_GROUP]);
    check_that(atoi(field[FIELD_THREADS]) == 1, "there are %s threads", field[FIELD_THREADS]);
    check_that(atol(field[FIELD_START]) / sysconf(_SC_CLK_TCK) <= (long)machine.uptime + 1,
               "it started at %s, and the machine is up %ld s", field[FIELD_START], (long)machine.uptime);
    check_that(atol(field[FIELD_SIZE]) > 0 && (check_on_linux || atol(field[FIELD_SIZE + 1]) > 0),
               "size %s, resident %s", field[FIELD_SIZE],
               field[FIELD_SIZE + 1]); /* Linux counts pages late */
}

static void own_texts(char **arguments)
{
    char wanted[256];
    size_t size = 0;

    for (char **argument = arguments; *argument != NULL; argument++)
        size += (size_t)snprintf(wanted + size, sizeof(wanted) - size, "%s", *argument) + 1;
    ssize_t length = file_read("/proc/self/cmdline");
    check_that(length == (ssize_t)size && memcmp(text, wanted, size) == 0, "cmdline is %zd bytes: %s", length,
               text);
    file_read("/proc/self/status");
    check_that(number_after("\nPid:\t") == getpid() && number_after("\nPPid:\t") == getppid() &&
                   number_after("\nThreads:\t") == 1 && number_after("\nVmRSS:") >= 0,
               "status says:\n%s", text);
    check_that(file_read("/proc/self/statm") > 0 && number_after("") > 0, "statm is %s", text);
}

/* The line of maps that holds the address; NULL. */
static const char *map_line(const void *address)
{
    unsigned long start, end;

    for (const char *line = text; line != NULL && *line != '\0';
         line = strchr(line, '\n'), line += line != NULL)
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= (uintptr_t)address &&
            (uintptr_t)address < end)
            return line;
    return NULL;
}

static void map_says(const void *address, const char *protection, const char *what)
{
    const char *line = map_line(address);
    const char *rights = line != NULL ? strchr(line, ' ') : NULL;

    check_that(rights != NULL && strncmp(rights + 1, protection, strlen(protection)) == 0,
               "%s, at %p, is not %s in maps: %.30s", what, address, protection,
               line != NULL ? line : "nothing");
}

static void own_maps(void)
{
    int local = 0;
    char *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long start, end, last = 0;

    if (!check_that(file_read("/proc/self/maps") > 0, "maps cannot be read"))
        return;
    map_says((const void *)(uintptr_t)own_maps, "r-xp", "code");
    map_says("text", "r--p", "constant data");
    map_says(&initialised, "rw-p", "data");
    map_says(&local, "rw-p", "the stack");
    map_says(shared, "r--s", "a shared page");
    map_says(closed, "---p", "a page without rights");
    check_that(strstr(text, "[stack]") != NULL, "no line is named [stack]");
    for (const char *line = text; line != NULL && *line != '\0';
         line = strchr(line, '\n'), line += line != NULL) {
        check_that(sscanf(line, "%lx-%lx", &start, &end) == 2 && start < end && start >= last,
                   "a line out of order: %.60s", line);
        last = end;
    }
    munmap(shared, 4096);
    munmap(closed, 4096);
}

static void states(void)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        for (;;)
            pause();
    state_becomes(child, 'S', "sleeps");
    kill(child, SIGSTOP);
    state_becomes(child, 'T', "was stopped");
    kill(child, SIGCONT);
    state_becomes(child, 'S', "was continued");
    kill(child, SIGKILL);
    state_becomes(child, 'Z', "was killed and not waited for");
    check_that(process_read(child, "cmdline") == 0, "a process that has ended has arguments: %s", text);
    waitpid(child, &status, 0);
    check_that(process_read(child, "stat") < 0 && errno == ENOENT, "a process that is gone has a stat");
}

/* A file that was opened while the process was there tells of it, or says ESRCH, when it is gone. */
static void gone(void)
{
    char path[64];
    int status;
    pid_t child = fork();

    if (child == 0)
        for (;;)
            pause();
    snprintf(path, sizeof(path), "/proc/%d/stat", child);
    int file = open(path, O_RDONLY);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ssize_t length = read(file, text, TEXT_MAX);
    check_that(length > 0 || (length < 0 && errno == ESRCH), "the stat of a process that has gone: %zd",
               length);
    close(file);
}

/* Ticks that the machine was not idle; 0 when it does not say. */
static unsigned long long busy_ticks(void)
{
    unsigned long long user = 0, low = 0, system = 0, idle;
    bool told = file_read("/proc/stat") > 0 &&
                sscanf(text, "cpu  %llu %llu %llu %llu", &user, &low, &system, &idle) == 4;

    check_that(told, "stat says:\n%.200s", text);
    return told ? user + low + system : 0;
}

static void busy_second(void)
{
    struct timespec now, until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
}

static void machine(void)
{
    double up, spare;

    file_read("/proc/meminfo");
    check_that(number_after("MemFree:") > 0 &&
                   number_after("MemTotal:") >= number_after("MemFree:") + number_after("Cached:"),
               "meminfo says:\n%s", text);
    check_that(file_read("/proc/uptime") > 0 && sscanf(text, "%lf %lf", &up, &spare) == 2 && up > 0 &&
                   spare >= 0,
               "uptime says %s", text);
    file_read("/proc/cpuinfo");
    check_that(strncmp(text, "processor\t: 0\n", 14) == 0 && strstr(text, "\nmodel name\t: ") != NULL,
               "cpuinfo says:\n%.200s", text);
    unsigned long long before = busy_ticks();
    busy_second();
    unsigned long long after = busy_ticks();
    check_that(after > before, "the time that was not idle went from %llu to %llu in a busy second", before,
               after);
}

int main(int count, char **arguments)
{
    const char *slash = strrchr(arguments[0], '/');

    (void)count;
    check_begin("check-proc");
    own_stat(slash != NULL ? slash + 1 : arguments[0]);
    own_texts(arguments);
    own_maps();
    states();
    gone();
    machine();
    return check_verdict();
}
