/* Sequence counters (kernel/lib/seqcount.h), with threads that read while others write. */
#include "kernel/lib/seqcount.h"

#include "kernel/cpu/registers.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/process/test_threads.h"

#define WRITERS 2
#define READERS 4
#define CHANGES 2000

static struct spinlock writing = SPINLOCK_INIT(LOCK_DEVICE, "test writing");
static struct seqcount sequence;
static uint64_t value, complement; /* atomic; each is the other's complement, but in the middle of a change */
static unsigned writers, torn, reads;

static void write(unsigned number)
{
    for (uint64_t i = 0; i < CHANGES; i++) {
        spinlock_lock(&writing);
        seqcount_write_begin(&sequence);
        __atomic_store_n(&value, i << 8 | number, __ATOMIC_RELAXED);
        cpu_relax(); /* time for a reader to come */
        __atomic_store_n(&complement, ~(i << 8 | number), __ATOMIC_RELAXED);
        seqcount_write_end(&sequence);
        spinlock_unlock(&writing);
        if (i % 64 == 0)
            test_pause();
    }
    __atomic_sub_fetch(&writers, 1, __ATOMIC_RELEASE);
}

static void read(void)
{
    uint64_t one, other;
    uint32_t begun;

    do {
        do {
            begun = seqcount_read_begin(&sequence);
            one = __atomic_load_n(&value, __ATOMIC_RELAXED);
            cpu_relax();
            other = __atomic_load_n(&complement, __ATOMIC_RELAXED);
        } while (seqcount_read_again(&sequence, begun));
        if (one != ~other)
            __atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
        if (__atomic_add_fetch(&reads, 1, __ATOMIC_RELAXED) % 64 == 0)
            test_pause();
    } while (__atomic_load_n(&writers, __ATOMIC_ACQUIRE) > 0);
}

static void take_part(unsigned number)
{
    if (number < WRITERS)
        write(number);
    else
        read();
}

SELFTEST(seqcount_readers_see_whole_changes)
{
    value = 0;
    complement = ~value;
    torn = reads = 0;
    writers = WRITERS;
    uint32_t before = sequence.count;
    CHECK_EQ(test_threads_run("seqcount", WRITERS + READERS, take_part), 0);
    CHECK_EQ(torn, 0);
    CHECK(reads >= READERS);
    CHECK_EQ(sequence.count - before, 2 * WRITERS * CHANGES);
}

/* What the rules are for: a reader that begins before a change and ends after it reads again, and so does one that ends in the middle. */
SELFTEST(seqcount_reader_notices_a_change)
{
    uint32_t begun = seqcount_read_begin(&sequence);
    CHECK(!seqcount_read_again(&sequence, begun));
    seqcount_write_begin(&sequence);
    CHECK(seqcount_read_again(&sequence, begun));
    seqcount_write_end(&sequence);
    CHECK(seqcount_read_again(&sequence, begun));
    CHECK(!seqcount_read_again(&sequence, seqcount_read_begin(&sequence)));
}
