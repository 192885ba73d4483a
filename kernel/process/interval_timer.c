/* See interval_timer.h. */
#include "kernel/process/interval_timer.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <stddef.h>

#include "kernel/device/clock.h"
#include "kernel/process/process.h"

/* A signal that is ignored is never taken; the interval goes on, but no faster than this. */
#define UNSEEN_INTERVAL UINT64_C(1000000)

/* Set the timer for the end of the first interval that is not over yet, and not before `earliest`. process->lock held. */
static void begin_anew(struct interval_timer *timer, uint64_t earliest)
{
    timer->untaken = false;
    timer->expires += timer->interval;
    if (timer->expires < earliest)
        timer->expires +=
            (earliest - timer->expires + timer->interval - 1) / timer->interval * timer->interval;
    timer_add(&timer->timer, timer->expires);
}

/* In interrupt context, with no lock held. Nobody else queues the timer before this is over, perhaps on another CPU: timer_remove() waits there for the CPU that the timer was last queued
 * on, and after it the process may be gone. Who sets the timer meanwhile waits in timer_remove() until this is over: no signal of the old time comes after that. */
static void expired(struct timer *queued)
{
    struct interval_timer *timer =
        (struct interval_timer *)((uint8_t *)queued - offsetof(struct interval_timer, timer));
    struct process *process = (struct process *)((uint8_t *)timer - offsetof(struct process, real_timer));
    static const struct signal_info alarm = {.signal = SIGALRM, .code = SI_KERNEL};

    spinlock_lock(&process->lock);
    bool due = timer->expires != 0;
    timer->untaken = due && timer->interval != 0;
    timer->firing = due;
    timer->taken = false;
    if (due && timer->interval == 0)
        timer->expires = 0;
    spinlock_unlock(&process->lock);
    if (!due)
        return;
    signal_send_process(process, &alarm);
    spinlock_lock(&process->lock);
    timer->firing = false;
    if (timer->untaken && !(process->pending.set & SIGNAL_BIT(SIGALRM)))
        begin_anew(timer, clock_now() + (timer->taken ? 0 : UNSEEN_INTERVAL));
    spinlock_unlock(&process->lock);
}

void interval_timer_taken(struct process *process)
{
    struct interval_timer *timer = &process->real_timer;

    if (timer->firing)
        timer->taken = true;
    else if (timer->untaken)
        begin_anew(timer, clock_now());
}

void interval_timer_init(struct interval_timer *timer)
{
    mutex_init(&timer->setting, MUTEX_INTERVAL_TIMER, "interval timer");
    timer->timer.expired = expired;
}

/* process->lock held. At least a nanosecond while it is still to come. */
static void read_locked(const struct interval_timer *timer, uint64_t *left, uint64_t *interval)
{
    uint64_t now = clock_now();

    *interval = timer->interval;
    if (timer->expires == 0 || timer->untaken)
        *left = 0;
    else
        *left = timer->expires > now ? timer->expires - now : 1;
}

void interval_timer_get(uint64_t *left, uint64_t *interval)
{
    struct process *process = current_process();

    spinlock_lock(&process->lock);
    read_locked(&process->real_timer, left, interval);
    spinlock_unlock(&process->lock);
}

/* Not queued, and not running. The lock is given up meanwhile: with nothing set nobody queues it. */
static void stop(struct process *process, struct interval_timer *timer, uint64_t *left, uint64_t *interval)
{
    spinlock_lock(&process->lock);
    read_locked(timer, left, interval);
    timer->expires = timer->interval = 0;
    timer->untaken = false;
    spinlock_unlock(&process->lock);
    if (timer->timer.base != NULL)
        timer_remove(&timer->timer);
}

void interval_timer_set(uint64_t value, uint64_t interval, uint64_t *left, uint64_t *interval_before)
{
    struct process *process = current_process();
    struct interval_timer *timer = &process->real_timer;

    mutex_lock(&timer->setting);
    stop(process, timer, left, interval_before);
    if (value != 0) {
        spinlock_lock(&process->lock);
        timer->expires = clock_now() + value;
        timer->interval = interval;
        timer_add(&timer->timer, timer->expires);
        spinlock_unlock(&process->lock);
    }
    mutex_unlock(&timer->setting);
}

void interval_timer_end(struct process *process)
{
    uint64_t left, interval;

    stop(process, &process->real_timer, &left, &interval);
}
