/* Sharing: shared mappings, anonymous and of files, are seen by all who have them; private ones of files are seen by
 * nobody; beyond a file's end is SIGBUS; what was opened for reading stays so. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define PAGES 16

static unsigned char *memory;

static unsigned char *map_file(int file, size_t pages, int protection, int flags)
{
    unsigned char *mapped = mmap(NULL, pages * PAGE_SIZE, protection, flags, file, 0);
    if (!check_that(mapped != MAP_FAILED, "mapping a file: %s", strerror(errno)))
        exit(check_verdict());
    return mapped;
}

static unsigned char file_byte(int file, size_t offset)
{
    unsigned char byte = 0;
    check_result("pread", pread(file, &byte, 1, (off_t)offset), 1);
    return byte;
}

/* --- anonymous --- */

/* Command N: set page N - 1 to N; or, negative, what page -N - 1 holds. */
static int act(int command)
{
    if (command < 0)
        return memory[(size_t)(-command - 1) * PAGE_SIZE];
    memory[(size_t)(command - 1) * PAGE_SIZE] = (unsigned char)command;
    return 0;
}

static void anonymous(void)
{
    struct partner child[2];
    memory = mmap(NULL, PAGES * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that(memory != MAP_FAILED, "shared anonymous memory: %s", strerror(errno)))
        return;
    memory[0] = 99; /* one page is there before the fork, the others come later */
    partner_start(&child[0], act);
    partner_start(&child[1], act);
    check_result("a page from before the fork", partner_do(&child[0], -1), 99);
    long frames = memory_frames("shared");
    for (int i = 1; i <= PAGES; i++) {
        partner_do(&child[i % 2], i);
        check_result("a child's write, seen by the parent", memory[(size_t)(i - 1) * PAGE_SIZE], i);
        check_result("and by the other child", partner_do(&child[1 - i % 2], -i), i);
    }
    memory_expect_frames("pages for three processes", "shared", frames, PAGES - 1);
    memory[3 * PAGE_SIZE] = 77;
    check_result("the parent's write, seen by a child", partner_do(&child[0], -4), 77);
    munmap(memory, PAGES * PAGE_SIZE); /* the children still have it */
    check_result("after the parent's munmap", partner_do(&child[1], -4), 77);
    partner_do(&child[0], 4);
    check_result("children alone", partner_do(&child[1], -4), 4);
    partner_end(&child[0]);
    partner_end(&child[1]);
    memory_expect_frames("all have ended", "shared", frames, -1);
}

static void discarded(void)
{
    memory = mmap(NULL, 2 * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that(memory != MAP_FAILED, "shared anonymous memory"))
        return;
    memory[0] = 5;
    check_result("MADV_DONTNEED", madvise(memory, PAGE_SIZE, MADV_DONTNEED), 0);
    check_result("shared memory after MADV_DONTNEED", memory[0], 5);
    munmap(memory, 2 * PAGE_SIZE);
}

/* Part of a shared mapping unmapped, protected, and moved: the rest stays shared. */
static void changed(void)
{
    struct partner child;
    unsigned char *first = mmap(NULL, PAGES * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory = first;
    partner_start(&child, act);
    check_result("munmap of the middle", munmap(first + 4 * PAGE_SIZE, 2 * PAGE_SIZE), 0);
    check_result("mprotect of a part", mprotect(first + 8 * PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
    unsigned char *moved = mremap(first + 10 * PAGE_SIZE, 2 * PAGE_SIZE, 10 * PAGE_SIZE, MREMAP_MAYMOVE);
    check_that(moved != MAP_FAILED && moved != first + 10 * PAGE_SIZE, "mremap: %s", strerror(errno));
    for (int i = 1; i <= PAGES; i++)
        partner_do(&child, i);
    check_result("below the hole", first[3 * PAGE_SIZE], 4);
    check_result("above it", first[6 * PAGE_SIZE], 7);
    check_result("what may only be read", first[8 * PAGE_SIZE], 9);
    check_dies("writing it", SIGSEGV, access_write, first + 8 * PAGE_SIZE);
    check_result("what moved", moved[0], 11);
    check_result("its second page", moved[PAGE_SIZE], 12);
    check_survives("the last page that was promised", access_read, moved + 6 * PAGE_SIZE - 1);
    check_dies("beyond what was ever promised", SIGBUS, access_read, moved + 6 * PAGE_SIZE);
    partner_end(&child);
    munmap(first, PAGES * PAGE_SIZE);
    munmap(moved, 10 * PAGE_SIZE);
}

/* --- files --- */

static void file_shared(void)
{
    struct partner child;
    int file = memory_file(PAGES * PAGE_SIZE);
    memory = map_file(file, PAGES, READ_WRITE, MAP_SHARED);
    unsigned char *again = map_file(file, PAGES, PROT_READ, MAP_SHARED);
    unsigned char *private = map_file(file, PAGES, READ_WRITE, MAP_PRIVATE);
    partner_start(&child, act);
    partner_do(&child, 3);
    check_result("a child's write, seen by the parent", memory[2 * PAGE_SIZE], 3);
    check_result("seen through another mapping", again[2 * PAGE_SIZE], 3);
    check_result("seen by read()", file_byte(file, 2 * PAGE_SIZE), 3);
    check_result("pwrite", pwrite(file, "\x55", 1, 5 * PAGE_SIZE), 1);
    check_result("a write(), seen through the mapping", memory[5 * PAGE_SIZE], 0x55);
    check_result("and by the child", partner_do(&child, -6), 0x55);
    private[7 * PAGE_SIZE] = 1;
    check_result("a private write, not seen through a shared mapping", memory[7 * PAGE_SIZE],
                 memory_file_byte(7 * PAGE_SIZE));
    check_result("not seen by read()", file_byte(file, 7 * PAGE_SIZE), memory_file_byte(7 * PAGE_SIZE));
    memory[7 * PAGE_SIZE] = 2;
    check_result("a private copy stays when the file changes", private[7 * PAGE_SIZE], 1);
    check_result("msync", msync(memory, PAGES * PAGE_SIZE, MS_SYNC), 0);
    close(file); /* the mapping keeps the file */
    partner_do(&child, 9);
    check_result("after close()", memory[8 * PAGE_SIZE], 9);
    partner_end(&child);
    munmap(memory, PAGES * PAGE_SIZE);
    check_result("the other mapping stays", again[8 * PAGE_SIZE], 9);
    munmap(again, PAGES * PAGE_SIZE);
    munmap(private, PAGES * PAGE_SIZE);
}

/* A file of a page and a half, mapped with three pages. */
static void beyond_the_end(void)
{
    static const int flags[] = {MAP_SHARED, MAP_PRIVATE};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int file = memory_file(PAGE_SIZE + PAGE_SIZE / 2);
        unsigned char *mapped = map_file(file, 3, READ_WRITE, flags[i]);
        check_that(memory_is(mapped + PAGE_SIZE + PAGE_SIZE / 2, PAGE_SIZE / 2, 0),
                   "the rest of the last page is not zero");
        memory_raises("reading beyond the end", SIGBUS, BUS_ADRERR, access_read, mapped + 2 * PAGE_SIZE + 8);
        memory_raises("writing beyond the end", SIGBUS, BUS_ADRERR, access_write, mapped + 2 * PAGE_SIZE);
        check_error("write() from beyond the end", system_call(SYS_write, file, mapped + 2 * PAGE_SIZE, 1),
                    EFAULT);
        check_result("a longer file", ftruncate(file, 3 * PAGE_SIZE), 0);
        check_survives("reading what is there now", access_read, mapped + 2 * PAGE_SIZE);
        munmap(mapped, 3 * PAGE_SIZE);
        close(file);
    }
}

/* A file that becomes shorter takes its pages from those who map it. */
static void truncated(void)
{
    int file = memory_file(4 * PAGE_SIZE);
    unsigned char *shared = map_file(file, 4, READ_WRITE, MAP_SHARED);
    shared[3 * PAGE_SIZE] = 1;
    shared[0] = 1;
    check_result("a shorter file", ftruncate(file, PAGE_SIZE), 0);
    memory_raises("reading what was cut off", SIGBUS, BUS_ADRERR, access_read, shared + 3 * PAGE_SIZE);
    check_result("what is left", shared[0], 1);
    check_result("a longer file", ftruncate(file, 4 * PAGE_SIZE), 0);
    check_result("what came back", shared[3 * PAGE_SIZE], 0);
    munmap(shared, 4 * PAGE_SIZE);
    close(file);
}

static void read_only(void)
{
    char name[] = "/tmp/shared.XXXXXX";
    int writer = mkstemp(name);
    check_result("write", write(writer, name, sizeof(name)), sizeof(name));
    int reader = open(name, O_RDONLY), only_writer = open(name, O_WRONLY);
    unlink(name);
    check_error("a writable shared mapping of a file open for reading",
                system_call(SYS_mmap, 0, PAGE_SIZE, READ_WRITE, MAP_SHARED, reader, 0), EACCES);
    check_error("any mapping of a file open for writing only",
                system_call(SYS_mmap, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, only_writer, 0), EACCES);
    unsigned char *shared = map_file(reader, 1, PROT_READ, MAP_SHARED);
    check_error("mprotect to writable", system_call(SYS_mprotect, shared, PAGE_SIZE, READ_WRITE), EACCES);
    memory_raises("writing it", SIGSEGV, SEGV_ACCERR, access_write, shared);
    unsigned char *private = map_file(reader, 1, PROT_READ, MAP_PRIVATE);
    check_result("mprotect of a private mapping", mprotect(private, PAGE_SIZE, READ_WRITE), 0);
    private[0] = 'x';
    check_that(memcmp(shared, name, sizeof(name)) == 0, "the file changed");
    munmap(shared, PAGE_SIZE);
    munmap(private, PAGE_SIZE);
    close(reader);
    close(only_writer);
    close(writer);
}

/* A mapping at an offset, cut in the middle: each part keeps its place in the file. */
static void offsets(void)
{
    int file = memory_file(PAGES * PAGE_SIZE);
    unsigned char *mapped = mmap(NULL, 8 * PAGE_SIZE, READ_WRITE, MAP_SHARED, file, 4 * PAGE_SIZE);
    if (!check_that(mapped != MAP_FAILED, "a mapping at an offset"))
        return;
    munmap(mapped + 2 * PAGE_SIZE, 3 * PAGE_SIZE);
    mprotect(mapped + 6 * PAGE_SIZE, PAGE_SIZE, PROT_READ);
    static const size_t left[] = {0, 1, 5, 6, 7};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        check_result("a page at an offset", mapped[left[i] * PAGE_SIZE],
                     memory_file_byte((4 + left[i]) * PAGE_SIZE));
    munmap(mapped, 8 * PAGE_SIZE);
    close(file);
}

int main(void)
{
    memory_begin("memory-shared");
    anonymous();
    discarded();
    changed();
    file_shared();
    beyond_the_end();
    truncated();
    read_only();
    offsets();
    memory_expect_sound("at the end");
    return check_verdict();
}
