/* See tlb.h. INVLPG by INVLPG up to a limit, beyond it everything at once (SDM vol. 3A, 4.10.4).
 *
 * A CPU that wants others to flush writes its request into its own mailbox, marks itself in the mailbox of each of them and sends an interrupt (SDM vol. 3A, 4.10.5). They flush and
 * count the request down. While it waits it serves requests that come in, so that two that flush at the same time do not wait for each other for ever. */
#include "kernel/memory/tlb.h"

#include <stddef.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/memory/address_space.h"

/* Above this many pages a CR3 load, with its refills, is cheaper than single INVLPGs. */
#define TLB_PAGES_MAX 32

struct tlb_mailbox {
    /* The request of this CPU; unchanged while `waiting` is not 0. */
    vaddr_t from, to;
    bool global;
    uint32_t waiting; /* CPUs that have not flushed yet */

    struct cpu_mask asked_by; /* CPUs whose request this one has to serve */
} __attribute__((aligned(64)));

static struct tlb_mailbox mailboxes[CPU_MAX];

/* Global entries go only with CR4.PGE switched (SDM vol. 3A, 4.10.4.1). */
static void flush_everything(bool global)
{
    uint64_t cr4 = read_cr4();

    if (global && cr4 & CR4_PGE) {
        write_cr4(cr4 & ~CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
    }
}

static void flush_here(vaddr_t from, vaddr_t to, bool global)
{
    if (to - from > TLB_PAGES_MAX * PAGE_SIZE) {
        flush_everything(global);
        return;
    }
    for (vaddr_t va = from; va < to; va += PAGE_SIZE)
        invlpg(va);
}

void tlb_serve(void)
{
    struct tlb_mailbox *own = &mailboxes[cpu_current()->id];

    for (uint32_t word = 0; word < CPU_MASK_WORDS; word++) {
        if (__atomic_load_n(&own->asked_by.word[word], __ATOMIC_RELAXED) == 0)
            continue;
        uint64_t asked = __atomic_exchange_n(&own->asked_by.word[word], 0, __ATOMIC_ACQ_REL);
        for (; asked != 0; asked &= asked - 1) {
            struct tlb_mailbox *request = &mailboxes[word * 64 + (uint32_t)__builtin_ctzll(asked)];
            flush_here(request->from, request->to, request->global);
            __atomic_sub_fetch(&request->waiting, 1, __ATOMIC_RELEASE);
        }
    }
}

static void flush_interrupt(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
    lapic_end_of_interrupt();
    tlb_serve();
}

void tlb_start(void)
{
    int error = interrupt_register(VECTOR_FLUSH, flush_interrupt, NULL);
    ASSERT_EQ(error, 0, "nobody else has the flush vector");
}

static void request_send(struct cpu *self, const struct cpu_mask *set, const struct paging_flush *flush)
{
    struct tlb_mailbox *own = &mailboxes[self->id];
    uint32_t count = cpu_count_now();

    own->from = flush->start;
    own->to = flush->end;
    own->global = flush->global;
    for (uint32_t id = 0; id < count; id++) {
        if (id == self->id || (set != NULL && !cpu_mask_has(set, id)))
            continue;
        __atomic_add_fetch(&own->waiting, 1, __ATOMIC_RELAXED);
        /* Already marked by an earlier request would mean that it was not waited for. */
        cpu_mask_set(&mailboxes[id].asked_by, self->id);
        lapic_send(cpus[id]->lapic_id, VECTOR_FLUSH);
    }
    while (__atomic_load_n(&own->waiting, __ATOMIC_ACQUIRE) != 0) {
        tlb_serve();
        cpu_relax();
        if (panic_elsewhere())
            cpu_stop();
    }
}

void tlb_flush(struct address_space *space, struct paging_flush *flush)
{
    bool enabled = interrupts_disable();
    struct cpu *self = cpu_current();

    if (flush->start != flush->end) {
        /* The tables' new entries are written before the set is read: a CPU that is not in it yet will read the new ones. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (space == NULL || self->space == space)
            flush_here(flush->start, flush->end, flush->global);
        if (cpu_count_now() > 1) {
            ASSERT_EQ(self->locks_held, 0u, "who waits for other CPUs holds no spinlock");
            request_send(self, space != NULL ? &space->active : NULL, flush);
        }
    }
    interrupts_restore(enabled);
    flush->start = flush->end = 0;
    flush->pages = 0;
    flush->global = flush->structure = false;
}
