/* What a second processor brings, and costs: work of independent processes on one and on two, threads that wake each other on one and on two, and a changed mapping that another processor has
 * to forget. Time is the wall clock's: the other measurements count instructions, which says nothing about waiting for others. A static program that runs on Quire and on Linux.
 *
 * usage: kscale   a line each: "NAME VALUE UNIT". Rates are the best of several rounds that alternate between one processor and two, as a busy host only ever takes away. */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE         4096
#define FAULT_PAGES  256
#define BATCH        256
#define ROUNDS       7
#define ROUND_TIME   UINT64_C(150000000) /* nanoseconds */
#define PING_PONGS   300
#define PROTECTS     500
#define SECOND       UINT64_C(1000000000)
#define WORKERS_MOST 2

/* Shared by all processes of a round. */
static struct shared {
    _Atomic int ready, go;
    _Atomic uint64_t done[WORKERS_MOST * 8]; /* a cache line each */
} * shared;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

/* --- throughput of independent processes --- */

/* One batch; how many operations it was. */
typedef unsigned batch_body(char *memory);

static unsigned compute(char *memory)
{
    for (unsigned i = 0; i < 100 * BATCH; i++)
        *(volatile char *)memory = (char)i;
    return BATCH;
}

static unsigned call(char *memory)
{
    (void)memory;
    for (unsigned i = 0; i < BATCH; i++)
        syscall(SYS_getpid);
    return BATCH;
}

static unsigned fault(char *memory)
{
    for (unsigned i = 0; i < FAULT_PAGES; i++)
        *(volatile char *)(memory + i * PAGE) = 1;
    madvise(memory, FAULT_PAGES * PAGE, MADV_DONTNEED);
    return FAULT_PAGES;
}

static void work(int number, batch_body *batch)
{
    char *memory = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, FAULT_PAGES * PAGE, MADV_NOHUGEPAGE);
    pin(number);
    batch(memory);
    atomic_fetch_add(&shared->ready, 1);
    while (!shared->go)
        continue;
    uint64_t end = now() + ROUND_TIME, count = 0;
    while (now() < end)
        count += batch(memory);
    shared->done[number * 8] = count;
    _exit(0);
}

/* Operations a second of so many processes, each on a processor of its own. */
static double rate(int workers, batch_body *batch)
{
    uint64_t count = 0;
    shared->ready = shared->go = 0;
    for (int i = 0; i < workers; i++)
        if (fork() == 0)
            work(i, batch);
    while (shared->ready < workers)
        sched_yield();
    shared->go = 1;
    while (wait(NULL) > 0)
        continue;
    for (int i = 0; i < workers; i++)
        count += shared->done[i * 8];
    return (double)count * (double)SECOND / (double)ROUND_TIME;
}

static void scale(const char *name, batch_body *batch)
{
    double best[WORKERS_MOST + 1] = {0};
    for (int round = 0; round < ROUNDS; round++)
        for (int workers = 1; workers <= WORKERS_MOST; workers++) {
            double got = rate(workers, batch);
            if (got > best[workers])
                best[workers] = got;
        }
    printf("%s-1 %.0f /s\n%s-2 %.0f /s\n%s-ratio %.2f x\n", name, best[1], name, best[2], name,
           best[2] / best[1]);
}

/* --- threads that wake each other --- */

enum { TURN_MINE, TURN_THEIRS, TURN_STOP };
static _Atomic int turn, there;

static void turn_give(int whose)
{
    turn = whose;
    syscall(SYS_futex, &turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

static int turn_wait(int others)
{
    int seen;
    while ((seen = turn) == others)
        syscall(SYS_futex, &turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, others, NULL, NULL, 0);
    return seen;
}

static void *partner(void *argument)
{
    pin((int)(intptr_t)argument);
    there = 1;
    while (turn_wait(TURN_MINE) != TURN_STOP)
        turn_give(TURN_MINE);
    return NULL;
}

static void futexes(const char *name, int cpu)
{
    uint64_t best = UINT64_MAX;
    pthread_t thread;
    turn = TURN_MINE;
    there = 0;
    pin(0);
    pthread_create(&thread, NULL, partner, (void *)(intptr_t)cpu);
    while (!there)
        sched_yield();
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (int i = 0; i < PING_PONGS; i++) {
            turn_give(TURN_THEIRS);
            turn_wait(TURN_THEIRS);
        }
        uint64_t took = (now() - start) / PING_PONGS;
        best = took < best ? took : best;
    }
    turn_give(TURN_STOP);
    pthread_join(thread, NULL);
    printf("%s %lu ns\n", name, best);
}

/* --- translations that another processor must forget --- */

static _Atomic int stop;

static void *computing(void *argument)
{
    pin(1);
    there = 1;
    while (!stop)
        continue;
    return argument;
}

static uint64_t protect(char *memory)
{
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (int i = 0; i < PROTECTS; i++) {
            mprotect(memory, PAGE, PROT_READ);
            mprotect(memory, PAGE, PROT_READ | PROT_WRITE);
            *(volatile char *)memory = 1;
        }
        uint64_t took = (now() - start) / (2 * PROTECTS);
        best = took < best ? took : best;
    }
    return best;
}

static void shootdowns(void)
{
    pthread_t thread;
    char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pin(0);
    uint64_t alone = protect(memory);
    there = stop = 0;
    pthread_create(&thread, NULL, computing, NULL);
    while (!there)
        sched_yield();
    uint64_t both = protect(memory);
    stop = 1;
    pthread_join(thread, NULL);
    printf("protect-1 %lu ns\nprotect-2 %lu ns\nshootdown %lu ns\n", alone, both,
           both > alone ? both - alone : 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    scale("compute", compute);
    scale("getpid", call);
    scale("fault", fault);
    futexes("futex-1", 0);
    futexes("futex-2", 1);
    shootdowns();
    printf("end\n");
    return 0;
}
