/* See tlb.h. INVLPG by INVLPG up to a limit, beyond it everything at once (SDM vol. 3A, 4.10.4).
 *
 * INVLPG and a CR3 load reach what is tagged with the identifier that is loaded, and INVLPG global translations too (4.10.4.1). So the user pages of a space are flushed only where it is
 * loaded, and elsewhere when it is loaded again; a kernel page is global wherever identifiers are in use (cpu_control_start() sees to that).
 *
 * A CPU that wants others to flush writes its request into its own mailbox, marks itself in the mailbox of each of them and sends an interrupt (SDM vol. 3A, 4.10.5). They flush and
 * count the request down. While it waits it serves requests that come in, so that two that flush at the same time do not wait for each other for ever. */
#include "kernel/memory/tlb.h"

#include <stddef.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/kernel_space.h"

/* Above this many pages a CR3 load, with its refills, is cheaper than single INVLPGs. */
#define TLB_PAGES_MAX 32

struct tlb_mailbox {
    /* The request of this CPU; unchanged while `waiting` is not 0. */
    vaddr_t from, to;
    bool kernel;                /* pages of the kernel half; else of the space that is `version`... */
    struct tlb_version version; /* ... as of this flush */
    const struct address_space *space;
    uint32_t waiting; /* CPUs that have not flushed yet */

    struct cpu_mask asked_by; /* CPUs whose request this one has to serve */
} __attribute__((aligned(64)));

static struct tlb_mailbox mailboxes[CPU_MAX];

/* What each CPU's TLB may know; used by that CPU only, with interrupts off. */
static struct {
    struct tlb_slots slots;
} __attribute__((aligned(64))) known[CPU_MAX];

void tlb_version_start(struct tlb_version *version)
{
    static uint64_t last; /* atomic */

    *version = (struct tlb_version){.id = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED)};
}

static struct tlb_version version_now(const struct address_space *space)
{
    return (struct tlb_version){space->version.id,
                                __atomic_load_n(&space->version.generation, __ATOMIC_SEQ_CST)};
}

void tlb_load(struct address_space *space)
{
    struct tlb_slots *own = &known[cpu_current()->id].slots;
    struct tlb_load load =
        space != NULL ? tlb_slots_enter(own, version_now(space), cpu_features.pcid) : tlb_slots_leave(own);

    write_cr3((space != NULL ? space->paging.root : kernel_paging.root) | load.identifier |
              (load.flush ? 0 : CR3_NO_FLUSH));
}

/* Global entries, and those of all identifiers, go with INVPCID or with CR4.PGE switched (SDM vol. 3A, 4.10.4.1). */
static void flush_everything(void)
{
    uint64_t cr4 = read_cr4();

    if (cpu_features.pcid && cpu_features.invpcid) {
        invpcid(INVPCID_ALL);
    } else if (cr4 & CR4_PGE) {
        write_cr4(cr4 & ~CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
    }
}

static void flush_pages(vaddr_t from, vaddr_t to)
{
    for (vaddr_t va = from; va < to; va += PAGE_SIZE)
        invlpg(va);
}

/* What this CPU has to do for a request, its own or another's. */
static void flush_here(const struct tlb_mailbox *request)
{
    bool many = request->to - request->from > TLB_PAGES_MAX * PAGE_SIZE;

    if (request->kernel) {
        /* With identifiers on, INVLPG may leave pages of all of them behind: an erratum of Alder Lake and Raptor Lake. */
        if (many || cpu_features.pcid)
            flush_everything();
        else
            flush_pages(request->from, request->to);
        return;
    }
    uint64_t now = version_now(request->space).generation;
    switch (tlb_slots_flush(&known[cpu_current()->id].slots, request->version, now)) {
    case TLB_NEED_NOTHING:
        return;
    case TLB_NEED_RANGE:
        if (!many) {
            flush_pages(request->from, request->to);
            return;
        }
        break;
    case TLB_NEED_ALL:
        break;
    }
    write_cr3(read_cr3()); /* bit 63 reads as 0: everything of the loaded identifier goes */
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
            flush_here(request);
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

/* Ask the members of `set` (NULL: all) to do what is in this CPU's mailbox, and wait for them. */
static void request_send(struct cpu *self, const struct cpu_mask *set)
{
    struct tlb_mailbox *own = &mailboxes[self->id];
    uint32_t count = cpu_count_now();

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

static void request_make(struct tlb_mailbox *own, struct address_space *space,
                         const struct paging_flush *flush)
{
    own->from = flush->start;
    own->to = flush->end;
    own->kernel = space == NULL;
    own->space = space;
    /* The tables' new entries are written before the generation changes and the set is read: a CPU that is not in it yet will see both. */
    if (space != NULL)
        own->version = (struct tlb_version){
            space->version.id, __atomic_add_fetch(&space->version.generation, 1, __ATOMIC_SEQ_CST)};
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void tlb_flush(struct address_space *space, struct paging_flush *flush)
{
    if (flush->start != flush->end) {
        bool enabled = interrupts_disable();
        struct cpu *self = cpu_current();
        struct tlb_mailbox *own = &mailboxes[self->id];

        request_make(own, space, flush);
        flush_here(own);
        if (cpu_count_now() > 1) {
            ASSERT_EQ(self->locks_held, 0u, "who waits for other CPUs holds no spinlock");
            request_send(self, space != NULL ? &space->active : NULL);
        }
        interrupts_restore(enabled);
    }
    flush->start = flush->end = 0;
    flush->pages = 0;
    flush->global = flush->structure = false;
}
