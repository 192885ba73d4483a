/* The scheduler's calls: affinity, nice, and the shares that follow from nice; a thread that wakes is not kept waiting by one that computes. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define RUN_TIME    (1200 * MILLISECOND)
#define READY       64 /* in `counts`: processes that have reached the start */
#define BEGIN       72 /* when the first of them did */
#define SHARE_ERROR 10 /* per cent */
#define TURN_ERROR                                                                                           \
    (20 * MILLISECOND) /* where instructions are counted, a processor gets its interrupts late */
#define NAPS      40
#define LATENCY   (500 * INT64_C(1000)) /* where instructions are counted, those of other CPUs count too */
#define HOGS_MOST 8
#define ALONE     (400 * MILLISECOND)
#define PATIENCE  (20 * SECOND) /* with a busy host */

static volatile uint64_t *counts; /* a cache line each */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void nap(int64_t nanoseconds)
{
    struct timespec time = {nanoseconds / SECOND, nanoseconds % SECOND};
    nanosleep(&time, NULL);
}

static int64_t cpu_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    check_result("sched_setaffinity", sched_setaffinity(0, sizeof(set), &set), 0);
}

static void affinity(void)
{
    cpu_set_t all, one;
    check_result("sched_getaffinity", sched_getaffinity(0, sizeof(all), &all), 0);
    int count = CPU_COUNT(&all);
    check_that(count >= 1, "%d CPUs", count);
    for (int cpu = 0; cpu < count; cpu++) {
        unsigned at = 1000;
        pin(cpu);
        syscall(SYS_getcpu, &at, NULL, NULL);
        check_result("where a pinned process runs", at, cpu);
        sched_yield();
        syscall(SYS_getcpu, &at, NULL, NULL);
        check_result("where it goes on", at, cpu);
    }
    CPU_ZERO(&one);
    check_that(sched_setaffinity(0, sizeof(one), &one) == -1 && errno == EINVAL, "no CPU at all is refused");
    CPU_SET(count + 100, &one);
    check_that(sched_setaffinity(0, sizeof(one), &one) == -1 && errno == EINVAL,
               "no CPU that runs is refused");
    /* A child that runs elsewhere is moved. */
    pid_t child = fork();
    if (child == 0)
        for (;;)
            syscall(SYS_getcpu, &counts[0], NULL, NULL);
    for (int cpu = 0; cpu < count; cpu++) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        check_result("affinity of a child", sched_setaffinity(child, sizeof(one), &one), 0);
        int64_t start = now();
        while ((int)(uint32_t)counts[0] != cpu && now() - start < 2 * SECOND)
            nap(5 * MILLISECOND);
        check_result("where the child runs", (long)(uint32_t)counts[0], cpu);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    check_result("back to all", sched_setaffinity(0, sizeof(all), &all), 0);
}

static void nices(void)
{
    errno = 0;
    check_result("getpriority", getpriority(PRIO_PROCESS, 0), 0);
    check_result("setpriority", setpriority(PRIO_PROCESS, 0, 5), 0);
    check_result("nice after it", getpriority(PRIO_PROCESS, 0), 5);
    check_result("beyond the end", setpriority(PRIO_PROCESS, 0, 99), 0);
    check_result("nice after it", getpriority(PRIO_PROCESS, 0), 19);
    pid_t child = fork();
    if (child == 0)
        _exit(getpriority(PRIO_PROCESS, 0) == 19 ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    check_result("a child inherits it", status, 0);
    if (setpriority(PRIO_PROCESS, 0, 0) != 0) /* not without privilege on Linux */
        check_that(check_on_linux, "nice back to 0");
    check_that(setpriority(PRIO_PROCESS, 0x7fffff, 0) == -1 && errno == ESRCH, "no such process");
    check_that(setpriority(9, 0, 0) == -1 && errno == EINVAL, "no such kind");
}

static void policies(void)
{
    struct sched_param parameter = {0}, high = {.sched_priority = 50};
    struct timespec slice;
    check_result("policy", syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
    check_result("highest of FIFO", sched_get_priority_max(SCHED_FIFO), 99);
    check_result("lowest of RR", sched_get_priority_min(SCHED_RR), 1);
    check_result("lowest of OTHER", sched_get_priority_min(SCHED_OTHER), 0);
    check_that(sched_get_priority_max(99) == -1 && errno == EINVAL, "no such policy");
    check_result("sched_getparam", syscall(SYS_sched_getparam, 0, &high), 0);
    check_result("its priority", high.sched_priority, 0);
    check_result("sched_setparam", syscall(SYS_sched_setparam, 0, &parameter), 0);
    high.sched_priority = 1;
    check_that(syscall(SYS_sched_setparam, 0, &high) == -1 && errno == EINVAL, "OTHER has no priorities");
    check_that(syscall(SYS_sched_setscheduler, 0, 77, &parameter) == -1 && errno == EINVAL, "no such policy");
    check_that(syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &parameter) == -1 && errno == EINVAL,
               "no such thread");
    check_that(syscall(SYS_sched_getscheduler, 0x7fff0000) == -1 && errno == ESRCH, "no such thread");
    check_that(syscall(SYS_sched_getparam, 0, NULL) == -1 && (errno == EINVAL || errno == EFAULT), "nowhere");
    check_result("batch", syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &parameter), 0);
    check_result("policy", syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
    check_result("other", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameter), 0);
    check_result("sched_rr_get_interval", syscall(SYS_sched_rr_get_interval, 0, &slice), 0);
    check_that(slice.tv_sec == 0 && slice.tv_nsec >= 0, "a slice of %ld ns", slice.tv_nsec);
}

static int cpu_count(void)
{
    cpu_set_t all;
    sched_getaffinity(0, sizeof(all), &all);
    return CPU_COUNT(&all);
}

/* --- shares: all on one CPU, in proportion to the weights that nice stands for --- */

#define WORKERS 4
static const int nice_of[WORKERS] = {0, 0, 5, 10};
static const int64_t weight_of[WORKERS] = {1024, 1024, 335, 110};

static void worker(int number)
{
    pin(0);
    setpriority(PRIO_PROCESS, 0, nice_of[number]);
    __atomic_fetch_add(&counts[READY], 1, __ATOMIC_SEQ_CST);
    while (counts[READY] < WORKERS)
        sched_yield();
    int64_t before = cpu_time(), start = 0;
    /* The first to get here says when all are done. */
    __atomic_compare_exchange_n(&counts[BEGIN], (uint64_t *)&start, (uint64_t)now(), false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    while (now() < (int64_t)counts[BEGIN] + RUN_TIME)
        continue;
    counts[number * 8] = (uint64_t)(cpu_time() - before);
    _exit(0);
}

/* How far the worst of them is from its share, in per cent of that. */
static int64_t shares_error(void)
{
    int64_t total = 0, weights = 0, worst = 0;
    counts[READY] = counts[BEGIN] = 0;
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0)
            worker(i);
    while (wait(NULL) > 0)
        continue;
    for (int i = 0; i < WORKERS; i++) {
        total += (int64_t)counts[i * 8];
        weights += weight_of[i];
    }
    for (int i = 0; i < WORKERS; i++) {
        int64_t due = total * weight_of[i] / weights, off = (int64_t)counts[i * 8] - due;
        off = (off < 0 ? -off : off) - (cpu_count() > 1 ? TURN_ERROR : 0);
        int64_t error = off > 0 ? off * 100 / due : 0;
        worst = error > worst ? error : worst;
    }
    return worst;
}

static void shares(void)
{
    int64_t error = shares_error();
    /* A slice in whose middle the host takes the CPU away is a long one. */
    check_that(check_time_is_hosts || error <= SHARE_ERROR,
               "shares of nice 0, 0, 5, 10: %lu, %lu, %lu, %lu ms, the worst %ld %% off",
               counts[0] / MILLISECOND, counts[8] / MILLISECOND, counts[16] / MILLISECOND,
               counts[24] / MILLISECOND, error);
    check_that(counts[0] > 0 && counts[8] > 0 && counts[16] > 0, "nobody starves");
}

/* --- an interactive process beside N that compute --- */

static pid_t hog(int nice, bool pinned)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    if (pinned)
        pin(0);
    setpriority(PRIO_PROCESS, 0, nice);
    for (;;)
        continue;
}

static void hogs_end(const pid_t *hogs, int count)
{
    for (int i = 0; i < count; i++)
        kill(hogs[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
}

static void wakes(int count)
{
    pid_t hogs[HOGS_MOST];
    cpu_set_t all;
    sched_getaffinity(0, sizeof(all), &all);
    for (int i = 0; i < count; i++)
        hogs[i] = hog(0, true);
    pin(0);
    nap(50 * MILLISECOND);
    int64_t worst = 0, total = 0;
    for (int i = 0; i < NAPS; i++) {
        int64_t start = now();
        nap(2 * MILLISECOND);
        int64_t late = now() - start - 2 * MILLISECOND;
        worst = late > worst ? late : worst;
        total += late;
    }
    hogs_end(hogs, count);
    sched_setaffinity(0, sizeof(all), &all);
    /* Without preemption each wake-up would wait for turns of 6 ms. */
    check_that(check_time_is_hosts || worst < (cpu_count() == 1 ? LATENCY : 10 * LATENCY),
               "beside %d that compute a sleeper wakes %ld us late at worst, %ld us in the mean", count,
               worst / 1000, total / NAPS / 1000);
}

/* Who has the lowest weight runs, too, and not only after seconds. */
static void starves(void)
{
    cpu_set_t all;
    sched_getaffinity(0, sizeof(all), &all);
    pid_t others[2] = {hog(0, true), hog(0, true)};
    counts[0] = (uint64_t)now();
    pid_t child = fork();
    if (child == 0) {
        pin(0);
        setpriority(PRIO_PROCESS, 0, 19);
        for (;;)
            counts[0] = (uint64_t)now();
    }
    nap(100 * MILLISECOND);
    int64_t start = now(), longest = 0;
    for (uint64_t last = counts[0];
         now() - start < 2 * SECOND || (longest == 0 && now() - start < PATIENCE);) {
        nap(MILLISECOND);
        int64_t gap = (int64_t)(counts[0] - last);
        longest = gap > longest ? gap : longest;
        last = counts[0];
    }
    kill(child, SIGKILL);
    hogs_end(others, 2);
    sched_setaffinity(0, sizeof(all), &all);
    check_that(longest > 0 &&
                   (check_time_is_hosts || longest < (cpu_count() == 1 ? 250 * MILLISECOND : 2 * SECOND)),
               "nice 19 beside two of nice 0 waits for %ld ms", longest / MILLISECOND);
}

/* --- who comes late --- */

static int64_t clock_of(clockid_t clock)
{
    struct timespec time = {0};
    if (clock_gettime(clock, &time) != 0)
        return -1;
    return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t time_of(pid_t process)
{
    clockid_t clock;
    return clock_getcpuclockid(process, &clock) == 0 ? clock_of(clock) : -1;
}

/* One has computed alone for long when a second comes, who is new or has slept: from then on they share, and nobody makes up for what was. */
static void comes_late(bool new)
{
    pid_t both[2] = {hog(0, true), 0};
    if (!new && (both[1] = fork()) == 0) {
        pin(0);
        nap(ALONE);
        for (;;)
            continue;
    }
    nap(ALONE + 20 * MILLISECOND);
    if (new)
        both[1] = hog(0, true);
    nap(20 * MILLISECOND);
    int64_t first = time_of(both[0]), second = time_of(both[1]);
    check_nap(ALONE / 2);
    first = time_of(both[0]) - first;
    second = time_of(both[1]) - second;
    hogs_end(both, 2);
    check_that(check_time_is_hosts ||
                   (first * 10 > (first + second) * 3 && second * 10 > (first + second) * 3),
               "beside one that %s, who has computed alone gets %ld of %ld ms", new ? "is new" : "has slept",
               first / MILLISECOND, (first + second) / MILLISECOND);
}

/* --- where they run --- */

/* Which CPUs the workers that say so in `counts` are on. */
static uint64_t cpus_used(int workers)
{
    uint64_t used = 0;
    for (int i = 0; i < workers; i++)
        used |= UINT64_C(1) << (counts[i * 8] & 63);
    return used;
}

/* Computes, and says in `counts` where; only on these CPUs, at first. */
static pid_t reporter(int number, const cpu_set_t *cpus)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    sched_setaffinity(0, sizeof(*cpus), cpus);
    for (;;) {
        unsigned at = 0;
        syscall(SYS_getcpu, &at, NULL, NULL);
        counts[number * 8] = at;
    }
}

static void spreads(void)
{
    int count = cpu_count();
    uint64_t all = count < 64 ? (UINT64_C(1) << count) - 1 : UINT64_MAX;
    pid_t workers[HOGS_MOST];
    cpu_set_t one, every;
    if (count > HOGS_MOST)
        return;
    for (int i = 0; i < count; i++)
        counts[i * 8] = 0;
    sched_getaffinity(0, sizeof(every), &every);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    for (int i = 0; i < count; i++)
        workers[i] = reporter(i, &one);
    nap(50 * MILLISECOND);
    check_result("all that compute are on one CPU", (long)cpus_used(count), 1);
    /* Set free, they are stolen by those that idle. */
    for (int i = 0; i < count; i++)
        sched_setaffinity(workers[i], sizeof(every), &every);
    int64_t start = now();
    while (cpus_used(count) != all && now() - start < 5 * SECOND)
        nap(5 * MILLISECOND);
    check_result("then each has one of its own", (long)cpus_used(count), (long)all);
    hogs_end(workers, count);
}

#define SHARING 4 /* processes, on two of the CPUs */
#define LOOKS   60

/* Do they run on CPUs 0 and 1, two on each? */
static bool shared_evenly(void)
{
    int on[2] = {0, 0};
    for (int i = 0; i < SHARING; i++)
        if (counts[i * 8] < 2)
            on[counts[i * 8]]++;
    return on[0] == SHARING / 2 && on[1] == SHARING / 2;
}

/* Four that may use two of the CPUs share these evenly, whatever the others do or do not; and that lasts. */
static void spreads_on_two(void)
{
    pid_t workers[SHARING];
    cpu_set_t one, two;
    if (cpu_count() < 3)
        return;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    two = one;
    CPU_SET(1, &two);
    for (int i = 0; i < SHARING; i++)
        workers[i] = reporter(i, &one);
    nap(50 * MILLISECOND);
    for (int i = 0; i < SHARING; i++)
        sched_setaffinity(workers[i], sizeof(two), &two);
    int64_t start = now();
    while (!shared_evenly() && now() - start < PATIENCE)
        nap(5 * MILLISECOND);
    int even = 0;
    for (int look = 0; look < LOOKS; look++) {
        nap(5 * MILLISECOND);
        even += shared_evenly();
    }
    hogs_end(workers, SHARING);
    check_that(even * 4 > LOOKS * 3, "four on two of the CPUs shared them evenly in %d of %d looks", even,
               LOOKS);
}

/* Two send a third one about, while it gives way all the time: it is always in one place, and in the end where it was sent last. */
static void sent_about(void)
{
    int count = cpu_count();
    int sends = check_time_is_hosts ? 600 : 100; /* taking turns, processors answer each other late */
    pid_t senders[2];
    pid_t child = fork();
    if (child == 0)
        for (;;) {
            sched_yield();
            syscall(SYS_getcpu, &counts[0], NULL, NULL);
        }
    for (int i = 0; i < 2; i++)
        if ((senders[i] = fork()) == 0) {
            for (int step = 0; step < sends; step++) {
                cpu_set_t one;
                CPU_ZERO(&one);
                CPU_SET((step * (i + 1) + i) % count, &one);
                if (sched_setaffinity(child, sizeof(one), &one) != 0)
                    _exit(1);
                if (step % 16 == 0)
                    sched_yield();
            }
            _exit(0);
        }
    for (int i = 0; i < 2; i++) {
        int status = -1;
        waitpid(senders[i], &status, 0);
        check_result("a sender's end", status, 0);
    }
    for (int cpu = 0; cpu < count; cpu++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        check_result("one sent about is sent on", sched_setaffinity(child, sizeof(one), &one), 0);
        int64_t start = now();
        while ((int)(uint32_t)counts[0] != cpu && now() - start < PATIENCE)
            nap(MILLISECOND);
        check_result("where it runs", (long)(uint32_t)counts[0], cpu);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* --- what they have run --- */

static volatile bool stop;

static void *spinning(void *argument)
{
    while (!stop)
        continue;
    return argument;
}

static void times(void)
{
    struct rusage usage;
    struct timespec time;
    pthread_t thread;
    clockid_t clock, process;
    pthread_create(&thread, NULL, spinning, NULL);
    check_result("pthread_getcpuclockid", pthread_getcpuclockid(thread, &clock), 0);
    check_result("clock_getcpuclockid", clock_getcpuclockid(0, &process), 0);
    int64_t self_before = clock_of(CLOCK_THREAD_CPUTIME_ID);
    int64_t all_before = clock_of(CLOCK_PROCESS_CPUTIME_ID), before = clock_of(clock);
    check_nap(100 * MILLISECOND);
    int64_t ran = clock_of(clock) - before, all = clock_of(process) - all_before;
    int64_t self = clock_of(CLOCK_THREAD_CPUTIME_ID) - self_before;
    stop = true;
    pthread_join(thread, NULL);
    check_that(ran > 0 && (check_time_is_hosts || ran > 10 * MILLISECOND),
               "the clock of a thread that computes went on by %ld us", ran / 1000);
    check_that(all >= ran, "its process's by %ld us", all / 1000);
    check_that(self >= 0 && (check_time_is_hosts || self < 50 * MILLISECOND),
               "and the sleeping thread's by %ld us", self / 1000);
    getrusage(RUSAGE_THREAD, &usage);
    int64_t main_time = usage.ru_utime.tv_sec * SECOND + usage.ru_utime.tv_usec * 1000;
    main_time += usage.ru_stime.tv_sec * SECOND + usage.ru_stime.tv_usec * 1000;
    int64_t here = clock_of(CLOCK_THREAD_CPUTIME_ID);
    check_that(check_time_is_hosts ||
                   (main_time <= here + 20 * MILLISECOND && main_time + 20 * MILLISECOND >= here),
               "RUSAGE_THREAD says %ld us, the thread's clock %ld us", main_time / 1000, here / 1000);
    check_that(clock_gettime((clockid_t)0x80000007, &time) == -1 && errno == EINVAL, "the clock of nobody");
}

int main(void)
{
    check_begin("thread-schedule");
    counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    affinity();
    nices();
    policies();
    shares();
    times();
    sent_about();
    if (!check_on_linux) { /* where others run too */
        wakes(1);
        wakes(4);
        wakes(8);
        starves();
        comes_late(true);
        comes_late(false);
        spreads();
        spreads_on_two();
    }
    return check_verdict();
}
