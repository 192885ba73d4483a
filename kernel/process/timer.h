/* Timers: a function called once at a given time, from the timer interrupt of the CPU that added it.
 *
 * The next deadline, of a timer or of the running thread's slice, is what each CPU's local APIC timer is set to: nothing ticks when nothing is due. Lock: one per CPU
 * (LOCK_TIMERS); functions run in interrupt context with no lock held. */
#ifndef KERNEL_PROCESS_TIMER_H
#define KERNEL_PROCESS_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/debug/cpu_local.h"
#include "kernel/lib/tree.h"
#include "paging/types.h"

struct timer_base;

struct timer {
    RB_ENTRY(timer) node;
    uint64_t deadline; /* clock_now() */
    void (*expired)(struct timer *timer);
    struct timer_base *base; /* of the CPU it was added on */
    bool queued;
};

/* Take the timer interrupt; `tick(now)` is called at each, before the timers, and returns when it wants the next one at the latest (UINT64_MAX: never). */
void timer_start(uint64_t (*tick)(uint64_t now));

/* The timers of another CPU, before it runs. -ENOMEM. */
int must_check timer_start_cpu(struct cpu *cpu);
/* `poll(now)` is called at each timer interrupt too, with no lock held, and returns when it wants the next one at the latest (UINT64_MAX: never). For what is
 * asked for under locks that forbid timer_add(): set a flag, call timer_at_latest(), look at the flag in the poll. */
#define TIMER_POLLS_MAX 4
void timer_poll_add(uint64_t (*poll)(uint64_t now));

/* Call timer->expired(timer) at `deadline` (now, when that has passed). The timer stays the caller's, and queued until then. */
void timer_add(struct timer *timer, uint64_t deadline);

/* Take it back; any CPU. After it returns the function is not running and will not run. The caller holds no lock that the function takes. */
void timer_remove(struct timer *timer);

/* Set this CPU's local timer. For the next one. */
void timer_arm(uint64_t deadline);

/* Make sure that this CPU's interrupt comes no later than `deadline`. Interrupts off. */
static inline void timer_at_latest(uint64_t deadline)
{
    if (deadline < cpu_current()->timer_armed)
        timer_arm(deadline);
}

#endif
