/* mremap: mappings grow where they are, grow by moving, shrink, and go where they are told; contents go with them. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define PAGES 16
#define ROOM  64

static unsigned char *filled(size_t pages)
{
    unsigned char *memory = memory_map(pages, READ_WRITE);
    for (size_t i = 0; i < pages; i++)
        memset(memory + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
    return memory;
}

/* Pages [0, pages) hold 1, 2, 3, ... */
static bool whole(const unsigned char *memory, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        if (!memory_is(memory + i * PAGE_SIZE, PAGE_SIZE, (unsigned char)(i + 1)))
            return false;
    return true;
}

static long remap(void *old, size_t old_pages, size_t new_pages, int flags, void *place)
{
    return system_call(SYS_mremap, old, old_pages * PAGE_SIZE, new_pages * PAGE_SIZE, flags, place);
}

/* `pages` filled pages with free room above them. */
static unsigned char *with_room(size_t pages)
{
    unsigned char *room = memory_map(ROOM, READ_WRITE);
    munmap(room, ROOM * PAGE_SIZE);
    unsigned char *memory = mmap(room, pages * PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    check_that(memory == room, "room of our own");
    for (size_t i = 0; i < pages; i++)
        memset(memory + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
    return memory;
}

static void in_place(void)
{
    unsigned char *memory = with_room(PAGES);
    long frames = memory_frames("anonymous");
    check_result("growing where there is room", remap(memory, PAGES, 2 * PAGES, 0, NULL), (long)memory);
    check_that(whole(memory, PAGES), "growing lost contents");
    check_that(memory_is(memory + PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, 0),
               "it grew by pages that are not zero");
    check_result("the same size", remap(memory, 2 * PAGES, 2 * PAGES, 0, NULL), (long)memory);
    check_result("shrinking", remap(memory, 2 * PAGES, 4, 0, NULL), (long)memory);
    check_that(whole(memory, 4), "shrinking lost contents");
    check_dies("what was cut off", SIGSEGV, access_read, memory + 4 * PAGE_SIZE);
    memory_expect_frames("shrinking", "anonymous", frames, 4 - PAGES);
    check_result("growing again", remap(memory, 4, PAGES, 0, NULL), (long)memory);
    check_that(memory_is(memory + 4 * PAGE_SIZE, (PAGES - 4) * PAGE_SIZE, 0), "what was cut off came back");
    munmap(memory, PAGES * PAGE_SIZE);
}

static void moving(void)
{
    unsigned char *memory = with_room(PAGES);
    unsigned char *wall = memory + PAGES * PAGE_SIZE;
    check_that(mmap(wall, PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0) == wall, "a wall");
    check_error("growing against a wall", remap(memory, PAGES, PAGES + 1, 0, NULL), ENOMEM);
    check_that(whole(memory, PAGES), "a failure changed contents");
    memory_frames("anonymous");
    long frames = memory_frames("anonymous"), faults = memory_faults();
    long moved = remap(memory, PAGES, 2 * PAGES, MREMAP_MAYMOVE, NULL);
    check_that(moved > 0 && moved != (long)memory, "moving: %ld", moved);
    check_that(whole((unsigned char *)moved, PAGES), "moving lost contents");
    memory_expect_frames("moving", "anonymous", frames, 0);
    check_result("faults of moving", memory_faults() - faults, 0);
    check_that(memory_is((unsigned char *)moved + PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, 0),
               "the rest is not zero");
    memory_raises("where it was", SIGSEGV, SEGV_MAPERR, access_read, memory);
    munmap((void *)moved, 2 * PAGES * PAGE_SIZE);
    munmap(wall, PAGE_SIZE);
}

/* The middle of a mapping goes away; both ends stay. */
static void part(void)
{
    unsigned char *memory = filled(PAGES);
    long moved = remap(memory + 4 * PAGE_SIZE, 4, 8, MREMAP_MAYMOVE, NULL);
    unsigned char *at = (unsigned char *)moved;
    if (!check_that(moved > 0, "moving a part: %ld", moved))
        return;
    for (size_t i = 0; i < 4; i++)
        check_that(memory_is(at + i * PAGE_SIZE, PAGE_SIZE, (unsigned char)(i + 5)),
                   "page %zu of the part is lost", i);
    check_that(whole(memory, 4), "the lower end changed");
    check_that(memory_is(memory + 8 * PAGE_SIZE, PAGE_SIZE, 9) &&
                   memory_is(memory + 15 * PAGE_SIZE, PAGE_SIZE, 16),
               "the upper end changed");
    check_dies("the gap", SIGSEGV, access_read, memory + 4 * PAGE_SIZE);
    check_dies("the gap's end", SIGSEGV, access_read, memory + 8 * PAGE_SIZE - 1);
    munmap(at, 8 * PAGE_SIZE);
    munmap(memory, PAGES * PAGE_SIZE);
}

static void fixed(void)
{
    unsigned char *memory = filled(PAGES), *place = memory_map(2 * PAGES, READ_WRITE);
    memset(place, 0xee, 2 * PAGES * PAGE_SIZE);
    check_result("to a place", remap(memory, PAGES, PAGES, MREMAP_MAYMOVE | MREMAP_FIXED, place),
                 (long)place);
    check_that(whole(place, PAGES), "contents are not at the place");
    check_that(memory_is(place + PAGES * PAGE_SIZE, PAGES * PAGE_SIZE, 0xee),
               "more than needed was replaced");
    check_dies("where it was", SIGSEGV, access_read, memory);
    check_result("back, and smaller", remap(place, PAGES, 4, MREMAP_MAYMOVE | MREMAP_FIXED, memory),
                 (long)memory);
    check_that(whole(memory, 4), "contents are not back");
    check_dies("what was cut off", SIGSEGV, access_read, memory + 4 * PAGE_SIZE);
    check_dies("at the place", SIGSEGV, access_read, place);
    check_dies("what was cut off there", SIGSEGV, access_read, place + (PAGES - 1) * PAGE_SIZE);
    munmap(memory, 4 * PAGE_SIZE);
    munmap(place, 2 * PAGES * PAGE_SIZE);
}

/* Protection, sharing with a child and closed pages move too. */
static void properties(void)
{
    unsigned char *memory = filled(PAGES), *place = memory_map(PAGES, PROT_NONE);
    mprotect(memory, PAGES * PAGE_SIZE, PROT_READ);
    check_result("what may only be read", remap(memory, PAGES, PAGES, MREMAP_MAYMOVE | MREMAP_FIXED, place),
                 (long)place);
    check_that(whole(place, PAGES), "contents");
    memory_raises("writing it there", SIGSEGV, SEGV_ACCERR, access_write, place);
    mprotect(place, PAGES * PAGE_SIZE, PROT_NONE);
    check_result("what is closed", remap(place, PAGES, PAGES, MREMAP_MAYMOVE | MREMAP_FIXED, memory),
                 (long)memory);
    memory_raises("reading it", SIGSEGV, SEGV_ACCERR, access_read, memory);
    mprotect(memory, PAGES * PAGE_SIZE, READ_WRITE);
    check_that(whole(memory, PAGES), "closed contents are lost");
    munmap(memory, PAGES * PAGE_SIZE);
}

static unsigned char *shared_with_child;

static int act(int command)
{
    if (command == 1)
        return whole(shared_with_child, PAGES);
    memset(shared_with_child, 0, PAGES * PAGE_SIZE);
    return 1;
}

static void after_fork(void)
{
    struct partner child;
    unsigned char *place = memory_map(PAGES, PROT_NONE);
    shared_with_child = filled(PAGES);
    partner_start(&child, act);
    check_result("moving what a child shares",
                 remap(shared_with_child, PAGES, PAGES, MREMAP_MAYMOVE | MREMAP_FIXED, place), (long)place);
    check_that(partner_do(&child, 1) == 1, "the child's pages moved along");
    partner_do(&child, 2);
    check_that(whole(place, PAGES), "the child's writes are seen");
    partner_end(&child);
    memset(place, 1, PAGES * PAGE_SIZE);
    munmap(place, PAGES * PAGE_SIZE);
}

static void of_a_file(void)
{
    int file = memory_file(PAGES * PAGE_SIZE);
    unsigned char *mapped = mmap(NULL, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED, file, 4 * PAGE_SIZE);
    long moved = remap(mapped, 4, 12, MREMAP_MAYMOVE, NULL);
    unsigned char *at = (unsigned char *)moved;
    if (!check_that(moved > 0, "a file's mapping: %ld", moved))
        return;
    for (size_t i = 0; i < 12; i++)
        check_result("a page of the file", at[i * PAGE_SIZE], memory_file_byte((4 + i) * PAGE_SIZE));
    munmap(at, 12 * PAGE_SIZE);
    close(file);
}

/* Across many page tables. */
static void large(void)
{
    enum { LARGE = 1600 };
    unsigned char *memory = memory_map(LARGE, READ_WRITE);
    for (size_t i = 0; i < LARGE; i += 7)
        memory[i * PAGE_SIZE] = (unsigned char)i;
    for (int round = 0; round < 8; round++) {
        long moved = remap(memory, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                           (void *)(UINT64_C(0x200000000000) + (uint64_t)round * 0x12345000));
        if (!check_that(moved > 0, "round %d: %ld", round, moved))
            return;
        memory = (unsigned char *)moved;
        unsigned wrong = 0;
        for (size_t i = 0; i < LARGE; i += 7)
            wrong += memory[i * PAGE_SIZE] != (unsigned char)i;
        check_that(wrong == 0, "round %d: %u pages are wrong", round, wrong);
    }
    munmap(memory, LARGE * PAGE_SIZE);
}

int main(void)
{
    memory_begin("memory-remap");
    in_place();
    moving();
    part();
    fixed();
    properties();
    after_fork();
    of_a_file();
    large();
    memory_expect_sound("at the end");
    return check_verdict();
}
