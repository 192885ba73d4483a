/* See timer.h. One tree for the machine; `armed` is what the local timer is set to, so that a later deadline costs no register write. */
#include "kernel/process/timer.h"

#include <stddef.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"

static int timer_compare(const struct timer *left, const struct timer *right)
{
    if (left->deadline != right->deadline)
        return left->deadline < right->deadline ? -1 : 1;
    return left < right ? -1 : left > right;
}

RB_HEAD(timer_tree, timer);
RB_GENERATE_STATIC(timer_tree, timer, node, timer_compare)

static struct timer_tree timers = RB_INITIALIZER(&timers);
static struct spinlock timers_lock = {.rank = LOCK_TIMERS, .name = "timers"};
static struct timer *running;
static uint64_t armed = UINT64_MAX;
static uint64_t (*tick)(uint64_t now);
static uint64_t (*polls[TIMER_POLLS_MAX])(uint64_t now); /* written once each, at start-up */

void timer_at_latest(uint64_t deadline)
{
    if (deadline >= armed)
        return;
    uint64_t now = clock_now();
    armed = deadline;
    clock_timer_start(deadline > now ? deadline - now : 0);
}

static struct timer *take_expired(uint64_t now)
{
    struct timer *first = RB_MIN(timer_tree, &timers);

    if (first == NULL || first->deadline > now)
        return NULL;
    RB_REMOVE(timer_tree, &timers, first);
    first->queued = false;
    return first;
}

static void timers_run(uint64_t now)
{
    spinlock_lock(&timers_lock);
    while ((running = take_expired(now)) != NULL) {
        struct timer *timer = running;
        spinlock_unlock(&timers_lock);
        timer->expired(timer);
        spinlock_lock(&timers_lock);
    }
    struct timer *next = RB_MIN(timer_tree, &timers);
    if (next != NULL)
        timer_at_latest(next->deadline);
    spinlock_unlock(&timers_lock);
}

static void timer_interrupt(struct trap_frame *frame, void *context)
{
    uint64_t now = clock_now();

    (void)frame;
    (void)context;
    lapic_end_of_interrupt();
    armed = UINT64_MAX;
    timers_run(now);
    timer_at_latest(tick(now));
    for (unsigned i = 0; i < TIMER_POLLS_MAX && polls[i] != NULL; i++)
        timer_at_latest(polls[i](now));
}

void timer_poll_add(uint64_t (*poll)(uint64_t now))
{
    unsigned i = 0;

    while (i < TIMER_POLLS_MAX && polls[i] != NULL)
        i++;
    ASSERT_LT(i, (unsigned)TIMER_POLLS_MAX, "there is a place for every poll");
    __atomic_store_n(&polls[i], poll, __ATOMIC_RELEASE);
}

void timer_start(uint64_t (*function)(uint64_t now))
{
    tick = function;
    int error = interrupt_register(VECTOR_TIMER, timer_interrupt, NULL);
    ASSERT_EQ(error, 0, "nobody else has the timer's vector");
}

void timer_add(struct timer *timer, uint64_t deadline)
{
    spinlock_lock(&timers_lock);
    timer->deadline = deadline;
    timer->queued = true;
    RB_INSERT(timer_tree, &timers, timer);
    timer_at_latest(deadline);
    spinlock_unlock(&timers_lock);
}

void timer_remove(struct timer *timer)
{
    spinlock_lock(&timers_lock);
    if (timer->queued) {
        RB_REMOVE(timer_tree, &timers, timer);
        timer->queued = false;
    }
    while (running == timer) {
        spinlock_unlock(&timers_lock);
        cpu_relax();
        spinlock_lock(&timers_lock);
    }
    spinlock_unlock(&timers_lock);
}
