/* madvise and mincore: what is discarded reads as new, and its memory is free at once; what is there is told. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define PAGES 32

static bool resident(unsigned char *memory, const char *pattern)
{
    unsigned char there[PAGES] = {0};
    size_t pages = strlen(pattern);
    if (mincore(memory, pages * PAGE_SIZE, there) != 0)
        return false;
    for (size_t i = 0; i < pages; i++)
        if ((there[i] & 1) != (pattern[i] == '#'))
            return false;
    return true;
}

static void discard_anonymous(int advice)
{
    unsigned char *memory = memory_map(PAGES, READ_WRITE);
    memset(memory, 5, PAGES * PAGE_SIZE);
    memory_frames("anonymous");
    long frames = memory_frames("anonymous");
    check_result("discarding", madvise(memory + 8 * PAGE_SIZE, 8 * PAGE_SIZE, advice), 0);
    check_that(memory_is(memory, 8 * PAGE_SIZE, 5) && memory_is(memory + 16 * PAGE_SIZE, 16 * PAGE_SIZE, 5),
               "neighbours of what was discarded changed");
    if (advice == MADV_DONTNEED || !check_on_linux) { /* Linux may keep what is free to go */
        memory_expect_frames("discarding", "anonymous", frames, -8);
        check_that(memory_is(memory + 8 * PAGE_SIZE, 8 * PAGE_SIZE, 0), "what was discarded is not zero");
    }
    memset(memory + 8 * PAGE_SIZE, 6, 8 * PAGE_SIZE);
    check_that(memory_is(memory + 8 * PAGE_SIZE, 8 * PAGE_SIZE, 6), "writing what was discarded");
    memory_expect_frames("writing it again", "anonymous", frames, 0);
    munmap(memory, PAGES * PAGE_SIZE);
}

/* A child's discarded pages are the parent's still. */
static void discard_in_child(const void *memory)
{
    unsigned char *pages = (unsigned char *)(uintptr_t)memory;
    check_result("MADV_DONTNEED", madvise(pages, PAGES * PAGE_SIZE, MADV_DONTNEED), 0);
    check_that(memory_is(pages, PAGES * PAGE_SIZE, 0), "the child's pages are not zero");
}

static void discard_shared_by_fork(void)
{
    unsigned char *memory = memory_map(PAGES, READ_WRITE);
    memset(memory, 9, PAGES * PAGE_SIZE);
    check_survives("discarding in a child", discard_in_child, memory);
    check_that(memory_is(memory, PAGES * PAGE_SIZE, 9), "the parent's pages went too");
    munmap(memory, PAGES * PAGE_SIZE);
}

/* A private copy of a file's page goes; the file's comes back. */
static void discard_file(void)
{
    int file = memory_file(4 * PAGE_SIZE);
    unsigned char *mapped = mmap(NULL, 4 * PAGE_SIZE, READ_WRITE, MAP_PRIVATE, file, 0);
    if (!check_that(mapped != MAP_FAILED, "a private mapping of a file"))
        return;
    memset(mapped, 0, 2 * PAGE_SIZE);
    check_result("MADV_DONTNEED", madvise(mapped, PAGE_SIZE, MADV_DONTNEED), 0);
    check_result("the file's byte", mapped[5], memory_file_byte(5));
    check_result("the next page, still private", mapped[PAGE_SIZE], 0);
    check_error("MADV_FREE of a file's mapping", system_call(SYS_madvise, mapped, PAGE_SIZE, MADV_FREE),
                EINVAL);
    munmap(mapped, 4 * PAGE_SIZE);
    close(file);
}

static void errors(void)
{
    unsigned char *memory = memory_map(PAGES, READ_WRITE);
    memset(memory, 1, PAGES * PAGE_SIZE);
    munmap(memory + 4 * PAGE_SIZE, PAGE_SIZE);
    check_error("discarding over a hole", system_call(SYS_madvise, memory, 8 * PAGE_SIZE, MADV_DONTNEED),
                ENOMEM);
    check_that(memory_is(memory, 4 * PAGE_SIZE, 0) && memory_is(memory + 5 * PAGE_SIZE, 3 * PAGE_SIZE, 0),
               "what lies around a hole was not discarded");
    check_that(memory_is(memory + 8 * PAGE_SIZE, 8 * PAGE_SIZE, 1), "more was discarded");
    check_error("wrong advice", system_call(SYS_madvise, memory, PAGE_SIZE, 12345), EINVAL);
    check_error("no page's address", system_call(SYS_madvise, memory + 1, PAGE_SIZE, MADV_DONTNEED), EINVAL);
    check_result("an odd size", madvise(memory + 8 * PAGE_SIZE, 1, MADV_DONTNEED), 0);
    check_that(memory_is(memory + 8 * PAGE_SIZE, PAGE_SIZE, 0), "an odd size is not rounded up");
    munmap(memory, PAGES * PAGE_SIZE);
}

static void told(void)
{
    unsigned char *memory = memory_map(8, READ_WRITE);
    check_that(resident(memory, "........"), "fresh memory is there");
    memory[0] = memory[3 * PAGE_SIZE] = memory[7 * PAGE_SIZE] = 1;
    check_that(resident(memory, "#..#...#"), "not the pages that were written are there");
    check_result("mprotect", mprotect(memory, 4 * PAGE_SIZE, PROT_NONE), 0);
    check_that(resident(memory, "#..#...#"), "closed pages are not there");
    check_result("madvise", madvise(memory + 7 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
    check_that(resident(memory, "#..#...."), "a discarded page is there");
    munmap(memory, 8 * PAGE_SIZE);
    unsigned char *full = mmap(NULL, 4 * PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_POPULATE, -1, 0);
    check_that(full != MAP_FAILED && resident(full, "####"), "populated memory is not there");
    munmap(full, 4 * PAGE_SIZE);
    unsigned char *shared = mmap(NULL, 4 * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[PAGE_SIZE] = 1;
    check_that(resident(shared, ".#.."), "not the shared page that was written is there");
    munmap(shared, 4 * PAGE_SIZE);
}

/* A large mapping with 2 MiB pages, if there are any, discarded in part. */
static void discard_part_of_large(void)
{
    const size_t size = 3 * PAGE_2M;
    unsigned char *memory = memory_map(size / PAGE_SIZE, READ_WRITE);
    memset(memory, 3, size);
    unsigned char *middle = (unsigned char *)(((uintptr_t)memory + PAGE_2M) & ~(uintptr_t)(PAGE_2M - 1));
    check_result("MADV_DONTNEED", madvise(middle + 5 * PAGE_SIZE, 10 * PAGE_SIZE, MADV_DONTNEED), 0);
    check_that(memory_is(memory, (size_t)(middle - memory) + 5 * PAGE_SIZE, 3), "pages below are lost");
    check_that(memory_is(middle + 5 * PAGE_SIZE, 10 * PAGE_SIZE, 0), "pages are not zero");
    unsigned char *above = middle + 15 * PAGE_SIZE;
    check_that(memory_is(above, (size_t)(memory + size - above), 3), "pages above are lost");
    munmap(memory, size);
}

int main(void)
{
    memory_begin("memory-advise");
    discard_anonymous(MADV_DONTNEED);
    discard_anonymous(MADV_FREE);
    discard_shared_by_fork();
    discard_file();
    discard_part_of_large();
    errors();
    told();
    memory_expect_sound("at the end");
    return check_verdict();
}
