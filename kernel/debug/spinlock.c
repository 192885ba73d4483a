#include "kernel/debug/spinlock.h"

#include "kernel/debug/cpu_local.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/symbols.h"

/* A lock that is not had after so many looks never comes: some seconds at least, on any machine. While this CPU is panicking it is
 * broken into much sooner, because its holder may have been stopped. */
#define SPINS_MAX       UINT32_MAX
#define SPINS_MAX_PANIC (1u << 20)

/* Two places in code, as text. */
struct places {
    char wanted[SYMBOL_TEXT_MAX];
    char taken[SYMBOL_TEXT_MAX];
};

/* `wanted` may not be taken while `held` is. */
_Noreturn static void order_panic(const struct spinlock *wanted, const struct spinlock *held,
                                  const void *caller)
{
    struct places places;

    panic("lock order: \"%s\" (rank %u) wanted at %s while holding \"%s\" (rank %u) taken at %s",
          wanted->name, wanted->rank, symbol_text((uint64_t)caller, places.wanted, sizeof(places.wanted)),
          held->name, held->rank, symbol_text((uint64_t)held->taken_at, places.taken, sizeof(places.taken)));
}

/* Rank order, and room. The list stays sorted, so the last lock has the highest rank. */
static inline void order_check(const struct cpu *cpu, uint32_t held, const struct spinlock *lock, bool next,
                               const void *caller)
{
    if (held == 0)
        return;
    const struct spinlock *last = cpu->lock[held - 1];
    if (last->rank >= lock->rank && !(next && last->rank == lock->rank && last < lock))
        order_panic(lock, last, caller);
    if (held == CPU_LOCKS_HELD_MAX)
        panic("lock order: \"%s\" would be the lock number %u that this CPU holds", lock->name, held + 1);
}

_Noreturn static void stuck_panic(const struct spinlock *lock, const void *caller)
{
    const struct cpu *holder = __atomic_load_n(&lock->holder, __ATOMIC_RELAXED);
    struct places places;

    panic("lock \"%s\" wanted at %s does not come free: held by CPU %u since %s", lock->name,
          symbol_text((uint64_t)caller, places.wanted, sizeof(places.wanted)),
          holder != NULL ? holder->id : ~0u,
          symbol_text((uint64_t)lock->taken_at, places.taken, sizeof(places.taken)));
}

static void wait_for_turn(struct spinlock *lock, uint32_t ticket, const void *caller)
{
    uint32_t most = panic_in_progress() ? SPINS_MAX_PANIC : SPINS_MAX;

    for (uint32_t spins = 0; __atomic_load_n(&lock->now_serving, __ATOMIC_ACQUIRE) != ticket; spins++) {
        __asm__ volatile("pause");
        if (spins < most)
            continue;
        if (panic_in_progress())
            return;
        stuck_panic(lock, caller);
    }
}

/* A function's frame: what `push %rbp; mov %rsp, %rbp` leaves at RBP. */
struct frame_record {
    const struct frame_record *caller;
    const void *return_address;
};

/* The lock is this CPU's, which holds so many others. */
static inline void taken(struct spinlock *lock, struct cpu *cpu, uint32_t held, bool interrupts_were_on,
                         const void *caller, const struct frame_record *taker)
{
    if (held == 0)
        cpu->interrupts_were_on = interrupts_were_on;
    cpu->lock[held] = lock;
    cpu->locks_held = held + 1;
    lock->taken_at = caller;
    lock->taken_frame = taker;
    lock->taken_from = taker->return_address;
    __atomic_store_n(&lock->holder, cpu, __ATOMIC_RELAXED);
}

/* It has to be waited for, or times are measured. */
__attribute__((noinline)) static void take_slowly(struct spinlock *lock, uint32_t ticket,
                                                  bool interrupts_were_on, const void *caller,
                                                  const struct frame_record *taker)
{
    struct cpu *cpu = cpu_current();

    if (lock_times_on && interrupts_were_on) {
        interrupts_off_begin();
        cpu->interrupts_off_at = caller;
    }
    wait_for_turn(lock, ticket, caller);
    taken(lock, cpu, cpu->locks_held, interrupts_were_on, caller, taker);
    if (lock_times_on)
        lock->taken_time = lock_times_now();
}

/* Inlined, and with nothing to be kept over calls: some 160 locks are taken for a fork. */
static inline __attribute__((always_inline)) void
lock_take(struct spinlock *lock, bool next, const void *caller, const struct frame_record *taker)
{
    bool interrupts_were_on = interrupts_disable_unmeasured();
    struct cpu *cpu = cpu_current();

    uint32_t held = cpu->locks_held;

    order_check(cpu, held, lock, next, caller);
    uint32_t ticket = __atomic_fetch_add(&lock->next_ticket, 1, __ATOMIC_RELAXED);
    if (__builtin_expect(__atomic_load_n(&lock->now_serving, __ATOMIC_ACQUIRE) != ticket, 0) ||
        __builtin_expect(lock_times_on, 0))
        take_slowly(lock, ticket, interrupts_were_on, caller, taker);
    else
        taken(lock, cpu, held, interrupts_were_on, caller, taker);
}

/* The frame of the function that called the one this stands in. */
#define TAKER (((const struct frame_record *)__builtin_frame_address(0))->caller)

void spinlock_lock(struct spinlock *lock)
{
    lock_take(lock, false, __builtin_return_address(0), TAKER);
}

void spinlock_lock_next(struct spinlock *lock)
{
    lock_take(lock, true, __builtin_return_address(0), TAKER);
}

/* Take `lock` off this CPU's list; mostly it is the last. */
static void forget(struct cpu *cpu, const struct spinlock *lock)
{
    uint32_t last = --cpu->locks_held;
    uint32_t at = last;

    while (cpu->lock[at] != lock)
        at--;
    for (; at < last; at++)
        cpu->lock[at] = cpu->lock[at + 1];
    cpu->lock[last] = NULL;
}

/* It has left the list. */
static void unlock_note(const struct cpu *cpu, struct spinlock *lock, const void *caller)
{
    lock_times_note(LOCK_TIMES_SPINLOCK + lock->rank, lock->name, lock->taken_time, lock->taken_at, caller);
    lock->taken_time = 0;
    if (cpu->locks_held == 0 && cpu->interrupts_were_on)
        interrupts_off_end_at(caller);
}

static inline void give(struct spinlock *lock)
{
    __atomic_store_n(&lock->holder, NULL, __ATOMIC_RELAXED);
    uint32_t serving = __atomic_load_n(&lock->now_serving, __ATOMIC_RELAXED);
    __atomic_store_n(&lock->now_serving, serving + 1, __ATOMIC_RELEASE);
}

/* It is not the last that was taken, or not this CPU's at all, or times are measured. */
__attribute__((noinline)) static void unlock_slowly(struct spinlock *lock, struct cpu *cpu,
                                                    const void *caller)
{
    /* A lock that a panic broke into has two holders. */
    if (lock->holder != cpu && !panic_in_progress())
        ASSERT_EQ(lock->holder, cpu, "lock \"%s\" is released by the CPU that holds it", lock->name);
    forget(cpu, lock);
    if (lock_times_on)
        unlock_note(cpu, lock, caller);
    give(lock);
    if (cpu->locks_held == 0)
        interrupts_restore(cpu->interrupts_were_on);
}

void spinlock_unlock(struct spinlock *lock)
{
    struct cpu *cpu = cpu_current();
    uint32_t last = cpu->locks_held - 1;

    if (__builtin_expect(lock->holder != cpu || cpu->lock[last] != lock || lock_times_on, 0)) {
        unlock_slowly(lock, cpu, __builtin_return_address(0));
        return;
    }
    cpu->locks_held = last;
    cpu->lock[last] = NULL;
    give(lock);
    if (last == 0 && cpu->interrupts_were_on)
        __asm__ volatile("sti" : : : "memory");
}

bool spinlock_held(const struct spinlock *lock)
{
    /* Another CPU's answer is the same at any moment: it never stores this CPU there. */
    return __atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == cpu_current();
}
