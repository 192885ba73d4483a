/* What forks, copied writes and faults cost in all, in ticks of the TSC: test/screen runs it while the memory viewer was never shown, and when it has been shown and is
 * hidden again. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE   4096
#define PAGES  16
#define ROUNDS 200

static char data[PAGES * PAGE];

/* A child that writes all of the parent's pages and some of its own. */
static int round_run(void)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        char *own = mmap(NULL, sizeof(data), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; i < sizeof(data); i += PAGE)
            data[i] = own[i] = 1;
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
    unsigned long start = __rdtsc();

    for (int i = 0; i < ROUNDS; i++)
        if (!round_run()) {
            perror("view-cost");
            return 1;
        }
    printf("ticks %lu\n", (unsigned long)__rdtsc() - start);
    return 0;
}
