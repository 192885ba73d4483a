/* The default first program: four processes share the CPU while you watch.
 *
 * Each owns memory of its own at the same addresses, stamps and re-reads it, and never gives the CPU up by
 * itself; a unit of work costs processes B, C and D a half, a third and a quarter of what it costs A. Each
 * unit becomes one coloured cell: what the scheduler and the page tables do is the picture. Uses nothing
 * but fork, pipe, mmap, kill and wait, and draws with colours and line ends alone. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS       4
#define ROWS          8
#define CELLS_PER_ROW 64
#define BAR_CELLS     40
#define UNIT_PARTS    12                     /* divisible by every speed */
#define UNIT_TIME     (INT64_C(8) * 1000000) /* nanoseconds that A's unit takes on a CPU of its own */
#define PAGE_BYTES    4096
#define WORKER_PAGES  2
#define WORKER_WORDS  (WORKER_PAGES * PAGE_BYTES / sizeof(uint64_t))
#define NANOSECONDS   INT64_C(1000000000)
#define EXIT_TRAMPLED 2

#define PLAIN         "\033[0m"
#define BRIGHT        "\033[1m"

static const char *const colours[WORKERS] = {"\033[44m", "\033[42m", "\033[45m", "\033[46m"};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

/* Write the stamp over the whole area, and read it back: 0 when another process wrote there. */
static int work_once(volatile uint64_t *area, uint64_t stamp)
{
    for (size_t i = 0; i < WORKER_WORDS; i++)
        area[i] = stamp + i;
    for (size_t i = 0; i < WORKER_WORDS; i++)
        if (area[i] != stamp + i)
            return 0;
    return 1;
}

/* How often to work for a twelfth of a unit on this CPU. */
static unsigned long measure(volatile uint64_t *area)
{
    work_once(area, 0); /* brings the pages in */
    unsigned long rounds = 0;
    int64_t start = now();
    int64_t limit = UNIT_TIME / UNIT_PARTS;
    do {
        work_once(area, rounds++);
    } while (now() - start < limit);
    return rounds;
}

static void worker(unsigned index, volatile uint64_t *area, unsigned long rounds, int report)
{
    unsigned long unit = rounds * (UNIT_PARTS / (index + 1));
    char letter = (char)('A' + index);
    for (;;) {
        for (unsigned long i = 0; i < unit; i++)
            if (!work_once(area, (uint64_t)letter << 56))
                _exit(EXIT_TRAMPLED);
        if (write(report, &letter, 1) != 1)
            _exit(1);
    }
}

static int start_workers(pid_t workers[WORKERS], volatile uint64_t *area, unsigned long rounds)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            close(ends[0]);
            worker(i, area, rounds, ends[1]);
        }
        if (workers[i] < 0)
            return -1;
    }
    close(ends[1]);
    return ends[0];
}

/* Draw the reports as they come; false when they end early. */
static int draw(int reports, unsigned long units[WORKERS])
{
    int64_t start = now();
    for (int row = 0; row < ROWS; row++) {
        printf("  %4d ms ", (int)((now() - start) / 1000000));
        for (int cell = 0; cell < CELLS_PER_ROW; cell++) {
            char letter;
            fflush(stdout);
            if (read(reports, &letter, 1) != 1)
                return 0;
            unsigned worker = (unsigned)(letter - 'A') % WORKERS;
            units[worker]++;
            printf("%s%c" PLAIN, colours[worker], letter);
        }
        printf("\n");
    }
    return 1;
}

/* End the workers; 0 unless each was still at work, its memory untouched. */
static int stop_workers(const pid_t workers[WORKERS])
{
    int failures = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        int status = -1;
        kill(workers[i], SIGKILL);
        if (waitpid(workers[i], &status, 0) != workers[i] || !WIFSIGNALED(status) ||
            WTERMSIG(status) != SIGKILL) {
            printf("  process %c ended with wait status %#x\n", 'A' + i, (unsigned)status);
            failures++;
        }
    }
    return failures;
}

static void draw_bars(const pid_t workers[WORKERS], const unsigned long units[WORKERS])
{
    unsigned long most = 1;
    for (unsigned i = 0; i < WORKERS; i++)
        most = units[i] > most ? units[i] : most;
    for (unsigned i = 0; i < WORKERS; i++) {
        int bar = (int)(units[i] * BAR_CELLS / most);
        printf("  %c  pid %-4d %4lu units of 1/%u  %s%*s" PLAIN "\n", 'A' + i, (int)workers[i], units[i],
               i + 1, colours[i], bar, "");
    }
}

static const char farewell[] =
    "\n" BRIGHT "  What you can try next" PLAIN "\n"
    "    ./quire run --append init=/bin/allocator             memory at speeds 1:2:3:4\n"
    "    ./quire run --append init=/bin/forkexit              a storm of forks and exits\n"
    "    ./quire run --append 'init=/bin/busybox -- sh'       a shell with its tools\n"
    "    ./quire exec build/userland/run-tests attack         every protection, attacked\n"
    "    ./quire exec PROGRAM ARGS                            your own static Linux program\n";

int main(void)
{
    volatile uint64_t *area =
        mmap(NULL, WORKER_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return 1;
    printf("\n" BRIGHT "  Quire" PLAIN
           "  four processes, one address (%p), four memories; every letter is a unit of work\n\n",
           (void *)area);
    fflush(stdout);

    pid_t workers[WORKERS];
    unsigned long units[WORKERS] = {0};
    int reports = start_workers(workers, area, measure(area));
    if (reports < 0) {
        printf("  processes cannot be started\n");
        return 1;
    }
    int complete = draw(reports, units);
    printf("\n");
    draw_bars(workers, units);
    int failures = stop_workers(workers) + !complete;
    printf("\n  %s\n",
           failures == 0 ? "No process saw another's memory." : "\033[41mSomething went wrong." PLAIN);
    if (failures == 0)
        printf("%s", farewell);
    return fflush(stdout) == 0 && failures == 0 ? 0 : 1;
}
