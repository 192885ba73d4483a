/* Demand paging: mapping costs nothing, each page comes with its first touch, once, and one fault is counted for it. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define PAGES     64
#define BIG       (UINT64_C(1) << 36) /* more than the machine has */
#define BIG_STEP  (UINT64_C(1) << 30)
#define BSS_PAGES 256

static unsigned char in_bss[BSS_PAGES * PAGE_SIZE];

static long frames, faults;

static void begin(void)
{
    memory_faults();
    memory_frames("anonymous");
    frames = memory_frames("anonymous");
    faults = memory_faults();
}

/* Since begin() so many faults were served and so many frames taken. */
static void expect(const char *what, long expected_faults, long expected_frames)
{
    long served = memory_faults() - faults;
    check_that(served == expected_faults, "%s: %ld faults, expected %ld", what, served, expected_faults);
    memory_expect_frames(what, "anonymous", frames, expected_frames);
}

static void touch(unsigned char *from, size_t pages, size_t step)
{
    for (size_t i = 0; i < pages; i += step)
        ((volatile unsigned char *)from)[i * PAGE_SIZE] = 1;
}

static void peek(unsigned char *from, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        (void)((volatile unsigned char *)from)[i * PAGE_SIZE];
}

static void anonymous(void)
{
    begin();
    unsigned char *memory = memory_map(PAGES, READ_WRITE);
    expect("mapping", 0, 0);
    touch(memory, PAGES, 4);
    expect("writing every fourth page", PAGES / 4, PAGES / 4);
    touch(memory, PAGES, 4);
    expect("writing them again", PAGES / 4, PAGES / 4);
    peek(memory, PAGES);
    expect("reading all", PAGES, PAGES / 4);
    touch(memory, PAGES, 1);
    expect("writing all", 2 * PAGES - PAGES / 4, PAGES);
    munmap(memory, PAGES * PAGE_SIZE);
    expect("unmapping", 2 * PAGES - PAGES / 4, 0);
}

static void populated(void)
{
    unsigned char *memory = mmap(NULL, PAGES * PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_POPULATE, -1, 0);
    if (!check_that(memory != MAP_FAILED, "MAP_POPULATE"))
        return;
    begin();
    touch(memory, PAGES, 1);
    expect("writing populated memory", 0, 0);
    munmap(memory, PAGES * PAGE_SIZE);
    expect("unmapping it", 0, -PAGES);
}

/* What is promised may be far more than there is; only what is touched costs. */
static void sparse(void)
{
    unsigned char *memory = mmap(NULL, BIG, READ_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!check_that(memory != MAP_FAILED, "64 GiB cannot be promised"))
        return;
    check_result("MADV_NOHUGEPAGE", madvise(memory, BIG, MADV_NOHUGEPAGE), 0);
    begin();
    long free = memory_frames("free");
    for (uint64_t at = 0; at < BIG; at += BIG_STEP)
        memory[at] = 1;
    long pages = (long)(BIG / BIG_STEP);
    expect("a page in each GiB", pages, pages);
    /* Each has a table of its own for 2 MiB, one for 1 GiB, and some have one for 512 GiB. */
    long taken = check_on_linux ? 3 * pages : free - memory_frames("free");
    check_that(taken <= 3 * pages + 2, "%ld pages took %ld frames with their tables", pages, taken);
    munmap(memory, BIG);
    expect("unmapping it", pages, 0);
    /* A table for which other mappings may have use stays. */
    memory_expect_free("after unmapping with its tables", free - 3);
}

static void heap(void)
{
    uintptr_t start = (uintptr_t)sbrk(0);
    uintptr_t page = (start + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1);
    begin();
    check_result("brk", system_call(SYS_brk, page + PAGES * PAGE_SIZE), (long)(page + PAGES * PAGE_SIZE));
    expect("a larger heap", 0, 0);
    touch((unsigned char *)page, PAGES, 2);
    expect("writing half of it", PAGES / 2, PAGES / 2);
    check_result("brk", system_call(SYS_brk, start), (long)start);
    expect("the old heap", PAGES / 2, 0);
}

static __attribute__((noinline)) void stack(void)
{
    unsigned char bytes[PAGES * PAGE_SIZE];
    __asm__ volatile("" ::"r"(bytes) : "memory");
    begin();
    long before = faults;
    touch(bytes + PAGE_SIZE, PAGES / 2, 2);
    long served = memory_faults() - before;
    check_that(served >= PAGES / 4 - 1 && served <= PAGES / 4 + 1, "%d pages of the stack: %ld faults",
               PAGES / 4, served);
}

static void bss(void)
{
    unsigned char *first = in_bss + PAGE_SIZE;
    begin();
    touch(first, BSS_PAGES - 2, 2);
    expect("every other page of .bss", (BSS_PAGES - 2) / 2, (BSS_PAGES - 2) / 2);
}

/* A file's pages come when touched too, and are the file's: they cost the mapping no memory. */
static void file(void)
{
    int descriptor = memory_file(PAGES * PAGE_SIZE);
    begin();
    unsigned char *mapped = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (!check_that(mapped != MAP_FAILED, "a mapping of a file"))
        return;
    expect("mapping a file", 0, 0);
    (void)((volatile unsigned char *)mapped)[0];
    long served = memory_faults() - faults;
    check_that(served == 1, "one page of a file: %ld faults", served);
    peek(mapped, PAGES);
    served = memory_faults() - faults; /* one fault may bring several pages that are there */
    check_that(served >= 1 && served <= PAGES, "%d pages of a file: %ld faults", PAGES, served);
    memory_expect_frames("reading a file's pages", "anonymous", frames, 0);
    munmap(mapped, PAGES * PAGE_SIZE);
    close(descriptor);
}

int main(void)
{
    memory_begin("memory-lazy");
    anonymous();
    populated();
    sparse();
    heap();
    stack();
    bss();
    file();
    memory_expect_sound("at the end");
    return check_verdict();
}
