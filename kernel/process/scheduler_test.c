/* Threads taking turns. */
#include "kernel/process/scheduler.h"

#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/clock.h"
#include "kernel/memory/frame.h"
#include "kernel/process/test_threads.h"

#define THREADS 4
#define TURNS   50
#define MANY    40

static unsigned turn[THREADS * TURNS], turns, arrived, elsewhere;

/* All on the first CPU, once all are there. */
static void take_turns(unsigned number)
{
    const struct cpu_mask first = {.word = {1}};

    elsewhere += thread_set_affinity(thread_current(), &first) != 0;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < THREADS)
        test_pause();
    for (unsigned i = 0; i < TURNS; i++) {
        elsewhere += cpu_current()->id != 0;
        unsigned at = __atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
        turn[at] = number;
        scheduler_yield();
    }
}

SELFTEST(scheduler_yield_lets_the_others_run)
{
    unsigned count[THREADS] = {0}, twice = 0;

    turns = arrived = elsewhere = 0;
    CHECK_EQ(test_threads_run("turns", THREADS, take_turns), 0);
    CHECK_EQ(turns, THREADS * TURNS);
    for (unsigned i = 0; i < turns; i++) {
        /* The last one has nobody to yield to. */
        bool alone = i - count[turn[i]] == (THREADS - 1) * TURNS;
        twice += i > 0 && turn[i] == turn[i - 1] && !alone;
        count[turn[i]]++;
    }
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQ(count[i], TURNS);
    CHECK_EQ(elsewhere, 0);
    /* Nobody runs again before somebody else has, who may now and then be a thread of the kernel's that is not counted here. */
    CHECK(twice <= turns / 20);
}

static struct spinlock lock = {.rank = LOCK_DEVICE, .name = "scheduler test"};
static struct thread *sleeper;
static unsigned woken;

static void sleep_once(unsigned number)
{
    (void)number;
    spinlock_lock(&lock);
    sleeper = thread_current();
    thread_block(&lock);
    __atomic_fetch_add(&woken, 1, __ATOMIC_RELAXED);
}

static struct thread *sleeper_seen(void)
{
    spinlock_lock(&lock);
    struct thread *thread = sleeper;
    spinlock_unlock(&lock);
    return thread;
}

SELFTEST(scheduler_block_sleeps_until_woken)
{
    woken = 0;
    sleeper = NULL;
    CHECK_EQ(test_threads_start("sleeper", 1, sleep_once), 0);
    uint64_t patience = clock_now() + TEST_PATIENCE;
    while (sleeper_seen() == NULL && clock_now() < patience)
        test_pause();
    for (unsigned i = 0; i < 10; i++)
        scheduler_yield();
    unsigned early = __atomic_load_n(&woken, __ATOMIC_RELAXED);
    thread_wake(sleeper);
    CHECK_EQ(test_threads_end(), 0);
    CHECK_EQ(early, 0);
    CHECK_EQ(woken, 1);
}

/* A wake-up before the sleep is not lost; it counts once. */
static void wake_self_first(unsigned number)
{
    uint64_t begin = clock_now();

    (void)number;
    thread_wake(thread_current());
    spinlock_lock(&lock);
    thread_block(&lock);
    woken = clock_now() - begin < TEST_PATIENCE;
}

SELFTEST(scheduler_wake_before_block_is_kept)
{
    woken = 0;
    CHECK_EQ(test_threads_run("early", 1, wake_self_first), 0);
    CHECK_EQ(woken, 1);
}

static unsigned ended;

static void end_at_once(unsigned number)
{
    (void)number;
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
}

/* Their stacks and structures come back: what every test is held to. */
SELFTEST(scheduler_frees_threads_that_end)
{
    ended = 0;
    CHECK_EQ(test_threads_run("short", MANY, end_at_once), 0);
    CHECK_EQ(ended, MANY);
}

/* Work in the kernel that lasts until another thread has run, which it lets run by asking now and then. */
static unsigned beside, in_vain;

static void work_long(unsigned number)
{
    uint64_t until = clock_now() + TEST_PATIENCE / 2;

    if (number == 1) {
        __atomic_store_n(&beside, 1, __ATOMIC_RELAXED);
        return;
    }
    while (!__atomic_load_n(&beside, __ATOMIC_RELAXED) && clock_now() < until)
        scheduler_relax();
    in_vain = !__atomic_load_n(&beside, __ATOMIC_RELAXED);
}

SELFTEST(scheduler_relax_gives_up_a_used_slice)
{
    beside = in_vain = 0;
    CHECK_EQ(test_threads_run("long", 2, work_long), 0);
    CHECK_EQ(beside, 1);
    CHECK_EQ(in_vain, 0);
}

SELFTEST(scheduler_threads_have_aligned_stacks_and_no_ranks)
{
    const struct thread *self = thread_current();
    uint64_t here = (uint64_t)__builtin_frame_address(0);

    CHECK(here > self->kernel_stack && here < self->kernel_stack_top);
    /* RBP after the prologue: 16 bytes below what was aligned at the call (System V ABI, 3.2.2). */
    CHECK_EQ(here % 16, 0);
    CHECK_EQ(self->mutex_ranks, 0);
    CHECK(self->process == NULL);
    CHECK_EQ(self->state, THREAD_RUNNING);
}

SELFTEST(scheduler_thread_without_memory_is_refused)
{
    unsigned started = 0;

    /* What is kept of earlier threads goes first. */
    ended = 0;
    frame_fail_after(1);
    int error = test_threads_start("refused", MANY * 4, end_at_once);
    frame_fail_after(0);
    int end = test_threads_end();
    started = ended;
    CHECK(error < 0);
    CHECK_EQ(end, 0);
    CHECK(started < MANY * 4);
}
