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

SELFTEST_CRASH(lock_order)
{
    spinlock_lock(&inner);
    spinlock_lock(&outer);
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
