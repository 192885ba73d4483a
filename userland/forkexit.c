/* A storm of forks, allocations, exits and waits: what leaks or is freed twice shows in the memory viewer,
 * in the kernel's own checks, or here.
 *
 * usage: forkexit [ROUNDS]    so many rounds of every process; 0 for no end. */
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define DEFAULT_ROUNDS 60
#define DEPTH_MAX      4 /* generations below the first process */
#define CHILDREN_MAX   3 /* of one process at a time */
#define PAGE_BYTES     4096
#define PAGES_MAX      8

static unsigned random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* Map some pages, check that they are fresh, write them, give back about half of the mappings. */
static bool use_memory(uint32_t *random_state)
{
    size_t pages = random_next(random_state) % PAGES_MAX + 1;
    uint64_t *memory =
        mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return check_that(false, "%zu pages cannot be mapped", pages);
    for (size_t i = 0; i < pages; i++) {
        uint64_t *word = memory + i * (PAGE_BYTES / sizeof(uint64_t));
        if (*word != 0)
            return check_that(false, "a new page holds %#lx", *word);
        *word = (uint64_t)getpid();
    }
    if (random_next(random_state) % 2 == 0)
        return check_result("munmap", munmap(memory, pages * PAGE_BYTES), 0);
    return true;
}

static int wait_for_one(void)
{
    int status = -1;
    pid_t child = wait(&status);
    check_that(child > 0 && status == 0, "child %d ended with %s", child, check_status_text(status));
    return child > 0;
}

static void storm(int depth, unsigned long rounds, uint32_t seed)
{
    uint32_t random_state = seed;
    int children = 0;
    for (unsigned long round = 0; rounds == 0 || round < rounds; round++) {
        unsigned choice = random_next(&random_state) % 10;
        if (choice < 2 && depth < DEPTH_MAX && children < CHILDREN_MAX) {
            uint32_t child_seed = random_next(&random_state) ^ seed * 31;
            pid_t child = fork();
            if (child == 0) {
                storm(depth + 1, rounds / 2 + 1, child_seed);
                _exit(check_verdict_silent());
            }
            children += check_that(child > 0, "fork failed at depth %d", depth);
        } else if (choice < 4 && children > 0) {
            children -= wait_for_one();
        } else if (choice < 6) {
            use_memory(&random_state);
        } else if (choice == 6 && depth > 0) {
            break; /* leaves memory mapped and perhaps children behind */
        } else {
            sched_yield();
        }
    }
    /* Half of those that end early leave their children to be adopted. */
    while (children > 0 && (depth == 0 || random_next(&random_state) % 2 == 0))
        children -= wait_for_one();
}

int main(int argc, char **argv)
{
    check_begin("forkexit");
    storm(0, argc > 1 ? strtoul(argv[1], NULL, 10) : DEFAULT_ROUNDS, 1);
    return check_verdict();
}
