/* Attack: take all memory there is. Allocation fails with -ENOMEM or the process is killed; the others go
 * on, and the next that asks gets as much: nothing was lost. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"
#include "userland/system_call.h"

#define STEP        (MIB / 4)  /* taken and reported at a time */
#define LIMIT_LINUX (96 * MIB) /* there the attack is only rehearsed, within a limit on the address space */
#define SPARSE_SIZE                                                                                          \
    (UINT64_C(1) << 40) /* one page in each 2 MiB of it: two pages of memory for each page touched */
#define LEAST_STEPS 16  /* a machine that can run this at all has 4 MiB to give */

static int report;

static void say_step(void)
{
    char step = '.';
    if (write(report, &step, 1) != 1)
        _exit(1);
}

static void hog_by_mmap(void)
{
    for (;;) {
        unsigned char *memory = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            _exit(errno == ENOMEM ? 0 : 1);
        for (size_t i = 0; i < STEP; i += PAGE_SIZE)
            memory[i] = 1;
        say_step();
    }
}

static void hog_by_brk(void)
{
    uintptr_t end = (uintptr_t)system_call(SYS_brk, 0);
    for (;;) {
        uintptr_t next = (uintptr_t)system_call(SYS_brk, end + STEP);
        if (next != end + STEP)
            _exit(next == end ? 0 : 1);
        for (; end < next; end += PAGE_SIZE)
            *(volatile unsigned char *)end = 1;
        say_step();
    }
}

/* Page tables are memory too. */
static void hog_page_tables(void)
{
    unsigned char *memory =
        mmap(NULL, SPARSE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        _exit(errno == ENOMEM ? 0 : 1);
    unsigned long touched = 0;
    for (uint64_t i = 0; i < SPARSE_SIZE; i += PAGE_2M) {
        memory[i] = 1;
        if (++touched % (STEP / PAGE_SIZE / 2) == 0)
            say_step();
    }
    _exit(1); /* this much memory is not for one process */
}

/* Run one hog to its end; how many steps it took. */
static unsigned long run_hog(const char *name, void (*hog)(void))
{
    int ends[2];
    if (!check_that(pipe(ends) == 0, "no pipe"))
        return 0;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        report = ends[1];
        struct rlimit limit = {LIMIT_LINUX, LIMIT_LINUX};
        if (check_on_linux)
            setrlimit(RLIMIT_AS, &limit);
        hog();
    }
    close(ends[1]);
    unsigned long steps = 0;
    char buffer[512];
    ssize_t got;
    while ((got = read(ends[0], buffer, sizeof(buffer))) > 0)
        steps += (unsigned long)got;
    close(ends[0]);
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0 || status == SIGKILL, "%s: expected failure to allocate or SIGKILL, got %s", name,
               check_status_text(status));
    return steps;
}

static void run_twice(const char *name, void (*hog)(void), unsigned long least)
{
    unsigned long first = run_hog(name, hog), second = run_hog(name, hog);
    check_that(first >= least, "%s: took only %lu steps", name, first);
    check_that(second + second / 16 + 1 >= first, "%s: took %lu steps, the second time only %lu", name, first,
               second);
}

int main(void)
{
    check_begin("attack-memory-hog");
    run_twice("mmap", hog_by_mmap, LEAST_STEPS);
    run_twice("brk", hog_by_brk, LEAST_STEPS);
    run_twice("page tables", hog_page_tables, 0);
    run_twice("mmap again", hog_by_mmap, LEAST_STEPS);
    return check_verdict();
}
