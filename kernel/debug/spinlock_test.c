/* Ranked spinlocks on the running machine. */
#include "kernel/debug/spinlock.h"

#include "kernel/debug/cpu_local.h"
#include "kernel/debug/selftest.h"

static struct spinlock outer = SPINLOCK_INIT(LOCK_PROCESS, "test outer");
static struct spinlock inner = SPINLOCK_INIT(LOCK_HEAP, "test inner");

SELFTEST(spinlock_keeps_interrupts_off_until_the_last)
{
    bool on = interrupts_disable();
    interrupts_restore(true);
    spinlock_lock(&outer);
    spinlock_lock(&inner);
    bool off_inside = !interrupts_disable();
    /* Any order of release is allowed; only the last one may turn interrupts on. */
    spinlock_unlock(&outer);
    bool off_after_first = !interrupts_disable();
    spinlock_unlock(&inner);
    bool on_after_last = interrupts_disable();
    interrupts_restore(on);
    CHECK(off_inside);
    CHECK(off_after_first);
    CHECK(on_after_last);
}

SELFTEST(spinlock_knows_its_holder)
{
    CHECK(!spinlock_held(&outer));
    spinlock_lock(&outer);
    bool held = spinlock_held(&outer);
    uint32_t count = cpu_current()->locks_held;
    spinlock_unlock(&outer);
    CHECK(held);
    CHECK_EQ(count, 1);
    CHECK(!spinlock_held(&outer));
}

__attribute__((noinline)) static void hold_inner(unsigned depth)
{
    spinlock_lock(&inner);
    CHECK_EQ(depth, 0); /* no tail call: it stays on the stack */
}

__attribute__((noinline)) static void want_outer(unsigned depth)
{
    spinlock_lock(&outer);
    CHECK_EQ(depth, 0);
}

/* The report has the stack of each: the first lock's function has returned, its caller has not. */
SELFTEST_CRASH(lock_order)
{
    hold_inner(0);
    want_outer(0);
    spinlock_unlock(&outer);
}

SELFTEST(lock_times_keep_the_longest)
{
    struct lock_time interrupts, held;
    uint64_t most = 0;

    lock_times_set(true);
    for (unsigned i = 0; i < 20; i++) {
        spinlock_lock(&inner);
        uint64_t start = lock_times_now();
        for (volatile unsigned spin = 0; spin < (i == 10 ? 20000u : 10u); spin++)
            ;
        uint64_t ticks = lock_times_now() - start;
        most = ticks > most ? ticks : most;
        spinlock_unlock(&inner);
    }
    lock_times_on = false;
    bool known = lock_times_get(LOCK_TIMES_SPINLOCK + LOCK_HEAP, &held);
    bool off = lock_times_get(LOCK_TIMES_INTERRUPTS, &interrupts);
    lock_times_set(false);
    CHECK(known && off);
    CHECK(held.count >= 20);
    /* Others may hold a lock of this rank for longer. */
    CHECK(held.ticks >= most);
    CHECK(interrupts.ticks >= most);
    CHECK(!lock_times_get(LOCK_TIMES_SPINLOCK + LOCK_HEAP, &held));
}

SELFTEST_CRASH(lock_twice)
{
    spinlock_lock(&outer);
    spinlock_lock(&outer);
}

SELFTEST_CRASH(lock_not_held)
{
    spinlock_unlock(&outer);
}
