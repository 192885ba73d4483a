/* Huge pages: a large private mapping is filled 2 MiB at a time, and whatever then happens to a part of it, its contents are as if it had been made of small pages. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define MIB   ((size_t)1 << 20)
#define HUGE  (2 * MIB)
#define PAGE  ((size_t)4096)
#define SIZE  (8 * MIB)
#define PAGES (SIZE / PAGE)

static uint64_t stamp(size_t page)
{
    return 0x9e3779b97f4a7c15u * (page + 1);
}

static void fill(unsigned char *memory)
{
    for (size_t page = 0; page < PAGES; page++)
        memcpy(memory + page * PAGE, &(uint64_t){stamp(page)}, sizeof(uint64_t));
}

/* Pages [first, last) hold their stamps. */
static bool holds(const unsigned char *memory, size_t first, size_t last)
{
    for (size_t page = first; page < last; page++) {
        uint64_t found;
        memcpy(&found, memory + page * PAGE, sizeof(found));
        if (found != stamp(page))
            return false;
    }
    return true;
}

/* 8 MiB that begin at a multiple of 2 MiB. */
static unsigned char *make(void)
{
    unsigned char *room = mmap(NULL, SIZE + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check_that(room != MAP_FAILED, "10 MiB can be mapped");
    unsigned char *memory = (unsigned char *)(((uintptr_t)room + HUGE - 1) & ~(HUGE - 1));
    if (memory > room)
        munmap(room, (size_t)(memory - room));
    munmap(memory + SIZE, (size_t)(room + HUGE - memory));
    return memory;
}

static void few_faults(void)
{
    struct rusage before, after;
    unsigned char *memory = make();
    getrusage(RUSAGE_SELF, &before);
    fill(memory);
    getrusage(RUSAGE_SELF, &after);
    check_that(holds(memory, 0, PAGES), "a fresh mapping holds what was written");
    if (!check_on_linux)
        check_that(after.ru_minflt - before.ru_minflt < 16, "8 MiB took %ld faults, not one a 2 MiB",
                   after.ru_minflt - before.ru_minflt);
    munmap(memory, SIZE);
}

static void holes(void)
{
    unsigned char *memory = make();
    fill(memory);
    munmap(memory + 100 * PAGE, PAGE);
    munmap(memory + HUGE, HUGE);
    check_that(holds(memory, 0, 100) && holds(memory, 101, 512), "around a hole of a page");
    check_that(holds(memory, 1024, PAGES), "behind a hole of 2 MiB");
    madvise(memory + 1030 * PAGE, 3 * PAGE, MADV_DONTNEED);
    check_that(memory[1030 * PAGE] == 0 && memory[1032 * PAGE + 7] == 0, "discarded pages read as zeroes");
    check_that(holds(memory, 1024, 1030) && holds(memory, 1033, PAGES), "around discarded pages");
    munmap(memory, SIZE);
}

static void rights(void)
{
    unsigned char *memory = make();
    fill(memory);
    check_that(mprotect(memory, SIZE, PROT_NONE) == 0, "all closed");
    check_that(mprotect(memory + 5 * PAGE, PAGE, PROT_READ) == 0, "one page opened for reading");
    check_that(holds(memory, 5, 6), "the opened page kept its contents");
    check_that(mprotect(memory, SIZE, PROT_READ | PROT_WRITE) == 0, "all opened");
    check_that(holds(memory, 0, PAGES), "everything kept its contents");
    check_that(mprotect(memory, SIZE, PROT_READ) == 0 && mprotect(memory, SIZE, PROT_READ | PROT_WRITE) == 0,
               "closed for writing and opened");
    memory[700 * PAGE + 8] = 1;
    check_that(holds(memory, 0, PAGES), "and written again");
    munmap(memory, SIZE);
}

static void forks(void)
{
    unsigned char *memory = make();
    fill(memory);
    pid_t child = fork();
    if (child == 0) {
        bool same = holds(memory, 0, PAGES);
        memset(memory + 600 * PAGE, 0xff, 10 * PAGE);
        _exit(same && holds(memory, 0, 600) && holds(memory, 610, PAGES) ? 0 : 1);
    }
    memory[3 * PAGE + 9] = 1;
    int status = 1;
    waitpid(child, &status, 0);
    check_that(status == 0, "the child saw the parent's memory and its own writes");
    check_that(holds(memory, 0, PAGES), "the parent saw none of the child's writes");
    munmap(memory, SIZE);
}

static void moves(void)
{
    unsigned char *memory = make();
    fill(memory);
    unsigned char *target = mmap(NULL, SIZE + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *moved = mremap(memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE);
    check_that(moved == target + PAGE, "moved to a place that is not aligned to 2 MiB");
    check_that(holds(moved, 0, PAGES), "with its contents");
    munmap(target, SIZE + PAGE);
}

int main(void)
{
    check_begin("memory-huge");
    few_faults();
    holes();
    rights();
    forks();
    moves();
    return check_verdict();
}
