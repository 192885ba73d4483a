/* fork: who is who afterwards, what is copied and what is shared, and how many children one process can
 * have. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define CHILDREN   60
#define PAGE_BYTES 4096
#define PAGES      40
#define DEPTH      12

static void identities(void)
{
    pid_t self = getpid();
    long child = system_call(SYS_fork);
    if (child == 0) {
        check_that(getpid() != self && getpid() > 0, "the child has pid %d", getpid());
        check_that(getppid() == self, "the child's parent is %d", getppid());
        check_that(system_call(SYS_gettid) == getpid(), "the child's thread is not its process");
        _exit(check_verdict_silent());
    }
    check_that(child > 0 && child != self && getpid() == self, "fork returned %ld to %d", child, self);
    int status;
    check_result("wait for the child", waitpid((pid_t)child, &status, 0), child);
    check_that(status == 0, "the child ended with %s", check_status_text(status));
}

/* Each side writes every second page; both see their own writes and the old values elsewhere. */
static void memory_is_copied(void)
{
    unsigned char *memory =
        mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 'o', PAGES / 2 * PAGE_BYTES); /* the other half is not touched before the fork */
    pid_t child = fork();
    unsigned char mine = child == 0 ? 'c' : 'p';
    for (size_t page = child == 0; page < PAGES; page += 2)
        memory[page * PAGE_BYTES] = mine;
    check_yield(5);
    for (size_t page = 0; page < PAGES; page++) {
        bool written = page % 2 == (size_t)(child == 0);
        unsigned char old = page < PAGES / 2 ? 'o' : 0;
        check_that(memory[page * PAGE_BYTES] == (written ? mine : old), "page %zu of %s holds %#x", page,
                   child == 0 ? "the child" : "the parent", memory[page * PAGE_BYTES]);
        check_that(memory[page * PAGE_BYTES + 1] == old, "page %zu, next byte, holds %#x", page,
                   memory[page * PAGE_BYTES + 1]);
    }
    if (child == 0)
        _exit(check_verdict_silent());
    int status;
    waitpid(child, &status, 0);
    check_that(status == 0, "the child ended with %s", check_status_text(status));
    munmap(memory, PAGES * PAGE_BYTES);
}

static void shared_mapping_is_shared(void)
{
    volatile int *shared = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that((void *)shared != MAP_FAILED, "no shared page"))
        return;
    pid_t child = fork();
    if (child == 0) {
        *shared = 17;
        _exit(0);
    }
    waitpid(child, NULL, 0);
    check_that(*shared == 17, "the shared page holds %d", *shared);
    munmap((void *)shared, PAGE_BYTES);
}

/* One open file, one position. */
static void file_position_is_shared(void)
{
    int file = open("/proc/self/exe", O_RDONLY);
    if (!check_that(file >= 0, "the program's own file cannot be opened"))
        return;
    pid_t child = fork();
    if (child == 0) {
        lseek(file, 100, SEEK_SET);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    check_result("position after the child's lseek", lseek(file, 0, SEEK_CUR), 100);
    close(file);
}

static void many_children(void)
{
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(i);
        check_that(children[i] > 0, "child %d could not be made", i);
        for (int j = 0; j < i; j++)
            if (children[i] == children[j])
                check_that(false, "children %d and %d are both %d", i, j, children[i]);
    }
    for (int i = CHILDREN - 1; i >= 0; i--) {
        int status = -1;
        check_result("wait in reverse order", waitpid(children[i], &status, 0), children[i]);
        check_that(WIFEXITED(status) && WEXITSTATUS(status) == i, "child %d ended with %s", i,
                   check_status_text(status));
    }
}

static void generations(int depth)
{
    if (depth == 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        generations(depth - 1);
        _exit(check_verdict_silent());
    }
    int status = -1;
    check_that(child > 0 && waitpid(child, &status, 0) == child && status == 0, "generation %d: %s", depth,
               check_status_text(status));
}

int main(void)
{
    check_begin("check-fork");
    identities();
    memory_is_copied();
    shared_mapping_is_shared();
    file_position_is_shared();
    many_children();
    generations(DEPTH);
    return check_verdict();
}
