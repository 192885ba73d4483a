/* Two forks make four processes: parents see two different children, children see 0, and each goes on with
 * its own copy of memory. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define COPY_BYTES 20000 /* several pages, not a whole number of them */

static char initialised[COPY_BYTES] = {1};
static char zeroed[COPY_BYTES];

/* Fill the process's memory with its own letter, let the others run, and find it still there. */
static void own_memory(char letter)
{
    char on_stack[COPY_BYTES];
    memset(initialised, letter, sizeof(initialised));
    memset(zeroed, letter, sizeof(zeroed));
    memset(on_stack, letter, sizeof(on_stack));
    for (int round = 0; round < 20; round++) {
        check_yield(1);
        for (int i = 0; i < COPY_BYTES; i++)
            if (initialised[i] != letter || zeroed[i] != letter || ((volatile char *)on_stack)[i] != letter) {
                check_that(false, "process %c sees another's memory: byte %d is %d %d %d", letter, i,
                           initialised[i], zeroed[i], on_stack[i]);
                return;
            }
    }
}

int main(void)
{
    check_begin("fork");
    pid_t root = getpid();
    pid_t first = fork();
    pid_t middle = getpid();
    check_that(first >= 0, "the first fork failed");
    check_that((first == 0) == (middle != root), "fork returned %d in process %d", first, middle);
    check_that(initialised[0] == 1 && zeroed[0] == 0, "memory after the first fork is not the parent's");
    memset(zeroed, first == 0 ? 'x' : 'y', sizeof(zeroed));

    pid_t second = fork();
    pid_t self = getpid();
    check_that(second >= 0, "the second fork failed");
    check_that(second == 0 || second != first, "both forks returned %d", second);
    check_that((second == 0) == (self != middle), "fork returned %d in process %d", second, self);
    check_that(second != 0 || getppid() == middle, "the parent is %d instead of %d", getppid(), middle);
    check_that(zeroed[COPY_BYTES - 1] == (first == 0 ? 'x' : 'y'),
               "memory after the second fork is not the parent's");
    own_memory((char)('a' + (first == 0) * 2 + (second == 0)));

    int status;
    while (wait(&status) > 0)
        check_that(status == 0, "a child ended with %s", check_status_text(status));
    if (self != root)
        _exit(check_verdict_silent());
    return check_verdict();
}
