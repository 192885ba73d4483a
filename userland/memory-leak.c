/* Nothing is lost: storms of fork, exec, exit, mmap, munmap, mprotect, mremap and brk, thousands of rounds, and as many
 * frames are free as before.
 *
 * usage: memory-leak [ROUNDS]    so many rounds of each storm */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define ROUNDS_SHORT 2000
#define LINUX_SHARE  10 /* there only a rehearsal */
#define SLACK        48 /* frames that caches, kernel stacks and tables may keep, however many rounds there are */
#define ARENA        UINT64_C(0x300000000000)
#define ARENA_STEP   UINT64_C(0x7fe5000) /* every mapping has a table of its own */
#define ARENA_SLOTS  65536

static int zeroes;

static void map_and_unmap(unsigned round)
{
    size_t pages = 1 + round % 37;
    unsigned char *memory = memory_map(pages, READ_WRITE);
    memory[0] = memory[(pages - 1) * PAGE_SIZE] = 1;
    mprotect(memory + pages / 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ);
    munmap(memory + pages / 3 * PAGE_SIZE, PAGE_SIZE);
    munmap(memory, pages * PAGE_SIZE);
}

/* All over the address space: the tables go too. */
static void map_far_apart(unsigned round)
{
    unsigned char *place = (unsigned char *)(ARENA + round * UINT64_C(7919) % ARENA_SLOTS * ARENA_STEP);
    unsigned char *memory = mmap(place, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    memory[0] = 1;
    munmap(memory, PAGE_SIZE);
}

static void move(unsigned round)
{
    unsigned char *memory = memory_map(4, READ_WRITE);
    memset(memory, 1, 4 * PAGE_SIZE);
    memory = mremap(memory, 4 * PAGE_SIZE, (5 + round % 60) * PAGE_SIZE, MREMAP_MAYMOVE);
    memory = mremap(memory, (5 + round % 60) * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE);
    munmap(memory, 2 * PAGE_SIZE);
}

static void share(unsigned round)
{
    size_t pages = 2 + round % 5;
    unsigned char *memory = mmap(NULL, pages * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory[0] = memory[(pages - 1) * PAGE_SIZE] = 1;
    munmap(memory, PAGE_SIZE);
    munmap(memory + PAGE_SIZE, (pages - 1) * PAGE_SIZE);
}

static void map_file(unsigned round)
{
    int flags = round % 2 ? MAP_SHARED : MAP_PRIVATE;
    int file = open("/tmp/memory-leak", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ftruncate(file, 3 * PAGE_SIZE);
    unsigned char *memory = mmap(NULL, 3 * PAGE_SIZE, READ_WRITE, flags, file, 0);
    memory[PAGE_SIZE] = 1;
    check_result("read into a mapped file", read(zeroes, memory + 2 * PAGE_SIZE, 10), 10);
    close(file);
    unlink("/tmp/memory-leak");
    munmap(memory, 3 * PAGE_SIZE);
}

static void heap(unsigned round)
{
    long end = system_call(SYS_brk, 0), more = end + (long)((round % 20 + 1) * PAGE_SIZE);
    system_call(SYS_brk, more);
    *(volatile unsigned char *)(more - 1) = 1;
    system_call(SYS_brk, end);
}

static void huge(unsigned round)
{
    if (round % 16 != 0)
        return;
    unsigned char *memory = memory_map(3 * PAGE_2M / PAGE_SIZE, READ_WRITE);
    for (size_t i = 0; i < 3 * PAGE_2M; i += PAGE_2M / 2)
        memory[i] = 1;
    munmap(memory + PAGE_2M + 5 * PAGE_SIZE, PAGE_SIZE);
    munmap(memory, 3 * PAGE_2M);
}

/* A child that leaves everything to exit(). */
static void fork_and_exit(unsigned round)
{
    if (round % 4 != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        unsigned char *memory = memory_map(20, READ_WRITE);
        memset(memory, 1, (1 + round % 20) * PAGE_SIZE);
        unsigned char *shared = mmap(NULL, 4 * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        shared[0] = 1;
        mprotect(memory, PAGE_SIZE, PROT_NONE);
        if (round % 8 == 0)
            *(volatile unsigned char *)memory = 1; /* a violent end */
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void fork_and_exec(unsigned round)
{
    int status = -1;
    if (round % 16 != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "memory-leak", "0", NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    check_that(status == 0, "exec of myself ended with %s", check_status_text(status));
}

static const struct storm {
    const char *name;
    void (*round)(unsigned round);
} storms[] = {
    {"mmap and munmap", map_and_unmap},
    {"mmap far apart", map_far_apart},
    {"mremap", move},
    {"shared memory", share},
    {"mapped files", map_file},
    {"brk", heap},
    {"huge pages", huge},
    {"fork and exit", fork_and_exit},
    {"fork and exec", fork_and_exec},
};

static void run(const struct storm *storm, unsigned rounds)
{
    for (unsigned round = 0; round < 64; round++) /* fills what caches there are */
        storm->round(round);
    memory_frames("free");
    long free = memory_frames("free");
    for (unsigned round = 0; round < rounds; round++)
        storm->round(round);
    memory_expect_free(storm->name, free - SLACK);
    memory_expect_sound(storm->name);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS_SHORT;
    if (rounds == 0)
        return 0;
    memory_begin("memory-leak");
    zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++)
        run(&storms[i], check_on_linux ? rounds / LINUX_SHARE : rounds);
    return check_verdict();
}
