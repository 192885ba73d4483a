/* Signals to a process with threads: which of them acts, whoever was thought of first, and what the others' calls return meanwhile. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define MILLISECOND 1000000L
#define PATIENCE    1000 /* milliseconds */
#define ROUNDS      10

static atomic_int second_by, count;

static int thread_id(void)
{
    return (int)system_call(SYS_gettid);
}

static void first(int signal)
{
    (void)signal;
    atomic_fetch_add(&count, 1);
}

static void second(int signal)
{
    (void)signal;
    atomic_store(&second_by, thread_id());
}

/* For the child of vfork, too, which has its parent's thread-local storage. */
static void raw_nap(long milliseconds)
{
    struct timespec time = {.tv_nsec = milliseconds * MILLISECOND};
    system_call(SYS_nanosleep, &time, NULL);
}

static void handle(int signal, void (*handler)(int), int masked)
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    if (masked != 0)
        sigaddset(&action.sa_mask, masked);
    sigaction(signal, &action, NULL);
}

/* --- a signal that is meant for a thread that sleeps in vfork --- */

static atomic_int sent;
static int ends[2];

static long in_read(void)
{
    char byte;
    return system_call(SYS_read, ends[0], &byte, 1);
}

static long in_nanosleep(void)
{
    struct timespec time = {.tv_nsec = 20 * MILLISECOND};
    return system_call(SYS_nanosleep, &time, NULL);
}

static long in_poll(void)
{
    return system_call(SYS_poll, NULL, 0, 20);
}

static const struct {
    const char *name;
    long (*make)(void);
    long result;
} calls[] = {{"read", in_read, 1}, {"nanosleep", in_nanosleep, 0}, {"poll", in_poll, 0}};

/* Spins, so that it runs on its own processor all the time. */
static void *calling(void *argument)
{
    long (*make)(void) = *(long (*const *)(void))argument;
    while (atomic_load(&sent) == 0)
        continue;
    return (void *)make();
}

/* Linux does not interrupt the other thread; to let it act on the signal is fine, too. */
static void beside_vfork(void)
{
    handle(SIGUSR1, first, 0);
    check_result("pipe", pipe(ends), 0);
    for (size_t i = 0; i < ROUNDS * sizeof(calls) / sizeof(calls[0]); i++) {
        size_t call = i / ROUNDS;
        int parent = getpid();
        pthread_t thread;
        atomic_store(&sent, 0);
        atomic_store(&count, 0);
        pthread_create(&thread, NULL, calling, (void *)&calls[call].make);
        pid_t child = vfork();
        if (child == 0) {
            system_call(SYS_kill, parent, SIGUSR1);
            atomic_store(&sent, 1);
            raw_nap(50);
            if (calls[call].make == in_read)
                system_call(SYS_write, ends[1], "x", 1);
            _exit(0);
        }
        void *result;
        pthread_join(thread, &result);
        while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
            continue;
        check_that((long)result == calls[call].result || (long)result == -EINTR, "%s returned %ld",
                   calls[call].name, (long)result);
        check_result("the handler ran so often", count, 1);
        /* The byte that an interrupted read has left. */
        if (calls[call].make == in_read && (long)result != 1)
            check_result("read", in_read(), 1);
    }
    close(ends[0]);
    close(ends[1]);
}

/* --- a signal that a handler's mask blocks in the thread that it was meant for --- */

static atomic_int ready;

static void *takes_second(void *argument)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    *(int *)argument = thread_id();
    atomic_store(&ready, 1);
    for (;;)
        pause(); /* until it is cancelled */
    return NULL;
}

static atomic_int seen_by_first;

static void first_waits(int signal)
{
    (void)signal;
    for (int i = 0; i < PATIENCE && atomic_load(&second_by) == 0; i++)
        raw_nap(1);
    atomic_store(&seen_by_first, atomic_load(&second_by));
}

static void passed_on(void)
{
    pthread_t thread;
    int other = 0;
    handle(SIGUSR1, first_waits, SIGUSR2);
    handle(SIGUSR2, second, 0);
    pthread_create(&thread, NULL, takes_second, &other);
    while (atomic_load(&ready) == 0)
        raw_nap(1);
    raw_nap(10);
    int parent = getpid();
    atomic_store(&second_by, 0);
    /* Both are meant for the main thread, which looks at them when this child has ended. */
    pid_t child = vfork();
    if (child == 0) {
        system_call(SYS_kill, parent, SIGUSR2);
        system_call(SYS_kill, parent, SIGUSR1);
        _exit(0);
    }
    while (waitpid(child, NULL, 0) == -1 && errno == EINTR)
        continue;
    check_result("what a handler's mask blocks goes to another thread", seen_by_first, other);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

/* --- a stop is told of when all threads have stopped --- */

#define COUNTERS 3
#define STOPS    20

static volatile uint64_t *counters; /* in shared memory, a cache line each */

static void *counting(void *argument)
{
    for (volatile uint64_t *counter = argument;; (*counter)++)
        continue;
}

static void stopped_whole(void)
{
    uint64_t before[COUNTERS];
    int late = 0, still = 0, status;
    counters = mmap(NULL, COUNTERS * 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that((void *)counters != MAP_FAILED, "no shared memory"))
        return;
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        for (int i = 1; i < COUNTERS; i++)
            pthread_create(&thread, NULL, counting, (void *)&counters[i * 8]);
        counting((void *)&counters[0]);
    }
    for (int round = 0; round < STOPS; round++) {
        for (int i = 0; i < COUNTERS; i++) {
            before[i] = counters[i * 8];
            for (int naps = 0; naps < PATIENCE && counters[i * 8] == before[i]; naps++)
                raw_nap(1);
            still += counters[i * 8] == before[i];
        }
        kill(child, SIGSTOP);
        check_result("wait4 of a stop", waitpid(child, &status, WUNTRACED), child);
        for (int i = 0; i < COUNTERS; i++)
            before[i] = counters[i * 8];
        raw_nap(1);
        for (int i = 0; i < COUNTERS; i++)
            late += counters[i * 8] != before[i];
        kill(child, SIGCONT);
    }
    check_result("threads that did not go on", still, 0);
    check_result("threads that ran after their process had stopped", late, 0);
    kill(child, SIGKILL);
    check_result("wait4", waitpid(child, &status, 0), child);
    munmap((void *)counters, COUNTERS * 64);
}

int main(void)
{
    check_begin("thread-signal");
    beside_vfork();
    passed_on();
    stopped_whole();
    return check_verdict();
}
