/* Four processes allocate memory at speeds 1 : 2 : 3 : 4. Every new page must be zero and every page must
 * keep its owner's stamp: a page given out dirty, given out twice or taken back too early shows.
 *
 * usage: allocator [forever]    with an argument each goes on until memory is gone and then only yields. */
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define PROCESSES     4
#define ROUNDS        400 /* turns each process gets; at speed s it allocates in about s of 10 */
#define SPEED_DIVISOR 10
#define PAGE_BYTES    4096
#define PAGE_WORDS    (PAGE_BYTES / sizeof(uint64_t))
#define REGION_PAGES  16 /* pages mapped at a time */

struct page {
    union {
        uint64_t words[PAGE_WORDS];
        struct page *previous; /* the list of a process's pages runs through their first words */
    };
};

static struct page *last_page;
static unsigned long page_count;

/* A generator of its own, so that every run is the same. */
static unsigned random_below(uint32_t *state, unsigned limit)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes' constants */
    return (*state >> 16) % limit;
}

static uint64_t stamp(const struct page *page)
{
    return (uint64_t)getpid() << 48 ^ (uintptr_t)page;
}

/* Map another region when the last is used up; NULL when memory is gone. */
static struct page *page_allocate(void)
{
    static struct page *next, *end;
    if (next == end) {
        void *region =
            mmap(NULL, REGION_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (region == MAP_FAILED)
            return NULL;
        next = region;
        end = next + REGION_PAGES;
    }
    return next++;
}

static void page_take(struct page *page)
{
    for (size_t i = 0; i < PAGE_WORDS; i++)
        if (page->words[i] != 0) {
            check_that(false, "new page %p is not zero: word %zu is %#lx", (void *)page, i, page->words[i]);
            _exit(1);
        }
    page->previous = last_page;
    for (size_t i = 1; i < PAGE_WORDS; i++)
        page->words[i] = stamp(page);
    last_page = page;
    page_count++;
}

static void pages_verify(void)
{
    for (struct page *page = last_page; page != NULL; page = page->previous)
        for (size_t i = 1; i < PAGE_WORDS; i++)
            if (page->words[i] != stamp(page)) {
                check_that(false, "page %p lost its stamp: word %zu is %#lx", (void *)page, i,
                           page->words[i]);
                _exit(1);
            }
}

static void allocate(unsigned speed, bool forever)
{
    uint32_t random_state = speed;
    for (unsigned long round = 0; forever || round < ROUNDS; round++) {
        if (random_below(&random_state, SPEED_DIVISOR) < speed) {
            struct page *page = page_allocate();
            if (page == NULL)
                break;
            page_take(page);
        }
        sched_yield();
    }
    pages_verify();
    while (forever)
        sched_yield();
}

int main(int argc, char **argv)
{
    (void)argv;
    check_begin("allocator");
    for (unsigned speed = 1; speed <= PROCESSES; speed++) {
        pid_t child = fork();
        if (child == 0) {
            allocate(speed, argc > 1);
            /* The generator gives speed/10 of the rounds, within a quarter. */
            unsigned long expected = speed * ROUNDS / SPEED_DIVISOR;
            _exit(page_count > expected * 3 / 4 && page_count < expected * 5 / 4 ? 0 : 1);
        }
        check_that(child > 0, "fork for speed %u failed", speed);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        pid_t child = wait(&status);
        check_that(child > 0 && status == 0, "allocator %d ended with %s", child, check_status_text(status));
    }
    return check_verdict();
}
