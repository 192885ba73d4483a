/* Which translations a CPU still has of address spaces that it left, and what must be flushed of them: decided here, done in tlb.c.
 *
 * With process-context identifiers (SDM vol. 3A, 4.10.1) a TLB tags what it caches, so loading other tables need not flush. Each CPU has a few slots; slot i is identifier
 * i + 1, and 0 is the kernel's own tables. A slot knows whose translations it has and how fresh they are: every flush of a space gives the space a new generation, and a slot of
 * an older one is flushed when the CPU comes back to it, however long ago it left. Without identifiers there is one slot, which every load flushes; the rest is the same.
 *
 * Pure: no register is touched, so it is tested on the host, against a model of tagged TLBs. The caller has interrupts off. */
#ifndef KERNEL_MEMORY_TLB_TAG_H
#define KERNEL_MEMORY_TLB_TAG_H

#include <stdbool.h>
#include <stdint.h>

#define TLB_SLOTS_MAX 6

/* What makes a space's translations known; `id` is not 0 and never used again, so that a slot of a space that is gone matches nothing. */
struct tlb_version {
    uint64_t id;
    uint64_t generation; /* atomic */
};

/* Zero: a CPU that has no tables of processes loaded. */
struct tlb_slots {
    uint32_t loaded_next; /* number of the loaded slot + 1; 0: the kernel's own tables */
    uint32_t victim;      /* the slot that is given to the next new space */
    struct tlb_version slot[TLB_SLOTS_MAX];
};

struct tlb_load {
    uint16_t identifier;
    bool flush; /* what the TLB has under that identifier must go */
};

/* This CPU is about to load the tables of a space whose version, read after the CPU is in the space's active set, is `now`. `identifiers`: the TLB is tagged. */
struct tlb_load tlb_slots_enter(struct tlb_slots *slots, struct tlb_version now, bool identifiers);

/* It is about to load the kernel's own tables. */
struct tlb_load tlb_slots_leave(struct tlb_slots *slots);

enum tlb_need {
    TLB_NEED_NOTHING, /* not loaded here, or flushed since */
    TLB_NEED_RANGE,   /* the range of this flush */
    TLB_NEED_ALL,     /* everything of the loaded space: another flush was missed */
};

/* A flush of the space made it `asked`; by now it is at generation `now`, which is read before this CPU flushes. What this CPU must flush at once. */
enum tlb_need tlb_slots_flush(struct tlb_slots *slots, struct tlb_version asked, uint64_t now);

#endif
