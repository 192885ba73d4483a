/* See screen_refresh.h.
 *
 * Text comes under any lock, so asking for a drawing may take none: it sets a flag and makes sure that a timer interrupt comes. The interrupt
 * holds no lock and wakes the thread. */
#include "kernel/screen_refresh.h"

#include <stdbool.h>
#include <stddef.h>

#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/clock.h"
#include "kernel/device/console.h"
#include "kernel/device/screen.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/process/timer.h"

#define MILLISECOND UINT64_C(1000000)
#define GATHER      (8 * MILLISECOND)   /* what comes soon after the first text is drawn with it */
#define INTERVAL    (25 * MILLISECOND)  /* between two drawings */
#define REST        4                   /* and as many times as long as the last one took... */
#define REST_MAX    (500 * MILLISECOND) /* ...but somebody waits before the screen */

static struct {
    struct spinlock lock; /* orders the thread's sleep and its waking */
    struct thread *thread;
    bool due;

    /* Atomic. */
    bool wanted;
    uint64_t not_before;
} refresh = {.lock = SPINLOCK_INIT(LOCK_WAIT_QUEUE, "screen refresh")};

static void refresh_want(void)
{
    uint64_t soon = clock_now() + GATHER;
    uint64_t earliest = __atomic_load_n(&refresh.not_before, __ATOMIC_RELAXED);

    __atomic_store_n(&refresh.wanted, true, __ATOMIC_RELEASE);
    timer_at_latest(soon > earliest ? soon : earliest);
}

static uint64_t refresh_poll(uint64_t now)
{
    uint64_t earliest = __atomic_load_n(&refresh.not_before, __ATOMIC_RELAXED);

    if (!__atomic_load_n(&refresh.wanted, __ATOMIC_ACQUIRE))
        return UINT64_MAX;
    if (now < earliest)
        return earliest;
    if (!__atomic_exchange_n(&refresh.wanted, false, __ATOMIC_ACQ_REL))
        return UINT64_MAX;
    spinlock_lock(&refresh.lock);
    refresh.due = true;
    spinlock_unlock(&refresh.lock);
    thread_wake(refresh.thread);
    return UINT64_MAX;
}

static void wait_until_due(void)
{
    spinlock_lock(&refresh.lock);
    while (!refresh.due) {
        thread_block(&refresh.lock);
        spinlock_lock(&refresh.lock);
    }
    refresh.due = false;
    spinlock_unlock(&refresh.lock);
}

/* A drawing may have taken long because others had the processor meanwhile, or this machine's host had it. */
static uint64_t rest_after(uint64_t took)
{
    uint64_t rest = took < REST_MAX / REST ? took * REST : REST_MAX;

    return rest > INTERVAL ? rest : INTERVAL;
}

static void refresh_run(void *nothing)
{
    (void)nothing;
    for (;;) {
        wait_until_due();
        uint64_t start = clock_now();
        while (console_refresh())
            scheduler_relax();
        uint64_t end = clock_now();
        __atomic_store_n(&refresh.not_before, end + rest_after(end - start), __ATOMIC_RELAXED);
    }
}

void screen_refresh_start(void)
{
    const char *when = option_value("screen");
    bool now = when != NULL && strcmp(when, "now") == 0;

    if (!screen_present())
        return;
    if (!now) {
        refresh.thread = thread_create_kernel("screen", refresh_run, NULL);
        if (refresh.thread == NULL)
            log_warning("screen: no memory for its thread; every line is drawn when it comes");
    }
    if (refresh.thread != NULL)
        timer_poll_add(refresh_poll);
    console_set_refresher(refresh.thread != NULL ? refresh_want : NULL, refresh.thread == NULL);
}
