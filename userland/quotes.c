/* The first program of every Quire, after the Quotes OS: one process, one loop, one system call.
 *
 * usage: quotes [COUNT]    prints so many quotes, 0 for no end; without COUNT each of them once. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const quotes[] = {
    "All problems in computer science can be solved by another level of indirection. (David Wheeler)",
    "Simplicity is prerequisite for reliability. (Edsger W. Dijkstra)",
    "We can only see a short distance ahead, but we can see plenty there that needs to be done. (Alan "
    "Turing)",
    "Beware of bugs in the above code; I have only proved it correct, not tried it. (Donald Knuth)",
    "The price of reliability is the pursuit of the utmost simplicity. (Tony Hoare)",
    "The Analytical Engine weaves algebraical patterns just as the Jacquard loom weaves flowers and leaves. "
    "(Ada Lovelace)",
};
#define QUOTE_COUNT (sizeof(quotes) / sizeof(quotes[0]))

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : QUOTE_COUNT;
    for (unsigned long i = 0; count == 0 || i < count; i++) {
        const char *quote = quotes[i % QUOTE_COUNT];
        char line[160];
        int length = snprintf(line, sizeof(line), "%s\n", quote);
        if (write(STDOUT_FILENO, line, (size_t)length) != length)
            return 1;
        sched_yield();
    }
    return 0;
}
