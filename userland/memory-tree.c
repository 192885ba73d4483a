/* Trees of processes, five deep: each writes into its copy of memory, sees what its ancestors wrote before it was born
 * and nothing of what the others write. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/memory_tools.h"

#define DEPTH    5
#define CHILDREN 2
#define PAGES    (8 * (DEPTH + 1))

static unsigned char *memory;

/* What the process at `depth` with this name writes over its eight pages. */
static unsigned char mark(unsigned depth, unsigned name)
{
    return (unsigned char)(depth * 37 + name * 11 + 1);
}

/* Pages of depths 0 .. `depth` hold the marks of this process's line, the rest is zero. */
static bool holds(unsigned depth, const unsigned *line)
{
    for (unsigned i = 0; i <= DEPTH; i++)
        for (unsigned page = 0; page < 8; page++) {
            unsigned char wanted = i <= depth && page % 2 == 0 ? mark(i, line[i]) : 0;
            if (!memory_is(memory + (i * 8 + page) * PAGE_SIZE, PAGE_SIZE, wanted))
                return false;
        }
    return true;
}

static void overwrite(void)
{
    for (size_t i = 0; i < PAGES; i += 3)
        memset(memory + i * PAGE_SIZE, 0xfe, PAGE_SIZE);
}

/* A process: write, have children, see that they changed nothing. The exit status says whether all was right. */
static int live(unsigned depth, unsigned *line)
{
    pid_t child[CHILDREN];
    int wrong = 0;

    for (unsigned page = 0; page < 8; page += 2)
        memset(memory + (depth * 8 + page) * PAGE_SIZE, mark(depth, line[depth]), PAGE_SIZE);
    wrong += !holds(depth, line);
    for (unsigned i = 0; depth < DEPTH && i < CHILDREN; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            line[depth + 1] = line[depth] * CHILDREN + i;
            _exit(live(depth + 1, line));
        }
        wrong += child[i] < 0;
        wrong += !holds(depth, line); /* while the child writes, or before, or after */
    }
    for (unsigned i = 0; depth < DEPTH && i < CHILDREN; i++) {
        int status = -1;
        wrong += waitpid(child[i], &status, 0) != child[i] || status != 0;
        wrong += !holds(depth, line);
    }
    if (depth > 0)
        overwrite();
    return wrong != 0;
}

int main(void)
{
    unsigned line[DEPTH + 1] = {0};

    memory_begin("memory-tree");
    memory = memory_map(PAGES, READ_WRITE);
    memset(memory, 1, PAGES * PAGE_SIZE);
    memory_frames("anonymous");
    long anonymous = memory_frames("anonymous"), tables = memory_frames("page table");
    for (int round = 0; round < 3; round++) {
        memset(memory, 0, PAGES * PAGE_SIZE);
        check_that(live(0, line) == 0, "a process of round %d sees what it should not", round);
        memory_expect_sound("after a tree");
    }
    memory_expect_frames("after three trees", "anonymous", anonymous, 0);
    memory_expect_frames("after three trees", "page table", tables, 0);
    return check_verdict();
}
