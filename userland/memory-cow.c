/* Copy-on-write: who copies, and how often. After a fork the first who writes a page copies it, the last who has it
 * takes it as it is, and who only reads copies nothing; the kernel's own writes are writes too. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "userland/memory_tools.h"

#define PAGES      64
#define BEFORE     'b'
#define PARENT     'p'
#define CHILD      'c'

#define LINUX_MORE 4

enum { NOTHING = 1, WRITE, READ, HOLDS_BEFORE, HOLDS_CHILD, LET_KERNEL_WRITE };

static unsigned char *memory;
static int zeroes; /* /dev/zero */

static void write_all(unsigned char value)
{
    for (size_t i = 0; i < PAGES; i++)
        memory[i * PAGE_SIZE] = value;
}

static bool all_hold(unsigned char value)
{
    for (size_t i = 0; i < PAGES; i++)
        if (memory[i * PAGE_SIZE] != value || memory[i * PAGE_SIZE + PAGE_SIZE - 1] != BEFORE)
            return false;
    return true;
}

/* What the child does; the page faults it took are the answer, but to questions. */
static int act(int command)
{
    long faults = memory_faults();
    switch (command) {
    case WRITE:
        write_all(CHILD);
        break;
    case READ:
    case HOLDS_BEFORE:
        if (!all_hold(BEFORE))
            return -1;
        break;
    case HOLDS_CHILD:
        return all_hold(CHILD);
    case LET_KERNEL_WRITE:
        for (size_t i = 0; i < PAGES; i++)
            if (read(zeroes, memory + i * PAGE_SIZE, 1) != 1)
                return -1;
        break;
    default:
        break;
    }
    return (int)(memory_faults() - faults);
}

/* New contents, shared with new children. All have done once what they will do, so that their stacks and data are
 * their own; the frames from then on count. */
static long begin(struct partner *children, int count)
{
    memset(memory, BEFORE, PAGES * PAGE_SIZE);
    for (int i = 0; i < count; i++)
        partner_start(&children[i], act);
    for (int i = 0; i < count; i++)
        partner_do(&children[i], NOTHING);
    memory_faults();
    memory_frames("anonymous");
    return memory_frames("anonymous");
}

static void expect(const char *what, long before, long copies, long faults, long expected_faults)
{
    memory_expect_frames(what, "anonymous", before, copies);
    /* Linux faults the program's own text in too, in each process again. */
    check_that(faults == expected_faults ||
                   (check_on_linux && faults > expected_faults && faults <= expected_faults + LINUX_MORE),
               "%s: %ld faults, expected %ld", what, faults, expected_faults);
}

static long parent_writes(void)
{
    long faults = memory_faults();
    write_all(PARENT);
    return memory_faults() - faults;
}

static void parent_first(void)
{
    struct partner child;
    long frames = begin(&child, 1);
    long faults = parent_writes();
    expect("the parent writes first", frames, PAGES, faults, PAGES);
    faults = parent_writes();
    expect("the parent writes again", frames, PAGES, faults, 0);
    faults = partner_do(&child, HOLDS_BEFORE);
    expect("the child reads", frames, PAGES, faults, 0);
    faults = partner_do(&child, WRITE);
    expect("the child, the last, writes", frames, PAGES, faults, PAGES);
    check_that(all_hold(PARENT) && partner_do(&child, HOLDS_CHILD) == 1, "one sees what the other wrote");
    partner_end(&child);
}

static void child_first(void)
{
    struct partner child;
    long frames = begin(&child, 1);
    long faults = partner_do(&child, WRITE);
    expect("the child writes first", frames, PAGES, faults, PAGES);
    check_that(all_hold(BEFORE), "the parent sees what the child wrote");
    faults = parent_writes();
    expect("the parent, the last, writes", frames, PAGES, faults, PAGES);
    partner_end(&child);
}

static void child_only_reads(void)
{
    struct partner child;
    long frames = begin(&child, 1);
    long faults = partner_do(&child, READ);
    expect("the child reads what is shared", frames, 0, faults, 0);
    partner_end(&child);
    frames = memory_frames("anonymous");
    faults = parent_writes();
    expect("the parent writes when the child is gone", frames, 0, faults, PAGES);
}

/* Three processes with one page: two copies, and the third takes the page. */
static void three(void)
{
    struct partner child[2];
    long frames = begin(child, 2);
    long faults = partner_do(&child[0], WRITE);
    expect("the first of three writes", frames, PAGES, faults, PAGES);
    faults = partner_do(&child[1], WRITE);
    expect("the second of three writes", frames, 2 * PAGES, faults, PAGES);
    faults = parent_writes();
    expect("the last of three writes", frames, 2 * PAGES, faults, PAGES);
    check_that(all_hold(PARENT), "a child's writes are seen");
    partner_end(&child[0]);
    partner_end(&child[1]);
}

/* A system call that stores into a shared page copies it like a store of the program. */
static void kernel_writes(void)
{
    struct partner child;
    long frames = begin(&child, 1);
    partner_do(&child, LET_KERNEL_WRITE);
    memory_expect_frames("read() into shared pages", "anonymous", frames, PAGES);
    check_that(all_hold(BEFORE), "the kernel wrote into the parent's pages for the child");
    for (size_t i = 0; i < PAGES; i++)
        check_result("read() of the parent", read(zeroes, memory + i * PAGE_SIZE, 1), 1);
    memory_expect_frames("read() by the last", "anonymous", frames, PAGES);
    partner_end(&child);
}

/* Pages that were only read are the one page of zeroes: each write makes one of its own. */
static void zero_page(void)
{
    unsigned char *fresh = memory_map(PAGES, READ_WRITE);
    long frames = memory_frames("anonymous"), faults = memory_faults();
    unsigned sum = 0;
    for (size_t i = 0; i < PAGES; i++)
        sum += ((volatile unsigned char *)fresh)[i * PAGE_SIZE];
    expect("reading fresh memory", frames, 0, memory_faults() - faults, PAGES);
    check_that(sum == 0, "fresh memory is not zero");
    faults = memory_faults();
    for (size_t i = 0; i < PAGES; i++)
        fresh[i * PAGE_SIZE] = (unsigned char)(i + 1);
    faults = memory_faults() - faults;
    /* Not every Linux has that page: then reading has made pages of their own already. */
    expect("writing it", frames, PAGES, faults, check_on_linux && faults == 0 ? 0 : PAGES);
    for (size_t i = 0; i < PAGES; i++)
        check_that(fresh[i * PAGE_SIZE] == i + 1 && fresh[i * PAGE_SIZE + 1] == 0, "page %zu is not its own",
                   i);
    munmap(fresh, PAGES * PAGE_SIZE);
    memory_expect_frames("unmapping it", "anonymous", frames, 0);
}

static void private_file(void)
{
    int file = memory_file(PAGES * PAGE_SIZE);
    unsigned char *mapped = mmap(NULL, PAGES * PAGE_SIZE, READ_WRITE, MAP_PRIVATE, file, 0);
    if (!check_that(mapped != MAP_FAILED, "a private mapping of a file"))
        return;
    long frames = memory_frames("anonymous");
    unsigned wrong = 0;
    for (size_t i = 0; i < PAGES * PAGE_SIZE; i++)
        wrong += mapped[i] != memory_file_byte(i);
    check_that(wrong == 0, "%u bytes of the mapped file are wrong", wrong);
    memory_expect_frames("reading a private mapping of a file", "anonymous", frames, 0);
    for (size_t i = 0; i < PAGES; i += 2)
        mapped[i * PAGE_SIZE] = 0;
    memory_expect_frames("writing every other page", "anonymous", frames, PAGES / 2);
    unsigned char byte = 0;
    check_that(pread(file, &byte, 1, 2 * PAGE_SIZE) == 1 && byte == memory_file_byte(2 * PAGE_SIZE),
               "a private write is in the file");
    munmap(mapped, PAGES * PAGE_SIZE);
    memory_expect_frames("unmapping it", "anonymous", frames, 0);
    close(file);
}

int main(void)
{
    memory_begin("memory-cow");
    zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    memory = memory_map(PAGES, READ_WRITE);
    parent_first();
    child_first();
    child_only_reads();
    three();
    kernel_writes();
    zero_page();
    private_file();
    memory_expect_sound("at the end");
    return check_verdict();
}
