/* Timers: in order, never early, never after they were taken back. */
#include "kernel/process/timer.h"

#include "kernel/cpu/cpus.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/clock.h"
#include "kernel/process/test_threads.h"

#define TIMERS           48
#define REPEATS          5
#define MICROSECOND      UINT64_C(1000)

/* A tick of 100 Hz would be 20 interrupts in this time. */
#define QUIET_TIME       (200000 * MICROSECOND)
#define QUIET_INTERRUPTS 10

struct test_timer {
    struct timer timer;
    uint64_t expired_at;
    unsigned place;
    unsigned times;
};

static struct test_timer timers[TIMERS];
static unsigned expired_count;

static void note(struct timer *timer)
{
    struct test_timer *test = (struct test_timer *)timer;

    test->expired_at = clock_now();
    test->times++;
    test->place = __atomic_fetch_add(&expired_count, 1, __ATOMIC_RELAXED);
}

static void timers_prepare(void)
{
    for (unsigned i = 0; i < TIMERS; i++)
        timers[i] = (struct test_timer){.timer.expired = note};
    expired_count = 0;
}

static bool all_expired(unsigned count)
{
    uint64_t patience = clock_now() + TEST_PATIENCE;

    while (__atomic_load_n(&expired_count, __ATOMIC_ACQUIRE) < count && clock_now() < patience)
        test_sleep(100 * MICROSECOND);
    return expired_count == count;
}

SELFTEST(timers_expire_in_order_and_not_early)
{
    uint32_t random = 3;
    unsigned early = 0, disorder = 0, wrong = 0;

    timers_prepare();
    /* Far enough ahead that all are queued before the first is due. */
    uint64_t begin = clock_now() + 300000 * MICROSECOND;
    /* Some at the very same time. */
    for (unsigned i = 0; i < TIMERS; i++)
        timer_add(&timers[i].timer, begin + test_random(&random) % 20 * 100 * MICROSECOND);
    CHECK(all_expired(TIMERS));
    for (unsigned i = 0; i < TIMERS; i++) {
        early += timers[i].expired_at < timers[i].timer.deadline;
        wrong += timers[i].times != 1 || timers[i].timer.queued;
        for (unsigned j = 0; j < TIMERS; j++)
            disorder +=
                timers[i].timer.deadline < timers[j].timer.deadline && timers[i].place > timers[j].place;
    }
    CHECK_EQ(early, 0);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(disorder, 0);
}

SELFTEST(timers_of_the_past_expire_at_once)
{
    timers_prepare();
    timer_add(&timers[0].timer, 0);
    timer_add(&timers[1].timer, clock_now() - 1);
    CHECK(all_expired(2));
}

SELFTEST(timers_taken_back_never_run)
{
    timers_prepare();
    uint64_t now = clock_now();
    for (unsigned i = 0; i < TIMERS; i++)
        timer_add(&timers[i].timer, now + (300000 + 10 * i) * MICROSECOND);
    for (unsigned i = 0; i < TIMERS; i += 2)
        timer_remove(&timers[i].timer);
    CHECK(all_expired(TIMERS / 2));
    test_sleep(10000 * MICROSECOND);
    for (unsigned i = 0; i < TIMERS; i++) {
        CHECK_EQ(timers[i].times, i % 2);
        CHECK(!timers[i].timer.queued);
    }
    /* One that has expired, and one that never was: nothing happens. */
    timer_remove(&timers[0].timer);
    timer_remove(&timers[1].timer);
}

static void again(struct timer *timer)
{
    struct test_timer *test = (struct test_timer *)timer;

    note(timer);
    if (test->times < REPEATS)
        timer_add(timer, clock_now() + 200 * MICROSECOND);
}

SELFTEST(timers_may_add_themselves_again)
{
    timers_prepare();
    timers[0].timer.expired = again;
    uint64_t begin = clock_now();
    timer_add(&timers[0].timer, begin);
    CHECK(all_expired(REPEATS));
    timer_remove(&timers[0].timer);
    CHECK(timers[0].expired_at - begin >= (REPEATS - 1) * 200 * MICROSECOND);
    CHECK_EQ(timers[0].times, REPEATS);
}

/* A CPU with nothing to do is left alone: none has a regular tick. */
SELFTEST(timers_do_not_tick_when_idle)
{
    uint64_t before[CPU_MAX], most = 0;

    test_sleep(QUIET_TIME / 4); /* what came before settles */
    for (uint32_t id = 0; id < cpu_count; id++)
        before[id] = cpus[id]->interrupts;
    test_sleep(QUIET_TIME);
    for (uint32_t id = 0; id < cpu_count; id++)
        most = cpus[id]->interrupts - before[id] > most ? cpus[id]->interrupts - before[id] : most;
    CHECK(most > 0); /* the one that ended the sleep */
    CHECK(most < QUIET_INTERRUPTS);
}
