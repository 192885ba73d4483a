/* Wait queues: nobody is woken out of turn, nobody is forgotten. */
#include "kernel/process/wait_queue.h"

#include <asm/errno.h>

#include "kernel/debug/selftest.h"
#include "kernel/device/clock.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/test_threads.h"
#include "kernel/process/timer.h"

#define WAITERS     6
#define ROUNDS      400
#define RING        5
#define LAPS        300
#define MICROSECOND UINT64_C(1000)
#define MILLISECOND (1000 * MICROSECOND)

static struct spinlock lock = {.rank = LOCK_FILE, .name = "wait queue test"};
static struct wait_queue queue = WAIT_QUEUE_INIT(queue);
static unsigned waiting, tickets, order[WAITERS], woken, failures;

/* Each takes one ticket, in whatever order they are woken. */
static void wait_for_ticket(unsigned number)
{
    uint64_t deadline = clock_now() + TEST_PATIENCE;

    spinlock_lock(&lock);
    waiting++;
    if (wait_event_until(&queue, &lock, tickets > 0, deadline) != 0)
        failures++;
    tickets--;
    order[woken++] = number;
    spinlock_unlock(&lock);
}

static bool all_wait(unsigned count)
{
    uint64_t patience = clock_now() + TEST_PATIENCE;

    while (clock_now() < patience) {
        spinlock_lock(&lock);
        bool all = waiting == count;
        spinlock_unlock(&lock);
        if (all)
            return true;
        test_pause();
    }
    return false;
}

SELFTEST(wait_queue_wakes_one_at_a_time)
{
    waiting = tickets = woken = failures = 0;
    /* One after the other, so that there is an order. */
    for (unsigned i = 0; i < WAITERS; i++) {
        CHECK_EQ(test_threads_start("waiter", 1, wait_for_ticket), 0);
        CHECK(all_wait(i + 1));
    }
    for (unsigned i = 1; i <= WAITERS; i++) {
        spinlock_lock(&lock);
        tickets = 1;
        spinlock_unlock(&lock);
        wait_queue_wake_one(&queue);
        uint64_t patience = clock_now() + TEST_PATIENCE;
        while (__atomic_load_n(&woken, __ATOMIC_ACQUIRE) < i && clock_now() < patience)
            test_pause();
        CHECK_EQ(woken, i);
    }
    CHECK_EQ(test_threads_end(), 0);
    CHECK_EQ(failures, 0);
    CHECK(TAILQ_EMPTY(&queue.waiters));
}

SELFTEST(wait_queue_wakes_all)
{
    waiting = tickets = woken = failures = 0;
    CHECK_EQ(test_threads_start("waiter", WAITERS, wait_for_ticket), 0);
    CHECK(all_wait(WAITERS));
    spinlock_lock(&lock);
    tickets = WAITERS;
    wait_queue_wake_all(&queue);
    spinlock_unlock(&lock);
    CHECK_EQ(test_threads_end(), 0);
    CHECK_EQ(woken, WAITERS);
    CHECK_EQ(failures, 0);
    CHECK(TAILQ_EMPTY(&queue.waiters));
}

SELFTEST(wait_event_gives_up_at_its_deadline)
{
    static const uint64_t lengths[] = {0, MICROSECOND, 50 * MICROSECOND, 3 * MILLISECOND, 30 * MILLISECOND};

    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint64_t begin = clock_now(), deadline = begin + lengths[i];
        spinlock_lock(&lock);
        int error = wait_event_until(&queue, &lock, false, deadline);
        bool held = spinlock_held(&lock);
        spinlock_unlock(&lock);
        uint64_t took = clock_now() - begin;
        CHECK(held);
        CHECK_EQ(error, -ETIMEDOUT);
        CHECK(took >= lengths[i]);
        CHECK(took < lengths[i] + TEST_PATIENCE);
    }
    CHECK(TAILQ_EMPTY(&queue.waiters));
}

SELFTEST(wait_event_does_not_sleep_when_it_need_not)
{
    spinlock_lock(&lock);
    int error = wait_event_until(&queue, &lock, true, 0);
    spinlock_unlock(&lock);
    CHECK_EQ(error, 0);
}

/* A token goes round a ring of threads, each of which sleeps until it has it; uneven yields move the moment of each wake-up against the sleep it must end. */
static unsigned token, passes;

static void pass_token(unsigned number)
{
    uint32_t random = number + 1;

    for (unsigned lap = 0; lap < LAPS; lap++) {
        for (unsigned yields = test_random(&random) % 4; yields > 0; yields--)
            scheduler_yield();
        uint64_t deadline = clock_now() + TEST_PATIENCE;
        spinlock_lock(&lock);
        int error = wait_event_until(&queue, &lock, token == number, deadline);
        failures += error != 0;
        passes++;
        token = (number + 1) % RING;
        spinlock_unlock(&lock);
        if (error != 0)
            return;
        wait_queue_wake_all(&queue);
    }
}

SELFTEST(wait_queue_loses_no_wake_up_between_threads)
{
    token = passes = failures = 0;
    CHECK_EQ(test_threads_run("ring", RING, pass_token), 0);
    CHECK_EQ(failures, 0);
    CHECK_EQ(passes, RING * LAPS);
}

/* The waker is an interrupt, which may come at any point between the look at the condition and the sleep. */
static bool rung;

static void bell(struct timer *timer)
{
    (void)timer;
    spinlock_lock(&lock);
    rung = true;
    spinlock_unlock(&lock);
    wait_queue_wake_one(&queue);
}

SELFTEST(wait_queue_loses_no_wake_up_from_interrupts)
{
    uint32_t random = 7;

    failures = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct timer timer = {.expired = bell};
        rung = false;
        uint64_t begin = clock_now();
        timer_add(&timer, begin + test_random(&random) % (20 * MICROSECOND));
        for (volatile uint32_t spin = test_random(&random) % 64; spin > 0; spin--)
            ;
        spinlock_lock(&lock);
        int error = wait_event_until(&queue, &lock, rung, begin + TEST_PATIENCE);
        spinlock_unlock(&lock);
        timer_remove(&timer);
        failures += error != 0;
        if (error != 0)
            break;
    }
    CHECK_EQ(failures, 0);
    CHECK(TAILQ_EMPTY(&queue.waiters));
}
