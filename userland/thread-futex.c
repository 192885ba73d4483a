/* The futex call itself: every operation, every answer; robust mutexes; futexes in shared memory. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

/* The kernel's interface; musl has no header for it. */
#define FUTEX_WAIT                0
#define FUTEX_WAKE                1
#define FUTEX_PRIVATE             128
#define FUTEX_WAIT_PRIVATE        (0 | FUTEX_PRIVATE)
#define FUTEX_WAKE_PRIVATE        (1 | FUTEX_PRIVATE)
#define FUTEX_REQUEUE_PRIVATE     (3 | FUTEX_PRIVATE)
#define FUTEX_LOCK_PI_PRIVATE     (6 | FUTEX_PRIVATE)
#define FUTEX_CMP_REQUEUE_PRIVATE (4 | FUTEX_PRIVATE)
#define FUTEX_WAKE_OP_PRIVATE     (5 | FUTEX_PRIVATE)
#define FUTEX_WAIT_BITSET_PRIVATE (9 | FUTEX_PRIVATE)
#define FUTEX_WAKE_BITSET_PRIVATE (10 | FUTEX_PRIVATE)
#define FUTEX_CLOCK_REALTIME      256
#define FUTEX_OP_ADD              1
#define FUTEX_OP_OR               2
#define FUTEX_OP_OPARG_SHIFT      8
#define FUTEX_OP_CMP_EQ           0
#define FUTEX_OP_CMP_GT           4
#define FUTEX_OP(operation, operand, compare, compared)                                                      \
    ((uint32_t)(operation) << 28 | (uint32_t)(compare) << 24 | ((operand)&0xfffu) << 12 | ((compared)&0xfffu))

#define MILLISECOND 1000000L
#define SECOND      1000000000L

static long futex(void *word, int operation, uint32_t value, const void *timeout, void *second,
                  uint32_t third)
{
    long result = syscall(SYS_futex, word, operation, value, timeout, second, third);
    return result < 0 ? -errno : result;
}

static _Atomic uint32_t word, other;
static atomic_int asleep, awake;

static void *sleeper(void *argument)
{
    uint32_t bitset = (uint32_t)(uintptr_t)argument;
    atomic_fetch_add(&asleep, 1);
    long result = bitset == 0 ? futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0)
                              : futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, bitset);
    if (result == 0)
        atomic_fetch_add(&awake, 1);
    return (void *)result;
}

/* Start sleepers and wait until they sleep, as well as that can be known. */
static void sleepers(pthread_t *threads, int count, uintptr_t bitset)
{
    atomic_store(&asleep, 0);
    atomic_store(&awake, 0);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, sleeper, (void *)bitset);
    while (atomic_load(&asleep) < count)
        sched_yield();
    check_nap(20 * MILLISECOND);
}

static void join(pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void answers(void)
{
    struct timespec soon = {0, 10 * MILLISECOND}, bad = {0, 2 * SECOND}, past = {0, 0}, at,
                    negative = {-1, 0};
    uint32_t *wild = (uint32_t *)0x10;
    word = 5;
    check_error("another value", futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0), EAGAIN);
    check_error("time-out", futex(&word, FUTEX_WAIT_PRIVATE, 5, &soon, NULL, 0), ETIMEDOUT);
    check_error("a time that is none", futex(&word, FUTEX_WAIT_PRIVATE, 5, &bad, NULL, 0), EINVAL);
    check_error("a time before now", futex(&word, FUTEX_WAIT_PRIVATE, 5, &negative, NULL, 0), EINVAL);
    check_error("a time that is not there", futex(&word, FUTEX_WAIT_PRIVATE, 5, (void *)16, NULL, 0), EFAULT);
    check_error("the wall clock from now on",
                futex(&word, FUTEX_WAIT_PRIVATE | FUTEX_CLOCK_REALTIME, 5, &soon, NULL, 0), ENOSYS);
    check_error("a wake-up by the wall clock",
                futex(&word, FUTEX_WAKE_PRIVATE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
    check_error("a point that has passed", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, &past, NULL, 1),
                ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += 10 * MILLISECOND;
    at.tv_sec += at.tv_nsec / SECOND;
    at.tv_nsec %= SECOND;
    check_error("a point of the wall clock",
                futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 5, &at, NULL, 1), ETIMEDOUT);
    check_error("no bits", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, NULL, NULL, 0), EINVAL);
    check_error("no bits to wake", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    check_error("not aligned", futex((char *)&word + 1, FUTEX_WAIT_PRIVATE, 5, NULL, NULL, 0), EINVAL);
    check_error("not mapped", futex(wild, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
    check_error("not mapped, shared", futex(wild, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    check_error("the kernel's", futex((void *)0xffff800000000000, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0),
                EFAULT);
    check_error("no operation", futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
    if (!check_on_linux)
        check_error("priority inheritance", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), ENOSYS);
    check_error("wake fewer than none",
                futex(&word, FUTEX_REQUEUE_PRIVATE, (uint32_t)-1, (void *)1, &other, 0), EINVAL);
    check_error("move fewer than none", futex(&word, FUTEX_REQUEUE_PRIVATE, 1, (void *)-1, &other, 0),
                EINVAL);
    check_error("wake-op that is none",
                futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other, FUTEX_OP(7, 1, FUTEX_OP_CMP_EQ, 0)),
                ENOSYS);
    check_error("wake-op with a comparison that is none",
                futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other, FUTEX_OP(FUTEX_OP_ADD, 0, 9, 0)),
                ENOSYS);
    check_result("nobody to wake", futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
    check_error("requeue of another value", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &other, 6),
                EAGAIN);
}

static void wakes(void)
{
    pthread_t threads[4];
    word = 0;
    sleepers(threads, 4, 0);
    check_result("wake one", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    check_nap(20 * MILLISECOND);
    check_result("one is awake", awake, 1);
    check_result("move the rest but one",
                 futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)INT_MAX, &other, 0), 3);
    check_result("nobody is left there", futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
    check_result("they wait here", futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 2);
    join(threads, 4);
    check_result("all are awake", awake, 4);

    sleepers(threads, 4, 0);
    check_result("wake none: one", futex(&word, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0), 1);
    check_result("wake fewer: one", futex(&word, FUTEX_WAKE_PRIVATE, (uint32_t)-1, NULL, NULL, 0), 1);
    check_result("move them without a look", futex(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &other, 0), 1);
    check_result("back", futex(&other, FUTEX_REQUEUE_PRIVATE, 0, (void *)9, &word, 0), 1);
    check_result("to where they are", futex(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)9, &word, 0), 2);
    check_result("all", futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 2);
    join(threads, 4);

    sleepers(threads, 2, 1);
    check_result("other bits", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 6), 0);
    check_result("the same bit", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 3), 2);
    join(threads, 2);

    sleepers(threads, 2, 0);
    other = 41;
    check_result("wake-op",
                 futex(&word, FUTEX_WAKE_OP_PRIVATE, INT_MAX, (void *)1, &other,
                       FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 41)),
                 2);
    check_result("the word after it", other, 42);
    join(threads, 2);
    check_result("wake-op, shifted or",
                 futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other,
                       FUTEX_OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 7, FUTEX_OP_CMP_GT, 50)),
                 0);
    check_result("the word after it", other, 42 | 128);
}

static void nothing(int signal)
{
    (void)signal;
}

static void *timed_sleeper(void *argument)
{
    struct timespec at;
    (void)argument;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 5;
    return (void *)futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &at, NULL, 1);
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = nothing};
    pthread_t thread;
    void *result;
    sigaction(SIGUSR1, &action, NULL);
    word = 0;
    atomic_store(&asleep, 0);
    pthread_create(&thread, NULL, sleeper, NULL);
    while (atomic_load(&asleep) == 0)
        sched_yield();
    check_nap(20 * MILLISECOND);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, &result);
    check_result("a handler without SA_RESTART ends the wait", (long)result, -EINTR);

    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    sleepers(&thread, 1, 0);
    pthread_kill(thread, SIGUSR1);
    check_nap(20 * MILLISECOND);
    check_result("one with it does not", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    pthread_join(thread, &result);
    check_result("it was woken", (long)result, 0);
    pthread_create(&thread, NULL, timed_sleeper, NULL);
    check_nap(20 * MILLISECOND);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, &result);
    check_result("a wait of limited time is ended by any handler", (long)result, -EINTR);
}

/* Two processes wake each other through shared memory mapped at different addresses. */
static void shared(void)
{
    int rounds = 200;
    _Atomic uint32_t *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memory[0] = 0;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < rounds; i++) {
            while (memory[0] == (uint32_t)(2 * i))
                futex((void *)memory, FUTEX_WAIT, (uint32_t)(2 * i), NULL, NULL, 0);
            memory[0]++;
            futex((void *)memory, FUTEX_WAKE, 1, NULL, NULL, 0);
        }
        _exit(0);
    }
    for (int i = 0; i < rounds; i++) {
        memory[0]++;
        futex((void *)memory, FUTEX_WAKE, 1, NULL, NULL, 0);
        while (memory[0] == (uint32_t)(2 * i + 1))
            futex((void *)memory, FUTEX_WAIT, (uint32_t)(2 * i + 1), NULL, NULL, 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check_result("shared futex between processes", status, 0);
    check_result("rounds", memory[0], 2 * rounds);
}

/* --- robust mutexes --- */

static pthread_mutex_t *robust;

static void *dies_with_it(void *argument)
{
    pthread_mutex_lock(robust);
    return argument;
}

static void robust_take(const char *what)
{
    int result = pthread_mutex_lock(robust);
    check_result(what, result, EOWNERDEAD);
    if (result == EOWNERDEAD)
        pthread_mutex_consistent(robust);
    pthread_mutex_unlock(robust);
}

static void robusts(void)
{
    pthread_mutexattr_t attributes;
    pthread_t thread;
    robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attributes);
    pthread_create(&thread, NULL, dies_with_it, NULL);
    pthread_join(thread, NULL);
    robust_take("a mutex whose thread ended");
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(robust);
        check_nap(30 * MILLISECOND); /* the parent waits for it by now */
        kill(getpid(), SIGKILL);
    }
    check_nap(10 * MILLISECOND);
    robust_take("a mutex whose process was killed");
    waitpid(child, NULL, 0);
}

int main(void)
{
    check_begin("thread-futex");
    answers();
    wakes();
    interrupted();
    shared();
    robusts();
    return check_verdict();
}
