/* See timer.h. One tree a CPU; its `timer_armed` is what the local timer is set to, so that a later deadline costs no register write. */
#include "kernel/process/timer.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"
#include "kernel/memory/heap.h"

static int timer_compare(const struct timer *left, const struct timer *right)
{
    if (left->deadline != right->deadline)
        return left->deadline < right->deadline ? -1 : 1;
    return left < right ? -1 : left > right;
}

RB_HEAD(timer_tree, timer);
RB_GENERATE_STATIC(timer_tree, timer, node, timer_compare)

struct timer_base {
    struct spinlock lock; /* tree, running, and the fields of the timers in it */
    struct timer_tree timers;
    struct timer *running;
};

static struct timer_base boot_base;
static uint64_t (*tick)(uint64_t now);
static uint64_t (*polls[TIMER_POLLS_MAX])(uint64_t now); /* written once each, at start-up */

static void base_init(struct timer_base *base)
{
    base->lock = SPINLOCK_INIT(LOCK_TIMERS, "timers");
    RB_INIT(&base->timers);
}

void timer_arm(uint64_t deadline)
{
    uint64_t now = clock_now();

    cpu_current()->timer_armed = deadline;
    clock_timer_start(deadline > now ? deadline - now : 0);
}

static struct timer *take_expired(struct timer_base *base, uint64_t now)
{
    struct timer *first = RB_MIN(timer_tree, &base->timers);

    if (first == NULL || first->deadline > now)
        return NULL;
    RB_REMOVE(timer_tree, &base->timers, first);
    first->queued = false;
    return first;
}

static void timers_run(struct timer_base *base, uint64_t now)
{
    spinlock_lock(&base->lock);
    while ((base->running = take_expired(base, now)) != NULL) {
        struct timer *timer = base->running;
        spinlock_unlock(&base->lock);
        timer->expired(timer);
        spinlock_lock(&base->lock);
    }
    struct timer *next = RB_MIN(timer_tree, &base->timers);
    if (next != NULL)
        timer_at_latest(next->deadline);
    spinlock_unlock(&base->lock);
}

static void timer_interrupt(struct trap_frame *frame, void *context)
{
    struct timer_base *base = cpu_current()->timers;
    uint64_t now = clock_now();

    (void)frame;
    (void)context;
    lapic_end_of_interrupt();
    cpu_current()->timer_armed = UINT64_MAX;
    /* First, so that whom the timers wake is not yet part of what the scheduler looks at: they would always be there just then. */
    timer_at_latest(tick(now));
    timers_run(base, now);
    timer_at_latest(clock_keep(now));
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
    base_init(&boot_base);
    cpu_current()->timers = &boot_base;
    cpu_current()->timer_armed = UINT64_MAX;
    int error = interrupt_register(VECTOR_TIMER, timer_interrupt, NULL);
    ASSERT_EQ(error, 0, "nobody else has the timer's vector");
    timer_at_latest(clock_keep(clock_now()));
}

int timer_start_cpu(struct cpu *cpu)
{
    cpu->timers = heap_alloc_zeroed(sizeof(*cpu->timers));
    if (cpu->timers == NULL)
        return -ENOMEM;
    base_init(cpu->timers);
    cpu->timer_armed = UINT64_MAX;
    return 0;
}

void timer_add(struct timer *timer, uint64_t deadline)
{
    bool enabled = interrupts_disable();
    struct timer_base *base = cpu_current()->timers;

    spinlock_lock(&base->lock);
    timer->deadline = deadline;
    timer->base = base;
    timer->queued = true;
    RB_INSERT(timer_tree, &base->timers, timer);
    timer_at_latest(deadline);
    spinlock_unlock(&base->lock);
    interrupts_restore(enabled);
}

void timer_remove(struct timer *timer)
{
    struct timer_base *base = timer->base;

    spinlock_lock(&base->lock);
    if (timer->queued) {
        RB_REMOVE(timer_tree, &base->timers, timer);
        timer->queued = false;
    }
    while (base->running == timer) {
        spinlock_unlock(&base->lock);
        cpu_relax();
        spinlock_lock(&base->lock);
    }
    spinlock_unlock(&base->lock);
}
