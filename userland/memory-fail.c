/* Every allocation fails once: for N = 1, 2, 3, ... the N-th frame that is asked for from then on cannot be had, while a
 * process forks, executes, maps, writes files and pipes. A call may fail with an errno that says so, or a process may be
 * killed; nothing else may happen, and nothing may be lost.
 *
 * usage: memory-fail [FIRST [LAST]]    the numbers to try; by default all, until the process runs to its end without */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define FOLDER        "/tmp/memory-fail"
#define FILE_NAME     FOLDER "/file"
#define OTHER_NAME    FOLDER "/other"
#define LINK_NAME     FOLDER "/link"
#define BALLAST_PAGES 300 /* makes the process that is tried the largest */
#define PAGES         12
#define SLACK         8  /* frames that caches may keep after one try */
#define SLACK_ALL     64 /* and after all */
#define WARM_UP       4
#define NUMBERS_MAX   5000

/* How a process that was tried ends. */
enum { WELL = 0, REFUSED = 1, WRONG = 2 };

/* An allocation that failed is one of these; anything else is a lie. */
static bool errno_of_failure(long result)
{
    return result == -ENOMEM || result == -ENOSPC || result == -EAGAIN || result == -EFAULT ||
           result == -ENFILE;
}

/* End the process unless the call worked. */
static long must(const char *what, long result)
{
    if (result >= 0 || result < -4095)
        return result;
    if (errno_of_failure(result))
        _exit(REFUSED);
    check_that(false, "%s failed with %s", what, strerror((int)-result));
    _exit(WRONG);
}

#define CALL(number, ...) must(#number, system_call(number, __VA_ARGS__))

/* What came of a child: its own refusal, or its death for want of memory, is a refusal here. */
static void child_end(long child)
{
    int status = -1;

    must("wait4", system_call(SYS_wait4, child, &status, 0, 0));
    if (status == 0)
        return;
    if (status == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED))
        _exit(REFUSED);
    check_that(false, "a child ended with %s", check_status_text(status));
    _exit(WRONG);
}

static void memory_mapped(void)
{
    unsigned char *memory =
        (unsigned char *)CALL(SYS_mmap, 0, PAGES * PAGE_SIZE, READ_WRITE, ANONYMOUS, -1, 0);
    for (size_t i = 0; i < PAGES; i++)
        memory[i * PAGE_SIZE] = (unsigned char)i;
    CALL(SYS_mprotect, memory + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_NONE);
    CALL(SYS_munmap, memory + 7 * PAGE_SIZE, PAGE_SIZE);
    CALL(SYS_madvise, memory + 5 * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
    unsigned char *moved = (unsigned char *)CALL(SYS_mremap, memory + 8 * PAGE_SIZE, 4 * PAGE_SIZE,
                                                 600 * PAGE_SIZE, MREMAP_MAYMOVE);
    if (moved[0] != 8 || moved[3 * PAGE_SIZE] != 11 || moved[500 * PAGE_SIZE] != 0)
        _exit(WRONG);
    moved[599 * PAGE_SIZE] = 1;
    unsigned char *shared =
        (unsigned char *)CALL(SYS_mmap, 0, PAGES * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[0] = shared[5 * PAGE_SIZE] = 1;
    unsigned char *large = (unsigned char *)CALL(SYS_mmap, 0, 2 * PAGE_2M, READ_WRITE, ANONYMOUS, -1, 0);
    large[PAGE_2M] = 1;
    CALL(SYS_munmap, large + PAGE_2M + 5 * PAGE_SIZE, PAGE_SIZE);
    long child = CALL(SYS_fork, 0);
    if (child == 0) {
        for (size_t i = 4; i < 7; i++)
            memory[i * PAGE_SIZE] = 0xff;
        shared[PAGE_SIZE] = 2;
        _exit(WELL);
    }
    child_end(child);
    if (memory[4 * PAGE_SIZE] != 4 || memory[6 * PAGE_SIZE] != 6 || shared[PAGE_SIZE] != 2)
        _exit(WRONG);
}

static void files_used(void)
{
    static char bytes[3 * PAGE_SIZE];
    CALL(SYS_mkdir, FOLDER, 0700);
    int file = (int)CALL(SYS_open, FILE_NAME, O_RDWR | O_CREAT, 0600);
    memset(bytes, 'x', sizeof(bytes));
    if (CALL(SYS_write, file, bytes, sizeof(bytes)) != sizeof(bytes))
        _exit(REFUSED); /* a short write says it too */
    unsigned char *mapped =
        (unsigned char *)CALL(SYS_mmap, 0, 4 * PAGE_SIZE, READ_WRITE, MAP_SHARED, file, 0);
    mapped[PAGE_SIZE] = 'y';
    unsigned char *private =
        (unsigned char *)CALL(SYS_mmap, 0, PAGE_SIZE, READ_WRITE, MAP_PRIVATE, file, PAGE_SIZE);
    private[0] = 'z';
    CALL(SYS_pread64, file, bytes, sizeof(bytes), 0);
    if (bytes[0] != 'x' || bytes[PAGE_SIZE] != 'y' || bytes[sizeof(bytes) - 1] != 'x')
        _exit(WRONG);
    CALL(SYS_ftruncate, file, 100 * PAGE_SIZE);
    CALL(SYS_pwrite64, file, bytes, 100, 90 * PAGE_SIZE);
    CALL(SYS_symlink, "file", LINK_NAME);
    CALL(SYS_rename, FILE_NAME, OTHER_NAME);
    int folder = (int)CALL(SYS_open, FOLDER, O_RDONLY | O_DIRECTORY, 0);
    CALL(SYS_getdents64, folder, bytes, sizeof(bytes));
    CALL(SYS_ftruncate, file, 0);
    CALL(SYS_close, file);
}

static void pipes_used(void)
{
    char bytes[2 * PAGE_SIZE];
    int ends[2];
    CALL(SYS_pipe2, ends, 0);
    memset(bytes, 'p', sizeof(bytes));
    long child = CALL(SYS_fork, 0);
    if (child == 0) {
        close(ends[0]);
        for (int i = 0; i < 20; i++)
            CALL(SYS_write, ends[1], bytes, sizeof(bytes));
        _exit(WELL);
    }
    close(ends[1]);
    while (CALL(SYS_read, ends[0], bytes, sizeof(bytes)) > 0)
        continue;
    close(ends[0]);
    child_end(child);
}

static void program_executed(void)
{
    char *arguments[] = {"memory-fail", "executed", NULL}, *environment[] = {NULL};
    long child = CALL(SYS_fork, 0);
    if (child == 0) {
        CALL(SYS_execve, "/proc/self/exe", arguments, environment);
        _exit(WRONG);
    }
    child_end(child);
}

static __attribute__((noinline)) void stack_used(unsigned depth)
{
    volatile unsigned char page[PAGE_SIZE];
    page[0] = (unsigned char)depth;
    if (depth > 0)
        stack_used(depth - 1);
    if (page[0] != (unsigned char)depth)
        _exit(WRONG);
}

static void clean_up(void)
{
    unlink(FILE_NAME);
    unlink(OTHER_NAME);
    unlink(LINK_NAME);
    rmdir(FOLDER);
}

/* The process that is tried. `number` 0: nothing is to fail. */
static void scenario(long number)
{
    unsigned char *ballast = memory_map(BALLAST_PAGES, READ_WRITE);
    for (size_t i = 0; i < BALLAST_PAGES; i++)
        ballast[i * PAGE_SIZE] = 1;
    memory_control("fail_frame", number);
    memory_mapped();
    files_used();
    pipes_used();
    program_executed();
    stack_used(40);
    _exit(WELL);
}

/* Run it; whether the failure has come. */
static bool attempt(long number)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        scenario(number);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    /* Reading asks for memory too: the failure may come here. */
    long left = memory_control_read("fail_frame");
    if (left < 0)
        left = memory_control_read("fail_frame");
    memory_control("fail_frame", 0);
    clean_up();
    bool failed = !check_on_linux && number > 0 && left == 0;
    check_that(status == 0 ||
                   (failed && (status == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED))),
               "number %ld: the process ended with %s", number, check_status_text(status));
    return failed;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "executed") == 0)
        return WELL;
    memory_begin("memory-fail");
    long first = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    long last = argc > 2 ? strtol(argv[2], NULL, 10) : argc > 1 ? first : NUMBERS_MAX;
    clean_up();
    for (int i = 0; i < WARM_UP; i++)
        attempt(0);
    memory_expect_sound("before");
    long before_all = memory_frames("free"), number = first;
    for (bool failed = true; failed && number <= last; number++) {
        long before = memory_frames("free");
        failed = attempt(number);
        if (!memory_expect_sound("after a failure") ||
            !memory_expect_free("after a failure", before - SLACK)) {
            check_that(false, "that was number %ld", number);
            break;
        }
    }
    memory_expect_free("after all failures", before_all - SLACK_ALL);
    check_that(check_on_linux || argc > 1 || (number > 50 && number < NUMBERS_MAX),
               "%ld allocations are not what this takes", number);
    return check_verdict();
}
