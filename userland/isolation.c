/* Two processes write different values to the same address; a hundred turns later each still reads its
 * own. */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define TURNS      100
#define ADDRESS    0x10000000ul
#define PAGE_BYTES 4096

static volatile uint64_t in_data = 1;

static void keep(volatile uint64_t *mapped, uint64_t value)
{
    volatile uint64_t on_stack = value;
    *mapped = value;
    in_data = value;
    for (int turn = 0; turn < TURNS; turn++) {
        check_yield(1);
        check_that(*mapped == value, "turn %d: %p holds %#lx instead of %#lx", turn, (void *)mapped, *mapped,
                   value);
        check_that(in_data == value, "turn %d: data holds %#lx instead of %#lx", turn, in_data, value);
        check_that(on_stack == value, "turn %d: the stack holds %#lx instead of %#lx", turn, on_stack, value);
    }
}

int main(void)
{
    check_begin("isolation");
    volatile uint64_t *mapped = mmap((void *)ADDRESS, PAGE_BYTES, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (!check_that(mapped == (void *)ADDRESS, "no memory at %#lx", ADDRESS))
        return check_verdict();
    *mapped = 7; /* present before the fork, so that both start from one page */

    pid_t child = fork();
    if (child == 0) {
        keep(mapped, UINT64_C(0x1111111111111111));
        _exit(check_verdict_silent());
    }
    check_that(child > 0, "fork failed");
    keep(mapped, UINT64_C(0x2222222222222222));
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0, "the other process ended with %s", check_status_text(status));
    return check_verdict();
}
