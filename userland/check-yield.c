/* The scheduler: whoever yields is passed by the others, whoever does not is interrupted, and equals get
 * equal shares. */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define PROCESSES   4
#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define RUN_TIME    (300 * MILLISECOND)
#define SHARE_LEAST 4 /* the least share is at least a quarter of the largest */

/* One cache line each, so that counting processes do not slow each other down. */
static struct {
    volatile uint64_t count;
    uint64_t padding[7];
} * shares;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void nap(int64_t nanoseconds)
{
    struct timespec time = {.tv_nsec = nanoseconds};
    nanosleep(&time, NULL);
}

/* All on the CPU where this process is: what others give each other of a CPU is to be seen, not what each CPU gives. */
static void stay_here(void)
{
    cpu_set_t set;
    unsigned cpu = 0;
    syscall(SYS_getcpu, &cpu, NULL, NULL);
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    check_result("sched_setaffinity", sched_setaffinity(0, sizeof(set), &set), 0);
}

/* Let equals count for a while; then their shares must be alike. */
static void run(const char *kind, bool yielding)
{
    pid_t workers[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        shares[i].count = 0;
        workers[i] = fork();
        if (workers[i] == 0)
            for (;;) {
                shares[i].count++;
                if (yielding)
                    sched_yield();
            }
        check_that(workers[i] > 0, "fork failed");
    }
    int64_t start = now();
    nap(RUN_TIME);
    int64_t late = now() - start - RUN_TIME;
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 0; i < PROCESSES; i++) {
        uint64_t count = shares[i].count;
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    for (int i = 0; i < PROCESSES; i++)
        kill(workers[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    check_that(check_time_is_hosts || late < RUN_TIME, "%s: the sleeper woke %ld ns late", kind, late);
    check_that(check_time_is_hosts || (least > 0 && most / SHARE_LEAST <= least),
               "%s: shares from %lu to %lu", kind, least, most);
}

/* With another process ready, a hundred yields let it run in between, also when there is one CPU only. */
static void turns(void)
{
    shares[0].count = 0;
    pid_t other = fork();
    if (other == 0)
        for (;;) {
            shares[0].count++;
            sched_yield();
        }
    while (shares[0].count == 0)
        sched_yield();
    uint64_t before = shares[0].count;
    check_yield(100);
    check_nap(MILLISECOND);
    check_that(shares[0].count > before, "the other process had no turn in 100 yields");
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    check_result("yield alone", sched_yield(), 0);
}

int main(void)
{
    check_begin("check-yield");
    shares =
        mmap(NULL, PROCESSES * sizeof(*shares), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that(shares != MAP_FAILED, "no shared memory"))
        return check_verdict();
    turns();
    stay_here();
    run("processes that yield", true);
    run("processes that do not", false);
    return check_verdict();
}
