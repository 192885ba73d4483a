/* Memory that is truly gone: the largest process ends by SIGKILL, the others go on and lose nothing; when many small ones
 * have taken it all, some of them end, and what they had can be had again. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/memory_tools.h"

#define MIB          UINT64_C(0x100000)
#define LINUX_LIMIT  (64 * MIB) /* there the attack is only rehearsed, within a limit on the address space */
#define SMALL_PAGES  256        /* of each of many */
#define SMALL_MAX    600
#define SLACK        64 /* frames that caches may keep */
#define MILLISECOND  1000000
#define WITNESSES    3
#define WITNESS_SIZE 64 /* pages */

static unsigned char *witnessed;

/* A bystander: holds a few pages and knows what is in them. */
static int witness(int command)
{
    if (command == 1)
        memset(witnessed, 0x3c, WITNESS_SIZE / 2 * PAGE_SIZE);
    unsigned char *fresh = memory_map(4, READ_WRITE);
    fresh[0] = 1;
    munmap(fresh, 4 * PAGE_SIZE);
    return memory_is(witnessed, WITNESS_SIZE / 2 * PAGE_SIZE, 0x3c);
}

static void hog(void)
{
    struct rlimit limit = {LINUX_LIMIT, LINUX_LIMIT};
    if (check_on_linux)
        setrlimit(RLIMIT_AS, &limit);
    for (;;) {
        unsigned char *memory = mmap(NULL, MIB, READ_WRITE, ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            _exit(errno == ENOMEM ? 0 : 1);
        for (size_t i = 0; i < MIB; i += PAGE_SIZE)
            memory[i] = 1;
    }
}

static void hog_is_killed(struct partner *partners)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        hog();
    waitpid(child, &status, 0);
    if (check_on_linux)
        check_that(status == 0 || status == SIGKILL, "a hog ended with %s", check_status_text(status));
    else
        check_that(status == SIGKILL, "a hog ended with %s", check_status_text(status));
    for (int i = 0; i < WITNESSES; i++)
        check_that(partner_do(&partners[i], 2) == 1, "a bystander has lost its pages");
    memory_expect_sound("after a hog");
}

/* A hog that forks: its children share its memory and write it all. */
static void hogs_by_fork(struct partner *partners)
{
    int status, left = 0;
    for (int i = 0; i < 2; i++)
        if (fork() == 0)
            hog();
    while (wait(&status) > 0 && ++left < 2)
        check_that(status == SIGKILL || (check_on_linux && status == 0), "one of two hogs ended with %s",
                   check_status_text(status));
    for (int i = 0; i < WITNESSES; i++)
        check_that(partner_do(&partners[i], 2) == 1, "a bystander has lost its pages");
    memory_expect_sound("after two hogs");
}

/* One of many: takes its share and then waits until all have been made. */
static void take_share(int ready, int go)
{
    unsigned char *memory = mmap(NULL, SMALL_PAGES * PAGE_SIZE, READ_WRITE, ANONYMOUS, -1, 0);
    char byte = 1;
    if (memory == MAP_FAILED)
        _exit(2);
    for (size_t i = 0; i < SMALL_PAGES; i++)
        memset(memory + i * PAGE_SIZE, (int)(i % 200) + 1, PAGE_SIZE);
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 0)
        _exit(3);
    for (size_t i = 0; i < SMALL_PAGES; i++)
        if (!memory_is(memory + i * PAGE_SIZE, PAGE_SIZE, (unsigned char)(i % 200 + 1)))
            _exit(4); /* somebody else wrote into it */
    _exit(0);
}

struct count {
    unsigned whole, killed, other;
};

static void count(struct count *ends, int status)
{
    ends->whole += status == 0;
    ends->killed += status == SIGKILL;
    ends->other += status != 0 && status != SIGKILL;
}

/* How many to start: a quarter more than can have their share. */
static unsigned small_ones(void)
{
    struct sysinfo info;
    if (check_on_linux || sysinfo(&info) != 0)
        return 20;
    unsigned long wanted = info.freeram / PAGE_SIZE / SMALL_PAGES * 5 / 4;
    return wanted < SMALL_MAX ? (unsigned)wanted : SMALL_MAX;
}

static void many_small_ones(void)
{
    struct count ends = {0};
    int ready[2], go[2], status;
    unsigned started = 0, wanted = small_ones();
    char byte;

    check_that(pipe(ready) == 0 && pipe(go) == 0, "no pipes");
    for (unsigned i = 0; i < wanted; i++) {
        pid_t child = fork();
        if (child == 0) {
            close(go[1]);
            close(ready[0]);
            take_share(ready[1], go[0]);
        }
        started += child > 0;
    }
    close(ready[1]);
    close(go[0]);
    /* Each has its share, or is killed: then nobody is left who would say more. */
    for (unsigned known = 0; known < started;) {
        struct pollfd said = {.fd = ready[0], .events = POLLIN};
        if (poll(&said, 1, 0) == 1 && said.revents & POLLIN && read(ready[0], &byte, 1) == 1) {
            known++;
            continue;
        }
        for (; waitpid(-1, &status, WNOHANG) > 0; known++)
            count(&ends, status);
        nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
    }
    close(go[1]);
    while (waitpid(-1, &status, 0) > 0)
        count(&ends, status);
    close(ready[0]);
    check_that(ends.whole + ends.killed == started && ends.other == 0,
               "of %u small processes %u ended well, %u were killed, %u else", started, ends.whole,
               ends.killed, ends.other);
    check_that(check_on_linux || (ends.killed > 0 && ends.whole > started / 4),
               "of %u small processes %u were killed", started, ends.killed);
}

int main(void)
{
    struct partner partners[WITNESSES];

    memory_begin("memory-oom");
    witnessed = memory_map(WITNESS_SIZE, READ_WRITE);
    for (int i = 0; i < WITNESSES; i++) {
        partner_start(&partners[i], witness);
        check_that(partner_do(&partners[i], 1) == 1, "a bystander cannot begin");
    }
    for (int round = 0; round < 3; round++)
        hog_is_killed(partners);
    hogs_by_fork(partners);
    for (int i = 0; i < WITNESSES; i++)
        partner_end(&partners[i]);
    long free = memory_frames("free") + memory_frames("kernel");
    many_small_ones();
    memory_expect_sound("after many small processes");
    /* The kernel keeps the stacks that it has once needed. */
    memory_expect_free("after many small processes", free - memory_frames("kernel") - SLACK);
    return check_verdict();
}
