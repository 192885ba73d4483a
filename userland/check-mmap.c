/* mmap, munmap and mprotect of anonymous memory: every protection against every access, fresh memory is
 * zero, holes, edges and what a change leaves alone. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/system_call.h"

#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define PAGES      16
#define BIG        (UINT64_C(64) << 20)
#define RETURN     0xc3 /* the instruction */

static unsigned char *map(size_t pages, int protection)
{
    unsigned char *memory = mmap(NULL, pages * PAGE_SIZE, protection, ANONYMOUS, -1, 0);
    if (!check_that(memory != MAP_FAILED, "%zu pages with protection %d: %s", pages, protection,
                    strerror(errno)))
        _exit(1);
    return memory;
}

static void expect_access(const char *how, unsigned char *page, int protection)
{
    static const struct {
        const char *name;
        check_body *body;
        int needs;
    } accesses[] = {{"read", access_read, PROT_READ},
                    {"write", access_write, PROT_WRITE},
                    {"run", access_jump, PROT_EXEC}};
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        char what[80];
        snprintf(what, sizeof(what), "%s a page with protection %d, %s", accesses[i].name, protection, how);
        /* x86 pages that can be written or run can be read. */
        bool allowed = (protection & accesses[i].needs) != 0 ||
                       (accesses[i].needs == PROT_READ && protection != PROT_NONE);
        if (protection == PROT_EXEC && accesses[i].needs == PROT_READ)
            check_dies_or_survives(what, SIGSEGV, accesses[i].body,
                                   page); /* protection keys can keep it from being read */
        else if (allowed)
            check_survives(what, accesses[i].body, page);
        else
            check_dies(what, SIGSEGV, accesses[i].body, page);
    }
}

/* Write-and-execute is left out: Quire never gives both. */
static const int protections[] = {
    PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE, PROT_EXEC, PROT_READ | PROT_EXEC};
#define PROTECTIONS (sizeof(protections) / sizeof(protections[0]))

static void lattice(void)
{
    for (size_t i = 0; i < PROTECTIONS; i++) {
        unsigned char *page = map(1, protections[i]);
        if ((protections[i] & PROT_EXEC) == 0)
            expect_access("as mapped", page, protections[i]);
        munmap(page, PAGE_SIZE);
    }
    for (size_t from = 0; from < PROTECTIONS; from++)
        for (size_t to = 0; to < PROTECTIONS; to++) {
            unsigned char *page = map(1, READ_WRITE);
            page[0] = RETURN;
            check_result("mprotect", mprotect(page, PAGE_SIZE, protections[from]), 0);
            check_result("mprotect", mprotect(page, PAGE_SIZE, protections[to]), 0);
            expect_access("after mprotect", page, protections[to]);
            munmap(page, PAGE_SIZE);
        }
}

static bool all_bytes(const unsigned char *from, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (from[i] != value)
            return false;
    return true;
}

static void fresh_memory_is_zero(void)
{
    for (int round = 0; round < 4; round++) {
        unsigned char *memory = map(PAGES, READ_WRITE);
        check_that(all_bytes(memory, PAGES * PAGE_SIZE, 0), "new memory is not zero in round %d", round);
        memset(memory, 0xff, PAGES * PAGE_SIZE);
        munmap(memory, PAGES * PAGE_SIZE);
    }
    unsigned char *big = map(BIG / PAGE_SIZE, READ_WRITE); /* costs only what is touched */
    for (uint64_t i = 0; i < BIG; i += PAGE_2M) {
        check_that(big[i] == 0, "a page of a large mapping holds %#x", big[i]);
        big[i] = 1;
    }
    munmap(big, BIG);
    unsigned char *odd = mmap(NULL, 100, READ_WRITE, ANONYMOUS, -1, 0); /* rounded up to a page */
    check_that(odd != MAP_FAILED && all_bytes(odd, PAGE_SIZE, 0), "100 bytes are not a page of zeroes");
    munmap(odd, 100);
}

/* Unmap pages first .. last of 16; the others keep their contents, these are gone. */
static void hole(size_t first, size_t last)
{
    unsigned char *memory = map(PAGES, READ_WRITE);
    for (size_t i = 0; i < PAGES; i++)
        memset(memory + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
    check_result("munmap of a part", munmap(memory + first * PAGE_SIZE, (last - first + 1) * PAGE_SIZE), 0);
    for (size_t i = 0; i < PAGES; i++)
        if (i >= first && i <= last)
            check_dies("read an unmapped page", SIGSEGV, access_read, memory + i * PAGE_SIZE);
        else
            check_that(all_bytes(memory + i * PAGE_SIZE, PAGE_SIZE, (unsigned char)(i + 1)),
                       "page %zu changed", i);
    /* What comes into the hole is fresh. */
    unsigned char *again =
        mmap(memory + first * PAGE_SIZE, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    check_that(again == memory + first * PAGE_SIZE && all_bytes(again, PAGE_SIZE, 0),
               "the hole is not filled with zeroes");
    check_result("munmap over the holes", munmap(memory, PAGES * PAGE_SIZE), 0);
    check_dies("read after it", SIGSEGV, access_read, memory);
    check_result("munmap again", munmap(memory, PAGES * PAGE_SIZE), 0);
}

static void fixed_mappings(void)
{
    unsigned char *memory = map(PAGES, READ_WRITE);
    memset(memory, 1, PAGES * PAGE_SIZE);
    unsigned char *middle = memory + 4 * PAGE_SIZE;
    check_that(mmap(middle, 2 * PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0) == middle,
               "MAP_FIXED went elsewhere");
    check_that(all_bytes(middle, 2 * PAGE_SIZE, 0), "MAP_FIXED did not replace what was there");
    check_that(all_bytes(memory, 4 * PAGE_SIZE, 1) && all_bytes(middle + 2 * PAGE_SIZE, 10 * PAGE_SIZE, 1),
               "it replaced neighbours");
    check_error("MAP_FIXED_NOREPLACE over a mapping",
                system_call(SYS_mmap, middle, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
                EEXIST);
    munmap(memory, PAGES * PAGE_SIZE);
    check_result("MAP_FIXED_NOREPLACE where nothing is",
                 system_call(SYS_mmap, middle, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
                 (long)middle);
    check_result("a hint where nothing is",
                 system_call(SYS_mmap, memory, PAGE_SIZE, READ_WRITE, ANONYMOUS, -1, 0), (long)memory);
    long other = system_call(SYS_mmap, middle, PAGE_SIZE, READ_WRITE, ANONYMOUS, -1, 0);
    check_that(other > 0 && other != (long)middle, "a hint over a mapping gave %#lx", (unsigned long)other);
    munmap((void *)other, PAGE_SIZE);
    munmap(memory, PAGES * PAGE_SIZE);
}

static void partial_protection(void)
{
    unsigned char *memory = map(PAGES, READ_WRITE);
    memset(memory, 7, PAGES * PAGE_SIZE);
    check_result("mprotect of the middle", mprotect(memory + 4 * PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ), 0);
    for (size_t i = 0; i < PAGES; i++)
        if (i >= 4 && i < 8)
            check_dies("write the middle", SIGSEGV, access_write, memory + i * PAGE_SIZE);
        else
            memory[i * PAGE_SIZE] = 8;
    check_that(all_bytes(memory + 4 * PAGE_SIZE, 4 * PAGE_SIZE, 7), "mprotect changed contents");
    check_result("mprotect of an odd length", mprotect(memory, 4 * PAGE_SIZE + 1, READ_WRITE), 0);
    memory[4 * PAGE_SIZE] = 8; /* the length is rounded up to pages */
    munmap(memory + 10 * PAGE_SIZE, PAGE_SIZE);
    check_error("mprotect over a hole",
                system_call(SYS_mprotect, memory + 9 * PAGE_SIZE, 3 * PAGE_SIZE, PROT_READ), ENOMEM);
    check_result("mprotect of all but the hole", mprotect(memory, 10 * PAGE_SIZE, PROT_NONE), 0);
    check_dies("read what is closed", SIGSEGV, access_read, memory + 9 * PAGE_SIZE);
    check_survives("read what is behind the hole", access_read, memory + 12 * PAGE_SIZE);
    munmap(memory, PAGES * PAGE_SIZE);
}

/* Pages never touched take a new protection too, and keep it when they come. */
static void protection_before_touch(void)
{
    unsigned char *memory = map(2, PROT_NONE);
    check_result("mprotect before the first touch", mprotect(memory, PAGE_SIZE, READ_WRITE), 0);
    memory[0] = 1;
    check_dies("write the next page", SIGSEGV, access_write, memory + PAGE_SIZE);
    check_result("mprotect to read", mprotect(memory, 2 * PAGE_SIZE, PROT_READ), 0);
    check_that(memory[0] == 1 && memory[PAGE_SIZE] == 0, "the pages hold %d and %d", memory[0],
               memory[PAGE_SIZE]);
    check_dies("write after all", SIGSEGV, access_write, memory + PAGE_SIZE);
    munmap(memory, 2 * PAGE_SIZE);
}

int main(void)
{
    check_begin("check-mmap");
    lattice();
    fresh_memory_is_zero();
    hole(0, 3);
    hole(12, 15);
    hole(5, 5);
    hole(1, 14);
    fixed_mappings();
    partial_protection();
    protection_before_touch();
    return check_verdict();
}
