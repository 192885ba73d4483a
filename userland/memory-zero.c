/* Every page that comes is zero, wherever it was before: after others have filled all there is, through mmap, brk, the
 * stack, .bss of a program, shared memory, a file's end and a hole in a file. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define STORM_MAX (UINT64_C(48) << 20)
#define PROBE     512 /* pages */
#define BSS_SIZE  (256 * PAGE_SIZE)

static unsigned char in_bss[BSS_SIZE];

/* Fill as much memory as half of what is free with something, and give it back. */
static void storm(int pattern)
{
    struct sysinfo info;
    uint64_t size = STORM_MAX;
    if (sysinfo(&info) == 0 && info.freeram * (uint64_t)info.mem_unit / 2 < size)
        size = info.freeram * (uint64_t)info.mem_unit / 2;
    pid_t child = fork();
    if (child == 0) {
        unsigned char *memory = mmap(NULL, size, READ_WRITE, ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            _exit(1);
        for (uint64_t i = 0; i < size; i += PAGE_SIZE)
            memset(memory + i, pattern, PAGE_SIZE);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0, "a child that fills memory ended with %s", check_status_text(status));
}

static void by_mmap(int flags, const char *what)
{
    unsigned char *memory = mmap(NULL, PROBE * PAGE_SIZE, READ_WRITE, flags, -1, 0);
    if (!check_that(memory != MAP_FAILED, "%s: no memory", what))
        return;
    for (size_t i = 0; i < PROBE; i++) {
        unsigned char *page = memory + i * PAGE_SIZE;
        if (i % 2) /* written first: a page of its own; else perhaps the page of zeroes */
            page[PAGE_SIZE - 1] = 1;
        if (!check_that(memory_is(page, PAGE_SIZE - 1, 0), "%s: page %zu is not zero", what, i))
            break;
        page[0] = 0xff;
        if (!check_that(memory_is(page + 1, PAGE_SIZE - 2, 0), "%s: page %zu, written, is not zero", what, i))
            break;
    }
    munmap(memory, PROBE * PAGE_SIZE);
}

static void by_brk(void)
{
    uintptr_t start = (uintptr_t)system_call(SYS_brk, 0), end = start + 64 * PAGE_SIZE;
    check_result("brk", system_call(SYS_brk, end), (long)end);
    check_that(memory_is((const unsigned char *)start, end - start, 0), "the heap is not zero");
    memset((void *)start, 0xee, end - start);
    check_result("brk back", system_call(SYS_brk, start), (long)start);
}

static __attribute__((noinline)) void by_stack(void)
{
    /* Below what was ever used. */
    const unsigned char *below = (const unsigned char *)__builtin_frame_address(0) - 200 * PAGE_SIZE;
    unsigned wrong = 0;
    for (size_t i = 0; i < 100 * PAGE_SIZE; i++)
        wrong += below[i] != 0;
    check_that(wrong == 0, "%u bytes of the stack are not zero", wrong);
}

static void by_file(void)
{
    int file = memory_file(100);
    unsigned char *mapped = mmap(NULL, PAGE_SIZE, READ_WRITE, MAP_PRIVATE, file, 0);
    check_that(mapped != MAP_FAILED && memory_is(mapped + 100, PAGE_SIZE - 100, 0),
               "a file's end is not zero");
    munmap(mapped, PAGE_SIZE);
    check_result("a longer file", ftruncate(file, 20 * PAGE_SIZE), 0);
    mapped = mmap(NULL, 20 * PAGE_SIZE, READ_WRITE, MAP_SHARED, file, 0);
    check_that(mapped != MAP_FAILED && memory_is(mapped + 100, 20 * PAGE_SIZE - 100, 0),
               "a hole is not zero");
    munmap(mapped, 20 * PAGE_SIZE);
    unsigned char byte[64] = {1};
    check_that(pread(file, byte, sizeof(byte), 10 * PAGE_SIZE) == sizeof(byte) &&
                   memory_is(byte, sizeof(byte), 0),
               "a hole that is read is not zero");
    close(file);
}

/* Run again, as a program whose .bss is new. */
static void by_exec(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        memset(in_bss, 0xdd, sizeof(in_bss));
        execl("/proc/self/exe", "memory-zero", "bss", NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    check_that(status == 0, "a program's .bss is not zero: %s", check_status_text(status));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bss") == 0)
        return memory_is(in_bss, sizeof(in_bss), 0) ? 0 : 1;
    memory_begin("memory-zero");
    by_stack();
    for (int round = 0; round < 3; round++) {
        storm(0xa5 + round);
        by_mmap(ANONYMOUS, "private");
        by_mmap(ANONYMOUS | MAP_POPULATE, "populated");
        by_mmap(MAP_SHARED | MAP_ANONYMOUS, "shared");
        by_brk();
        by_file();
        by_exec();
    }
    memory_expect_sound("at the end");
    return check_verdict();
}
