/* One clock for all CPUs: what a thread reads after another one has read is not less, whichever CPUs they run on. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "userland/check.h"

#define THREADS 4
#define READS   20000
#define SECOND  INT64_C(1000000000)

static const struct {
    const char *name;
    clockid_t id;
} clocks[] = {
    {"CLOCK_MONOTONIC", CLOCK_MONOTONIC},
    {"CLOCK_REALTIME", CLOCK_REALTIME},
    {"CLOCK_BOOTTIME", CLOCK_BOOTTIME},
};

static clockid_t clock_read;
static _Atomic int64_t newest; /* that any thread has read */
static atomic_long backwards;
static _Atomic int64_t farthest;
static int cpus;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(clock_read, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        atomic_fetch_add(&backwards, READS);
}

static void *reader(void *argument)
{
    int number = (int)(intptr_t)argument;
    cpu_set_t allowed;
    if (!check_on_linux && sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        stay_on(number % cpus);
    for (int i = 0; i < READS; i++) {
        int64_t before = atomic_load(&newest), time = now();
        if (time < before) {
            atomic_fetch_add(&backwards, 1);
            if (before - time > atomic_load(&farthest))
                atomic_store(&farthest, before - time);
        }
        while (before < time && !atomic_compare_exchange_weak(&newest, &before, time))
            continue;
    }
    return NULL;
}

static void run(const char *name, clockid_t id)
{
    pthread_t threads[THREADS];
    clock_read = id;
    atomic_store(&newest, 0);
    atomic_store(&backwards, 0);
    atomic_store(&farthest, 0);
    for (intptr_t i = 0; i < THREADS; i++)
        check_result("pthread_create", pthread_create(&threads[i], NULL, reader, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check_that(backwards == 0, "%s went back %ld times, by %ld ns at most", name, (long)backwards,
               (long)farthest);
}

/* A sleep as seen by the clock: not less than asked, on any CPU where it ends. */
static void sleeps(void)
{
    clock_read = CLOCK_MONOTONIC;
    for (int i = 0; i < 20; i++) {
        struct timespec nap = {.tv_nsec = 1000000};
        int64_t start = now();
        nanosleep(&nap, NULL);
        int64_t took = now() - start;
        check_that(took >= 1000000, "a sleep of 1 ms took %ld ns", (long)took);
    }
}

int main(void)
{
    cpu_set_t set;
    check_begin("thread-clock");
    check_result("sched_getaffinity", sched_getaffinity(0, sizeof(set), &set), 0);
    cpus = CPU_COUNT(&set);
    for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
        run(clocks[i].name, clocks[i].id);
    sleeps();
    return check_verdict();
}
