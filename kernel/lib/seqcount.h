/* Sequence counters: a few words that are read far more often than they change, and that a reader must see as one change left them.
 *
 * A reader takes no lock and writes nothing, so that any number of them read at the same time, in user mode too; when a change comes in between, it
 * reads again. Writers keep each other out by a lock of their own. A writer must not be interrupted by a reader of the same CPU: it holds a spinlock, or has interrupts off.
 *
 *     do {
 *         begun = seqcount_read_begin(&sequence);
 *         a = __atomic_load_n(&shared.a, __ATOMIC_RELAXED);
 *         b = __atomic_load_n(&shared.b, __ATOMIC_RELAXED);
 *     } while (seqcount_read_again(&sequence, begun)); */
#ifndef KERNEL_LIB_SEQCOUNT_H
#define KERNEL_LIB_SEQCOUNT_H

#include <stdbool.h>
#include <stdint.h>

struct seqcount {
    uint32_t count; /* atomic: changes begun and ended; odd while one is under way */
};

/* What is read from here on is later than all changes before. */
static inline uint32_t seqcount_read_begin(const struct seqcount *sequence)
{
    uint32_t begun;

    while ((begun = __atomic_load_n(&sequence->count, __ATOMIC_ACQUIRE)) & 1)
        __builtin_ia32_pause();
    return begun;
}

/* A change came in between: what was read may be half of it. */
static inline bool seqcount_read_again(const struct seqcount *sequence, uint32_t begun)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&sequence->count, __ATOMIC_RELAXED) != begun;
}

/* Around the stores of a change, which are atomic ones. */
static inline void seqcount_write_begin(struct seqcount *sequence)
{
    __atomic_store_n(&sequence->count, sequence->count + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void seqcount_write_end(struct seqcount *sequence)
{
    __atomic_store_n(&sequence->count, sequence->count + 1, __ATOMIC_RELEASE);
}

#endif
