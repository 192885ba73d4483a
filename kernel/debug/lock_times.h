/* How long locks are held and interrupts are off: the longest of each, with the places, when the command line says `locktimes` or while /proc/sys/quire/lock_times is 1.
 *
 * Ticks of the time-stamp counter. What is measured of interrupts is from the moment at which C code learns that they are off to the one at which it turns them on, or comes to the
 * end of an interrupt. Waiting for a lock counts as time with interrupts off, not as time that it is held. Any context. */
#ifndef KERNEL_DEBUG_LOCK_TIMES_H
#define KERNEL_DEBUG_LOCK_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "paging/types.h"

/* Kinds of time: one for interrupts, then one for each rank of spinlocks, then of mutexes. */
#define LOCK_TIMES_INTERRUPTS 0u
#define LOCK_TIMES_SPINLOCK   0u /* plus its rank, which is never 0 */
#define LOCK_TIMES_MUTEX      128u
#define LOCK_TIMES_KINDS      192u

struct lock_time {
    uint64_t ticks;
    uint64_t count;        /* times measured */
    const char *name;      /* of the lock; NULL for interrupts */
    const void *from, *to; /* places in code */
    uint32_t cpu;
};

extern bool lock_times_on;

/* Forget what was measured, and measure from now on or not. */
void lock_times_set(bool on);

/* The longest of a kind. false: there was none. */
bool must_check lock_times_get(unsigned kind, struct lock_time *longest);

/* --- for the locks and the entries; only while lock_times_on --- */

uint64_t lock_times_now(void);
void lock_times_note(unsigned kind, const char *name, uint64_t since, const void *from, const void *to);

/* Interrupts have just gone off, or are about to go on: in the calling function, or at `place` in another one's name. */
void interrupts_off_begin(void);
void interrupts_off_end(void);
void interrupts_off_end_at(const void *place);

#endif
