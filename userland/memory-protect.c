/* Protection: from every protection to every other, on pages that are there, that are not, that are shared by a fork;
 * contents stay through all of it, through no access at all too. What may be written and executed is one or the other
 * at a time. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/memory_tools.h"

#define RETURN 0xc3 /* the instruction */
#define MARK   0x6d

static const int protections[] = {PROT_NONE, PROT_READ, READ_WRITE, PROT_READ | PROT_EXEC,
                                  READ_WRITE | PROT_EXEC};
#define PROTECTIONS (sizeof(protections) / sizeof(protections[0]))

static void expect_access(const char *when, unsigned char *page, int from, int to)
{
    static const struct {
        const char *name;
        check_body *body;
        int needs;
    } accesses[] = {{"reading", access_read, PROT_READ},
                    {"writing", access_write, PROT_WRITE},
                    {"running", access_jump, PROT_EXEC}};
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        char what[80];
        snprintf(what, sizeof(what), "%s with protection %d after %d, %s", accesses[i].name, to, from, when);
        if (to & accesses[i].needs)
            check_survives(what, accesses[i].body, page);
        else
            memory_raises(what, SIGSEGV, SEGV_ACCERR, accesses[i].body, page);
    }
}

enum state { UNTOUCHED, READ_ONCE, WRITTEN, SHARED, STATES };

/* A page that was used in some way, goes from one protection to another and is then tried. */
static void change(int from, int to, enum state state)
{
    static const char *const names[] = {"never touched", "read once", "written", "shared with a child"};
    unsigned char *page = memory_map(3, READ_WRITE), *middle = page + PAGE_SIZE;
    pid_t child = 0;
    int hold[2];

    if (state == READ_ONCE)
        access_read(middle);
    if (state >= WRITTEN)
        memset(middle, MARK, PAGE_SIZE);
    middle[0] = state >= WRITTEN ? RETURN : middle[0];
    if (state == SHARED) {
        check_result("pipe", pipe(hold), 0);
        child = fork();
        if (child == 0) {
            char byte;
            close(hold[1]);
            _exit(read(hold[0], &byte, 1) == 0 && middle[0] == RETURN &&
                          memory_is(middle + 1, PAGE_SIZE - 1, MARK)
                      ? 0
                      : 1);
        }
        close(hold[0]);
    }
    check_result("mprotect", mprotect(middle, PAGE_SIZE, from), 0);
    check_result("mprotect", mprotect(middle, PAGE_SIZE, to), 0);
    if (state >= WRITTEN || !(to & PROT_EXEC)) /* zeroes are no code that ends well */
        expect_access(names[state], middle, from, to);
    check_result("mprotect to read", mprotect(middle, PAGE_SIZE, PROT_READ), 0);
    check_that(middle[0] == (state >= WRITTEN ? RETURN : 0) &&
                   memory_is(middle + 1, PAGE_SIZE - 1, state >= WRITTEN ? MARK : 0),
               "contents were lost from protection %d to %d, %s", from, to, names[state]);
    if (state == SHARED) {
        int status = -1;
        mprotect(middle, PAGE_SIZE, READ_WRITE);
        memset(middle, 0, PAGE_SIZE);
        close(hold[1]);
        waitpid(child, &status, 0);
        check_that(status == 0, "the child's page changed with the parent's");
    }
    munmap(page, 3 * PAGE_SIZE);
}

/* Closed pages go through a fork and come out whole in both. */
static void closed_through_fork(void)
{
    unsigned char *memory = memory_map(8, READ_WRITE);
    int status = -1;
    memset(memory, MARK, 8 * PAGE_SIZE);
    check_result("mprotect", mprotect(memory, 8 * PAGE_SIZE, PROT_NONE), 0);
    pid_t child = fork();
    if (child == 0) {
        mprotect(memory, 8 * PAGE_SIZE, READ_WRITE);
        check_that(memory_is(memory, 8 * PAGE_SIZE, MARK), "the child's contents are lost");
        memset(memory, 1, 4 * PAGE_SIZE);
        _exit(check_verdict_silent());
    }
    waitpid(child, &status, 0);
    check_that(status == 0, "the child ended with %s", check_status_text(status));
    check_result("mprotect", mprotect(memory, 8 * PAGE_SIZE, READ_WRITE), 0);
    check_that(memory_is(memory, 8 * PAGE_SIZE, MARK), "the parent's contents are lost");
    memset(memory, 2, 8 * PAGE_SIZE);
    munmap(memory, 8 * PAGE_SIZE);
}

/* Programs that make code write it, run it, and write it again. */
static void code_in_turns(void)
{
    /* mov $n, %eax; ret */
    static const unsigned char code[] = {0xb8, 0, 0, 0, 0, RETURN};
    unsigned char *page = memory_map(2, READ_WRITE | PROT_EXEC);
    for (unsigned char round = 1; round <= 10; round++) {
        unsigned char *at = page + (round % 2 ? 0 : PAGE_SIZE);
        memcpy(at, code, sizeof(code));
        at[1] = round;
        check_result("code just written", ((int (*)(void))(uintptr_t)at)(), round);
        check_result("read back", at[1], round);
    }
    munmap(page, 2 * PAGE_SIZE);
}

/* A range of many pages in many states, changed as a whole. */
static void patchwork(void)
{
    enum { PIECES = 32 };
    unsigned char *memory = memory_map(PIECES, READ_WRITE);
    for (size_t i = 0; i < PIECES; i++) {
        if (i % 3 != 0)
            memory[i * PAGE_SIZE] = (unsigned char)(i + 1);
        mprotect(memory + i * PAGE_SIZE, PAGE_SIZE, protections[i % PROTECTIONS]);
    }
    check_result("mprotect over all pieces", mprotect(memory, PIECES * PAGE_SIZE, READ_WRITE), 0);
    for (size_t i = 0; i < PIECES; i++) {
        check_result("a piece", memory[i * PAGE_SIZE], i % 3 != 0 ? (long)i + 1 : 0);
        memory[i * PAGE_SIZE] = 1;
    }
    munmap(memory, PIECES * PAGE_SIZE);
}

int main(void)
{
    memory_begin("memory-protect");
    for (size_t from = 0; from < PROTECTIONS; from++)
        for (size_t to = 0; to < PROTECTIONS; to++)
            for (enum state state = UNTOUCHED; state < STATES; state++)
                change(protections[from], protections[to], state);
    closed_through_fork();
    code_in_turns();
    patchwork();
    memory_expect_sound("at the end");
    return check_verdict();
}
