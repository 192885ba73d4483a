/* Sleeping locks (kernel/cpu/mutex.h), with threads to fight over them. */
#include "kernel/cpu/mutex.h"

#include "kernel/debug/selftest.h"
#include "kernel/device/clock.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/test_threads.h"

#define THREADS     6
#define ROUNDS      100

/* How long a thread may take from its last word to its sleep, in nanoseconds. */
#define SETTLE_TIME (UINT64_C(50) * 1000 * 1000)

static struct mutex outer, inner;
static unsigned inside, collisions, entries;

static void enter_and_leave(unsigned number)
{
    uint32_t random = number + 11;

    for (unsigned i = 0; i < ROUNDS; i++) {
        mutex_lock(&outer);
        collisions += ++inside != 1;
        if (test_random(&random) % 2)
            scheduler_yield();
        collisions += !mutex_held(&outer);
        inside--;
        entries++;
        mutex_unlock(&outer);
        if (test_random(&random) % 4 == 0)
            scheduler_yield();
    }
}

SELFTEST(mutex_lets_one_in)
{
    mutex_init(&outer, MUTEX_NODE, "test outer");
    inside = collisions = entries = 0;
    CHECK_EQ(test_threads_run("mutex", THREADS, enter_and_leave), 0);
    CHECK_EQ(collisions, 0);
    CHECK_EQ(entries, THREADS * ROUNDS);
    CHECK(mutex_free(&outer) && TAILQ_EMPTY(&outer.waiters));
}

static unsigned queued, order[THREADS], served;

static void queue_up(unsigned number)
{
    (void)number;
    unsigned place = __atomic_fetch_add(&queued, 1, __ATOMIC_ACQ_REL);
    mutex_lock(&outer);
    order[served++] = place;
    mutex_unlock(&outer);
}

/* Until so many have queued up, and the last of them had time to fall asleep. */
static bool waiters_become(unsigned count)
{
    uint64_t patience = clock_now() + TEST_PATIENCE;

    while (__atomic_load_n(&queued, __ATOMIC_ACQUIRE) < count && clock_now() < patience)
        test_pause();
    test_sleep(SETTLE_TIME);
    return queued == count;
}

SELFTEST(mutex_serves_in_order)
{
    unsigned wrong = 0;

    mutex_init(&outer, MUTEX_NODE, "test outer");
    queued = served = 0;
    mutex_lock(&outer);
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_EQ(test_threads_start("mutex", 1, queue_up), 0);
        CHECK(waiters_become(i + 1));
    }
    mutex_unlock(&outer);
    CHECK_EQ(test_threads_end(), 0);
    CHECK_EQ(served, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        wrong += order[i] != i;
    CHECK_EQ(wrong, 0);
}

SELFTEST(mutex_ranks_are_given_back)
{
    mutex_init(&outer, MUTEX_NODE, "test outer");
    mutex_init(&inner, MUTEX_BACKING, "test inner");
    mutex_lock(&outer);
    mutex_lock(&inner);
    uint64_t both = thread_current()->mutex_ranks;
    /* Any order of release. */
    mutex_unlock(&outer);
    uint64_t one = thread_current()->mutex_ranks;
    mutex_unlock(&inner);
    CHECK_EQ(both, UINT64_C(1) << MUTEX_NODE | UINT64_C(1) << MUTEX_BACKING);
    CHECK_EQ(one, UINT64_C(1) << MUTEX_BACKING);
    CHECK_EQ(thread_current()->mutex_ranks, 0);
}

SELFTEST_CRASH(mutex_order)
{
    mutex_init(&outer, MUTEX_NODE, "test outer");
    mutex_init(&inner, MUTEX_BACKING, "test inner");
    mutex_lock(&inner);
    mutex_lock(&outer);
}

SELFTEST_CRASH(mutex_under_spinlock)
{
    static struct spinlock lock = {.rank = LOCK_DEVICE, .name = "test spinlock"};

    mutex_init(&outer, MUTEX_NODE, "test outer");
    spinlock_lock(&lock);
    mutex_lock(&outer);
}

SELFTEST_CRASH(mutex_not_held)
{
    mutex_init(&outer, MUTEX_NODE, "test outer");
    mutex_unlock(&outer);
}
