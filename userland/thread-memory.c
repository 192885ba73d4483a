/* Threads in one address space: after munmap or mprotect returns, no CPU uses the old translation; faults of several threads in one page; fork, copy-on-write and files cut short beside running
 * threads. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define PAGE        4096L
#define HUGE        (2L << 20)
#define FRESH_MAX   (512UL << 20)
#define HAMMERS     3
#define ROUNDS      40
#define HUGE_ROUNDS 8

static uint8_t *volatile target;
static atomic_int phase; /* even: the page may be written; odd: it has been taken away */
static atomic_int stop, wrong;
static __thread sigjmp_buf escape;

static void fault(int signal)
{
    (void)signal;
    siglongjmp(escape, 1);
}

/* Write all the time. A write that succeeds although the page had been taken away before it began, and was so after it, used an old translation. */
static void *hammer(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop)) {
        int before = atomic_load(&phase);
        if (sigsetjmp(escape, 1) != 0)
            continue;
        *(volatile uint8_t *)(target + 8) = 1;
        int after = atomic_load(&phase);
        if (before == after && before % 2 == 1)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

static void run(const char *what, int rounds, void (*take)(void), void (*give)(void))
{
    pthread_t threads[HAMMERS];
    atomic_store(&stop, 0);
    atomic_store(&wrong, 0);
    atomic_store(&phase, 0);
    for (int i = 0; i < HAMMERS; i++)
        pthread_create(&threads[i], NULL, hammer, NULL);
    for (int i = 0; i < rounds; i++) {
        for (int j = 0; j < 3; j++)
            sched_yield();
        take();
        atomic_fetch_add(&phase, 1);
        for (volatile int j = 0; j < 200; j++)
            continue;
        atomic_fetch_add(&phase, 1);
        give();
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < HAMMERS; i++)
        pthread_join(threads[i], NULL);
    check_result(what, wrong, 0);
}

static void map(void)
{
    if (mmap(target, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != target)
        atomic_fetch_add(&wrong, 1);
}

static void unmap(void)
{
    munmap(target, PAGE);
}

static void protect(void)
{
    mprotect(target, PAGE, PROT_READ);
}

static void unprotect(void)
{
    mprotect(target, PAGE, PROT_READ | PROT_WRITE);
}

/* The frame of an unmapped page may be anybody's: what the hammers write must never be seen in a fresh one. */
static void reuse(void)
{
    int dirty = 0;
    for (int round = 0; round < 4; round++) {
        uint8_t *fresh = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < 16; i++)
            dirty += fresh[i * PAGE + 8] != 0;
        for (int i = 0; i < 16; i++)
            fresh[i * PAGE] = 1;
        for (int i = 0; i < 16; i++)
            dirty += fresh[i * PAGE + 8] != 0;
        munmap(fresh, 16 * PAGE);
    }
    if (dirty != 0)
        atomic_fetch_add(&wrong, dirty);
}

/* Away to another place, and back. */
static uint8_t *aside;

static void move_away(void)
{
    if (mremap(target, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, aside) != aside)
        atomic_fetch_add(&wrong, 1);
}

static void move_back(void)
{
    if (mremap(aside, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) != target)
        atomic_fetch_add(&wrong, 1);
}

/* One page in the middle of a huge one, which it splits; then a new huge one. */
static uint8_t *huge;

static void huge_map(void)
{
    if (mmap(huge, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != huge)
        atomic_fetch_add(&wrong, 1);
    *(volatile uint8_t *)huge = 1;
}

static void huge_run(void)
{
    uint8_t *page = target;
    uint8_t *room = mmap(NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    huge = (uint8_t *)(((uintptr_t)room + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    huge_map();
    target = huge + HUGE / 2;
    run("writes through an old translation after a huge page was split", HUGE_ROUNDS, protect, huge_map);
    munmap(room, 2 * HUGE);
    target = page;
}

static void unmap_and_reuse(void)
{
    munmap(target, PAGE);
    reuse();
}

/* --- the same pages touched by all --- */

static uint8_t *common;
static pthread_barrier_t barrier;

static void *touch(void *argument)
{
    intptr_t number = (intptr_t)argument;
    for (int round = 0; round < 20; round++) {
        pthread_barrier_wait(&barrier);
        for (int page = 0; page < 32; page++)
            common[page * PAGE + number] = (uint8_t)(round + number + 1);
        pthread_barrier_wait(&barrier);
        for (int page = 0; page < 32; page++)
            for (int i = 0; i < 4; i++)
                if (common[page * PAGE + i] != (uint8_t)(round + i + 1))
                    atomic_fetch_add(&wrong, 1);
        pthread_barrier_wait(&barrier);
        if (number == 0)
            madvise(common, 32 * PAGE, MADV_NORMAL);
        if (number == 0)
            mmap(common, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    return NULL;
}

static void together(void)
{
    pthread_t threads[4];
    atomic_store(&wrong, 0);
    common = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_barrier_init(&barrier, NULL, 4);
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, touch, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    check_result("bytes lost when four threads touch the same new pages", wrong, 0);
}

/* --- a child's memory stands still although the parent's threads write on --- */

static volatile uint64_t *counters;

static void *counting(void *argument)
{
    volatile uint64_t *counter = counters + (intptr_t)argument * 512;
    while (!atomic_load(&stop))
        ++*counter;
    return NULL;
}

static void forks(void)
{
    pthread_t threads[2];
    int bad = 0;
    counters = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    atomic_store(&stop, 0);
    for (intptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, counting, (void *)i);
    for (int round = 0; round < 20; round++) {
        pid_t child = fork();
        if (child == 0) {
            uint64_t first = counters[0], second = counters[512];
            for (int i = 0; i < 20; i++)
                sched_yield();
            _exit(first == counters[0] && second == counters[512] ? 0 : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    check_result("children whose memory changed under them", bad, 0);
}

/* --- a page that moves to where no table was, and back, under the eyes of readers: they see its bytes or a fault --- */

#define MOVES 150
#define MARK  0x55

static void *look(void *argument)
{
    volatile uint8_t *place = argument;
    while (!atomic_load(&stop))
        if (sigsetjmp(escape, 1) == 0 && *place != MARK)
            atomic_fetch_add(&wrong, 1);
    return NULL;
}

static void moves(void)
{
    pthread_t threads[HAMMERS];
    uint8_t *room = mmap(NULL, 6 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *first = (uint8_t *)(((uintptr_t)room + HUGE - 1) & ~(uintptr_t)(HUGE - 1)),
            *second = first + 3 * HUGE;

    /* Nothing else is near: each place loses its table with its page. */
    munmap(room, 6 * HUGE);
    check_that(mmap(first, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                   first,
               "no page to move");
    memset(first, MARK, PAGE);
    atomic_store(&stop, 0);
    atomic_store(&wrong, 0);
    for (int i = 0; i < HAMMERS; i++)
        pthread_create(&threads[i], NULL, look, i % 2 ? first : second);
    for (int i = 0; i < MOVES; i++) {
        uint8_t *from = i % 2 ? second : first, *to = i % 2 ? first : second;
        if (mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
            atomic_fetch_add(&wrong, 1);
        sched_yield();
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < HAMMERS; i++)
        pthread_join(threads[i], NULL);
    check_result("reads of something else where a page was moved to", wrong, 0);
    munmap(first, PAGE);
}

/* --- a file cut short while a process that maps it is copied --- */

#define CUT_ROUNDS 30
#define FILE_PAGES 64

static int file;

static void *cut(void *argument)
{
    (void)argument;
    for (int round = 0; round < CUT_ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        for (volatile int i = 0; i < round * 40; i++)
            continue;
        if (ftruncate(file, PAGE) != 0)
            atomic_fetch_add(&wrong, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* When it may look, the file is short: its pages beyond the end are gone from here too. */
static void child_look(const uint8_t *bytes, int may_look)
{
    volatile int seen = 0;
    char byte;
    if (read(may_look, &byte, 1) != 1)
        _exit(2);
    for (volatile int page = 1; page < FILE_PAGES; page++)
        if (sigsetjmp(escape, 1) == 0) {
            *(const volatile uint8_t *)(bytes + page * PAGE);
            seen = 1;
        }
    _exit(seen);
}

static void cuts(void)
{
    char name[] = "/tmp/thread-memory.XXXXXX";
    pthread_t thread;
    int bad = 0, ways[2];

    file = mkstemp(name);
    unlink(name);
    check_result("size of the file", ftruncate(file, FILE_PAGES * PAGE), 0);
    check_result("pipe", pipe(ways), 0);
    uint8_t *bytes = mmap(NULL, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    atomic_store(&wrong, 0);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, cut, NULL);
    for (int round = 0; round < CUT_ROUNDS; round++) {
        int status = -1;
        bad += ftruncate(file, FILE_PAGES * PAGE) != 0;
        for (int page = 0; page < FILE_PAGES; page++)
            bytes[page * PAGE] = 1;
        pthread_barrier_wait(&barrier);
        pid_t child = fork();
        if (child == 0)
            child_look(bytes, ways[0]);
        pthread_barrier_wait(&barrier);
        bad += write(ways[1], "", 1) != 1;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    pthread_join(thread, NULL);
    check_result("children that see what had been cut off a file", bad + wrong, 0);
    munmap(bytes, FILE_PAGES * PAGE);
    close(file);
    close(ways[0]);
    close(ways[1]);
}

/* --- the machine's memory is counted while more of it is taken into use --- */

static void *count_memory(void *argument)
{
    struct sysinfo info;
    (void)argument;
    while (!atomic_load(&stop))
        if (sysinfo(&info) != 0 || info.freeram > info.totalram)
            atomic_fetch_add(&wrong, 1);
    return NULL;
}

static void growth(void)
{
    pthread_t threads[2];
    struct sysinfo info;
    atomic_store(&stop, 0);
    atomic_store(&wrong, 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, count_memory, NULL);
    sysinfo(&info);
    size_t size = (info.freeram / 2 < FRESH_MAX ? info.freeram / 2 : FRESH_MAX) & -(size_t)HUGE;
    uint8_t *fresh =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!check_that(fresh != MAP_FAILED, "%zu bytes cannot be mapped", size))
        size = 0;
    for (size_t at = 0; at < size; at += HUGE)
        fresh[at] = 1;
    if (size != 0)
        munmap(fresh, size);
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    check_result("counts of memory that cannot be", wrong, 0);
}

int main(void)
{
    struct sigaction action = {.sa_handler = fault, .sa_flags = SA_NODEFER};
    check_begin("thread-memory");
    growth();
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    target = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    run("writes through an old translation after munmap", ROUNDS, unmap, map);
    run("writes through an old translation after mprotect", ROUNDS, protect, unprotect);
    aside = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    run("writes through an old translation after mremap", ROUNDS, move_away, move_back);
    huge_run();
    run("writes into frames that were given to others", ROUNDS, unmap_and_reuse, map);
    moves();
    together();
    forks();
    cuts();
    return check_verdict();
}
