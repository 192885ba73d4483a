/* Stacks: the main one grows as it is used, up to its limit and no further; a mapping that grows down does too; both keep
 * their distance from what lies below. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define KIB   UINT64_C(1024)
#define MIB_  (KIB * KIB)
#define FRAME (16 * KIB)
#define GAP   (256 * PAGE_SIZE) /* Linux's stack_guard_gap */
#define ARENA (16 * MIB_)

/* Use so many bytes of stack, each page of them; how many changed while those below were used. */
static __attribute__((noinline)) unsigned use(uint64_t size)
{
    unsigned char frame[FRAME];
    volatile unsigned char *bytes = frame;
    __asm__ volatile("" : "+r"(bytes)::"memory"); /* the compiler may not know that they are on the stack */
    for (size_t i = 0; i < FRAME; i += PAGE_SIZE)
        bytes[i] = (unsigned char)(size >> 14);
    unsigned changed = size > FRAME ? use(size - FRAME) : 0;
    __asm__ volatile("" : "+r"(bytes)::"memory");
    for (size_t i = 0; i < FRAME; i += PAGE_SIZE)
        changed += bytes[i] != (unsigned char)(size >> 14);
    return changed;
}

static void use_body(const void *size)
{
    check_result("bytes of the stack that changed", use((uint64_t)(uintptr_t)size), 0);
}

/* Far below the stack pointer, in one step. */
static void step_body(const void *distance)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    access_write((const void *)(here - (uintptr_t)distance));
}

struct limited {
    uint64_t limit, size;
    check_body *body;
};

static void limited_body(const void *argument)
{
    const struct limited *with = argument;
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = with->limit;
    check_result("setrlimit", setrlimit(RLIMIT_STACK, &limit), 0);
    with->body((void *)with->size);
}

static void main_stack(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    check_result("the stack's limit", (long)limit.rlim_cur, (long)(8 * MIB_));
    check_survives("7 MiB of stack", use_body, (void *)(7 * MIB_));
    check_dies("9 MiB of stack", SIGSEGV, use_body, (void *)(9 * MIB_));
    check_survives("one step of 7 MiB", step_body, (void *)(7 * MIB_));
    check_dies("one step of 9 MiB", SIGSEGV, step_body, (void *)(9 * MIB_));

    static const struct limited less = {MIB_, 2 * MIB_, use_body};
    check_dies("2 MiB with a limit of 1 MiB", SIGSEGV, limited_body, &less);
    static const struct limited enough = {MIB_, 700 * KIB, use_body};
    check_survives("700 KiB with a limit of 1 MiB", limited_body, &enough);
    static const struct limited more = {24 * MIB_, 20 * MIB_, use_body};
    check_survives("20 MiB with a limit of 24 MiB", limited_body, &more);
    static const struct limited step = {MIB_, 2 * MIB_, step_body};
    check_dies("one step of 2 MiB with a limit of 1 MiB", SIGSEGV, limited_body, &step);
}

static void grows_in_a_child(const void *unused)
{
    (void)unused;
    long before = memory_faults();
    unsigned lost = use(MIB_);
    long served = memory_faults() - before, pages = (long)(MIB_ / PAGE_SIZE);
    check_that(lost == 0 && served >= pages - 8 && served <= pages + 16, "1 MiB of stack took %ld faults",
               served);
    before = memory_faults();
    use(MIB_ / 2);
    served = memory_faults() - before;
    check_that(served <= 1, "the stack again took %ld faults", served);
}

/* --- mappings that grow down --- */

/* Room below which nothing else lies; the page at its top grows. */
static unsigned char *growing(unsigned char **arena)
{
    *arena = mmap(NULL, ARENA, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
    check_that(*arena != MAP_FAILED, "no room for a stack");
    unsigned char *top = *arena + ARENA - PAGE_SIZE;
    munmap(*arena, ARENA);
    check_that(mmap(top, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top,
               "MAP_GROWSDOWN: %s", strerror(errno));
    return top;
}

static void grows_down(void)
{
    unsigned char *arena, *top = growing(&arena);
    top[0] = 1;
    check_survives("the page below", access_write, top - 1);
    for (size_t i = 1; i <= 64; i++)
        top[-(long)(i * PAGE_SIZE)] = (unsigned char)i;
    for (size_t i = 1; i <= 64; i++)
        check_result("a page it grew by", top[-(long)(i * PAGE_SIZE)], (long)i);
    check_that(memory_is(top - 64 * PAGE_SIZE + 1, PAGE_SIZE - 1, 0), "it grew by a page that is not zero");
    check_survives("a step of 4 MiB", access_write, top - 4 * MIB_);
    check_dies("beyond the stack's limit", SIGSEGV, access_write, top - 9 * MIB_);
    /* The pages in between belong to it now: mapped, and zero. */
    top[-(long)MIB_] = 1;
    check_that(memory_is(top - MIB_ + PAGE_SIZE, 16 * PAGE_SIZE, 0), "what lies in between is not there");
    check_result("munmap", munmap(top - MIB_, MIB_ + PAGE_SIZE), 0);
    check_dies("what was unmapped", SIGSEGV, access_read, top);
}

/* It does not come near another mapping. */
static void keeps_distance(void)
{
    unsigned char *arena, *top = growing(&arena);
    unsigned char *below = top - 2 * GAP;
    check_that(mmap(below, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0) == below, "a mapping below");
    check_survives("as near as it may come", access_write, below + PAGE_SIZE + GAP);
    check_dies("one page nearer", SIGSEGV, access_write, below + GAP);
    check_dies("just above the other", SIGSEGV, access_write, below + PAGE_SIZE);
    check_dies("in the middle", SIGSEGV, access_write, below + GAP / 2);
    munmap(below, PAGE_SIZE);
    check_survives("the same when the other is gone", access_write, below + GAP / 2);
    munmap(top, PAGE_SIZE);
}

/* A system call grows a stack as the program would. */
static void by_the_kernel(void)
{
    unsigned char *arena, *top = growing(&arena);
    int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    check_result("read() below a stack", system_call(SYS_read, random, top - 3 * PAGE_SIZE, 64), 64);
    check_that(!memory_is(top - 3 * PAGE_SIZE, 64, 0), "read() put nothing there");
    check_error("read() far below a stack", system_call(SYS_read, random, top - 12 * MIB_, 5), EFAULT);
    munmap(top - 3 * PAGE_SIZE, 4 * PAGE_SIZE);
    close(random);
}

int main(void)
{
    memory_begin("memory-stack");
    main_stack();
    check_survives("growing, counted", grows_in_a_child, NULL);
    grows_down();
    keeps_distance();
    by_the_kernel();
    memory_expect_sound("at the end");
    return check_verdict();
}
