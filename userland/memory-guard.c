/* Guards: pages that nobody may touch, between others that work. The signal says whether nothing is there or it may
 * not be used, and where; a system call that runs into a guard stops there. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define BLOCKS     16 /* a page that works, a guard, a page that works, ... */
#define BLOCK_SIZE (2 * PAGE_SIZE)

static unsigned char *memory;
static int zeroes;

static void each_guard(void)
{
    for (size_t i = 0; i < BLOCKS; i += 5) {
        unsigned char *guard = memory + i * BLOCK_SIZE + PAGE_SIZE;
        memory_raises("reading a guard's first byte", SIGSEGV, SEGV_ACCERR, access_read, guard);
        memory_raises("writing a guard's last byte", SIGSEGV, SEGV_ACCERR, access_write,
                      guard + PAGE_SIZE - 1);
        check_dies("running a guard", SIGSEGV, access_jump, guard);
    }
}

static void pages_hold(const char *when)
{
    for (size_t i = 0; i < BLOCKS; i++)
        check_that(memory_is(memory + i * BLOCK_SIZE, PAGE_SIZE, (unsigned char)(i + 1)),
                   "%s: page %zu is lost", when, i);
}

static void system_calls(void)
{
    unsigned char *edge = memory + PAGE_SIZE;
    check_result("read() up to a guard", system_call(SYS_read, zeroes, edge - 100, 100), 100);
    check_result("read() into a guard", system_call(SYS_read, zeroes, edge - 100, 200), 100);
    check_error("read() of a guard", system_call(SYS_read, zeroes, edge, 1), EFAULT);
    int ends[2];
    check_result("pipe", pipe(ends), 0);
    check_error("write() from a guard", system_call(SYS_write, ends[1], edge, 1), EFAULT);
    check_error("pipe2() into a guard", system_call(SYS_pipe2, edge - 4, 0), EFAULT);
    struct iovec parts[] = {{edge - 8, 8}, {edge, 8}};
    check_result("readv() with a guard in its second part", system_call(SYS_readv, zeroes, parts, 2), 8);
    close(ends[0]);
    close(ends[1]);
    memset(memory, 1, PAGE_SIZE);
}

static void stays_closed(const void *unused)
{
    (void)unused;
    each_guard();
    pages_hold("in a child");
}

/* A hole, a closed page and a page that may only be read are told apart. */
static void codes(void)
{
    unsigned char *page = memory_map(3, PROT_READ);
    munmap(page + PAGE_SIZE, PAGE_SIZE);
    memory_raises("reading a hole", SIGSEGV, SEGV_MAPERR, access_read, page + PAGE_SIZE + 123);
    memory_raises("writing a hole", SIGSEGV, SEGV_MAPERR, access_write, page + PAGE_SIZE);
    memory_raises("writing what may be read, never touched", SIGSEGV, SEGV_ACCERR, access_write, page);
    access_read(page);
    memory_raises("writing what may be read, touched", SIGSEGV, SEGV_ACCERR, access_write, page);
    memory_raises("running what may be read", SIGSEGV, SEGV_ACCERR, access_jump, page);
    memory_raises("reading null", SIGSEGV, SEGV_MAPERR, access_read, NULL);
    munmap(page, 3 * PAGE_SIZE);
}

int main(void)
{
    memory_begin("memory-guard");
    zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    memory = memory_map(BLOCKS * 2, READ_WRITE);
    for (size_t i = 0; i < BLOCKS; i++)
        memset(memory + i * BLOCK_SIZE, (int)i + 1, PAGE_SIZE);
    memory_frames("anonymous");
    long frames = memory_frames("anonymous");
    for (size_t i = 0; i < BLOCKS; i++)
        check_result("closing a guard", mprotect(memory + i * BLOCK_SIZE + PAGE_SIZE, PAGE_SIZE, PROT_NONE),
                     0);
    memory_expect_frames("guards", "anonymous", frames, 0);
    each_guard();
    pages_hold("after the attacks");
    system_calls();
    check_survives("a child with guards", stays_closed, NULL);
    codes();
    /* Opened, a guard is an ordinary fresh page; closed again, it is a guard. */
    check_result("opening a guard", mprotect(memory + PAGE_SIZE, PAGE_SIZE, READ_WRITE), 0);
    check_that(memory_is(memory + PAGE_SIZE, PAGE_SIZE, 0), "a guard that was opened is not zero");
    memory[PAGE_SIZE] = 1;
    check_result("closing it", mprotect(memory + PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
    each_guard();
    pages_hold("at the end");
    memory_expect_sound("at the end");
    return check_verdict();
}
