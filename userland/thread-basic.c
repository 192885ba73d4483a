/* Threads: made and joined, each with its own stack, thread-local storage and id; mutexes, condition variables, barriers, read-write locks, once. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define THREADS  8
#define ROUNDS   2000
#define STORM    200
#define SECOND   INT64_C(1000000000)
#define PATIENCE (50 * INT64_C(1000000))

static __thread int own = 7;
static __thread char own_block[64];

static int64_t now(int clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec in(int clock, int64_t nanoseconds)
{
    int64_t at = now(clock) + nanoseconds;
    return (struct timespec){at / SECOND, at % SECOND};
}

/* --- create, join, thread-local storage --- */

static void *local_body(void *argument)
{
    intptr_t number = (intptr_t)argument;
    if (own != 7 || own_block[0] != 0)
        return (void *)-1;
    own = (int)number;
    memset(own_block, (int)number, sizeof(own_block));
    for (int i = 0; i < 20; i++) {
        sched_yield();
        if (own != (int)number || own_block[63] != (char)number)
            return (void *)-1;
    }
    return (void *)(number * 2);
}

static void create_and_join(void)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        check_result("pthread_create", pthread_create(&threads[i], NULL, local_body, (void *)(i + 1)), 0);
    for (intptr_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        check_result("pthread_join", pthread_join(threads[i], &result), 0);
        check_result("a thread's result", (long)result, (i + 1) * 2);
    }
    check_result("thread-local variable of the main thread", own, 7);
}

static void *nothing(void *argument)
{
    return argument;
}

static void storm(void)
{
    int made = 0;
    for (int i = 0; i < STORM; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0)
            made++;
    }
    check_result("threads made and joined", made, STORM);
    made = 0;
    for (int i = 0; i < STORM; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_detach(thread) == 0)
            made++;
    }
    check_result("threads made and detached", made, STORM);
}

static void *ids_body(void *argument)
{
    long *ids = argument;
    ids[0] = syscall(SYS_gettid);
    ids[1] = getpid();
    return NULL;
}

static void ids(void)
{
    long seen[2] = {0, 0};
    pthread_t thread;
    pthread_create(&thread, NULL, ids_body, seen);
    pthread_join(thread, NULL);
    check_that(seen[0] != getpid() && seen[0] > 0, "a thread's id %ld is its own", seen[0]);
    check_result("a thread's process", seen[1], getpid());
    check_result("the main thread's id", syscall(SYS_gettid), getpid());
}

/* --- mutex, spin, condition, semaphore --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long shared_count;
static int turn;

static void *counting(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        long seen = shared_count;
        if (i % 64 == 0)
            sched_yield();
        shared_count = seen + 1;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void run_all(void *(*body)(void *), int count)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, body, (void *)i);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void *taking_turns(void *argument)
{
    int number = (int)(intptr_t)argument;
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != number)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void mutexes(void)
{
    shared_count = 0;
    run_all(counting, THREADS);
    check_result("count under a mutex", shared_count, THREADS * ROUNDS);
    turn = 0;
    run_all(taking_turns, 4);
    check_result("turns by a condition variable", turn, 400);
    struct timespec soon = in(CLOCK_REALTIME, PATIENCE);
    int64_t start = now(CLOCK_MONOTONIC);
    pthread_mutex_lock(&mutex);
    check_result("a condition that never comes", pthread_cond_timedwait(&condition, &mutex, &soon),
                 ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    int64_t waited = now(CLOCK_MONOTONIC) - start;
    check_that(waited >= PATIENCE * 9 / 10 && waited < 100 * PATIENCE, "waited %ld ns for it", waited);
    pthread_mutex_lock(&mutex);
    soon = in(CLOCK_REALTIME, PATIENCE / 10);
    check_result("a mutex that is held", pthread_mutex_timedlock(&mutex, &soon), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

static sem_t empty, full;
static long passed;

static void *producing(void *argument)
{
    (void)argument;
    for (long i = 1; i <= 1000; i++) {
        sem_wait(&empty);
        passed += i;
        sem_post(&full);
    }
    return NULL;
}

static void semaphores(void)
{
    pthread_t thread;
    long sum = 0;
    sem_init(&empty, 0, 1);
    sem_init(&full, 0, 0);
    passed = 0;
    pthread_create(&thread, NULL, producing, NULL);
    for (int i = 0; i < 1000; i++) {
        sem_wait(&full);
        sum = passed;
        sem_post(&empty);
    }
    pthread_join(thread, NULL);
    check_result("numbers through semaphores", sum, 500500);
    struct timespec soon = in(CLOCK_REALTIME, PATIENCE / 10);
    check_that(sem_timedwait(&full, &soon) == -1 && errno == ETIMEDOUT, "a semaphore that is not posted");
}

/* --- barrier, read-write lock, once --- */

static pthread_barrier_t barrier;
static atomic_int arrived;
static atomic_int disorder, serials;

static void *in_step(void *argument)
{
    (void)argument;
    for (int i = 0; i < 50; i++) {
        atomic_fetch_add(&arrived, 1);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            atomic_fetch_add(&serials, 1);
        if (atomic_load(&arrived) < (i + 1) * 4)
            atomic_fetch_add(&disorder, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2];
static atomic_int torn;

static void *reading_or_writing(void *argument)
{
    for (int i = 0; i < 500; i++) {
        if ((intptr_t)argument == 0) {
            pthread_rwlock_wrlock(&rwlock);
            pair[0]++;
            sched_yield();
            pair[1]++;
            pthread_rwlock_unlock(&rwlock);
        } else {
            pthread_rwlock_rdlock(&rwlock);
            if (pair[0] != pair[1])
                atomic_fetch_add(&torn, 1);
            pthread_rwlock_unlock(&rwlock);
        }
    }
    return NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int times;

static void do_once(void)
{
    sched_yield();
    atomic_fetch_add(&times, 1);
}

static void *calling_once(void *argument)
{
    pthread_once(&once, do_once);
    return argument;
}

static void others(void)
{
    pthread_barrier_init(&barrier, NULL, 4);
    run_all(in_step, 4);
    check_result("threads past a barrier too early", disorder, 0);
    check_result("one serial thread a round", serials, 50);
    run_all(reading_or_writing, 4);
    check_result("readers that saw half a write", torn, 0);
    check_result("writes", pair[1], 500);
    run_all(calling_once, THREADS);
    check_result("pthread_once", times, 1);
}

/* --- the end of threads and of processes with several --- */

static void *sleeping(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static void *spinning(void *argument)
{
    for (;;)
        __asm__ volatile("pause");
    return argument;
}

static void group_exit(const void *argument)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, sleeping, NULL);
        pthread_create(&thread, NULL, spinning, NULL);
    }
    (void)argument;
    sched_yield();
    _exit(CHECK_SURVIVED);
}

static void *exits(void *argument)
{
    (void)argument;
    _exit(CHECK_SURVIVED);
}

static void exit_from_thread(const void *argument)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exits, NULL);
    (void)argument;
    for (;;)
        pause();
}

static void *last(void *argument)
{
    (void)argument;
    struct timespec time = {0, 20000000};
    nanosleep(&time, NULL);
    exit(CHECK_SURVIVED);
}

static void main_thread_first(const void *argument)
{
    pthread_t thread;
    (void)argument;
    pthread_create(&thread, NULL, last, NULL);
    pthread_exit(NULL);
}

static void *faults(void *argument)
{
    sched_yield();
    *(volatile int *)8 = 1;
    return argument;
}

static void fault_in_thread(const void *argument)
{
    pthread_t thread;
    pthread_create(&thread, NULL, sleeping, NULL);
    pthread_create(&thread, NULL, faults, NULL);
    (void)argument;
    for (;;)
        pause();
}

static void *execs(void *argument)
{
    (void)argument;
    char *const arguments[] = {"busybox", "sh", "-c", "exit 77", NULL};
    execv("/bin/busybox", arguments);
    _exit(1);
}

static void exec_from_thread(const void *argument)
{
    pthread_t thread;
    (void)argument;
    pthread_create(&thread, NULL, sleeping, NULL);
    pthread_create(&thread, NULL, spinning, NULL);
    pthread_create(&thread, NULL, execs, NULL);
    for (;;)
        pause();
}

static void *forks(void *argument)
{
    (void)argument;
    pid_t child = fork();
    if (child == 0)
        _exit(own == 7 ? 5 : 6);
    int status = 0;
    waitpid(child, &status, 0);
    return (void *)(intptr_t)WEXITSTATUS(status);
}

static void ends(void)
{
    check_survives("exit_group ends sleeping and spinning threads", group_exit, NULL);
    check_survives("exit from another thread", exit_from_thread, NULL);
    check_survives("the main thread goes first", main_thread_first, NULL);
    check_dies("a thread's fault kills all", SIGSEGV, fault_in_thread, NULL);
    check_survives("exec from another thread", exec_from_thread, NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, forks, NULL);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        check_result("a thread's child", (long)result, 5);
    }
}

/* --- signals --- */

static atomic_int handled_by, handled;
static atomic_int ready;

static void handler(int signal)
{
    (void)signal;
    handled_by = (int)syscall(SYS_gettid);
    atomic_fetch_add(&handled, 1);
}

static void *waiting_for_signal(void *argument)
{
    *(volatile long *)argument = syscall(SYS_gettid);
    atomic_store(&ready, 1);
    while (atomic_load(&handled) == 0)
        pause();
    return NULL;
}

static void *unblocking(void *argument)
{
    sigset_t set;
    *(volatile long *)argument = syscall(SYS_gettid);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    atomic_store(&ready, 1);
    while (atomic_load(&handled) == 0)
        sched_yield();
    return NULL;
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = handler};
    volatile long tid = 0;
    pthread_t thread;
    sigset_t set, old;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);

    pthread_create(&thread, NULL, waiting_for_signal, (void *)&tid);
    while (!atomic_load(&ready))
        sched_yield();
    while (atomic_load(&handled) == 0) { /* it may be anywhere between its look and its pause() */
        pthread_kill(thread, SIGUSR1);
        sched_yield();
    }
    pthread_join(thread, NULL);
    check_result("pthread_kill reaches that thread", handled_by, tid);

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    handled = 0;
    ready = 0;
    pthread_create(&thread, NULL, unblocking, (void *)&tid);
    while (!atomic_load(&ready))
        sched_yield();
    kill(getpid(), SIGUSR2);
    pthread_join(thread, NULL);
    check_result("a signal to the process goes to the thread that takes it", handled_by, tid);
    check_result("once", handled, 1);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
    check_begin("thread-basic");
    create_and_join();
    storm();
    ids();
    mutexes();
    semaphores();
    others();
    ends();
    signals();
    return check_verdict();
}
