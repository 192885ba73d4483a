/* See tlb.h. INVLPG by INVLPG up to a limit, beyond it everything at once (SDM vol. 3A, 4.10.4). */
#include "kernel/memory/tlb.h"

#include "kernel/cpu/registers.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/spinlock.h"

/* Above this many pages a CR3 load, with its refills, is cheaper than single INVLPGs. */
#define TLB_PAGES_MAX 32

static void flush_pages(const struct paging_flush *flush)
{
    for (vaddr_t va = flush->start; va < flush->end; va += PAGE_SIZE)
        invlpg(va);
}

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

void tlb_flush(struct address_space *space, struct paging_flush *flush)
{
    bool enabled = interrupts_disable();

    if (flush->start != flush->end && (space == NULL || cpu_current()->space == space)) {
        if (flush->end - flush->start <= TLB_PAGES_MAX * PAGE_SIZE)
            flush_pages(flush);
        else
            flush_everything(flush->global);
    }
    interrupts_restore(enabled);
    flush->start = flush->end = 0;
    flush->pages = 0;
    flush->global = flush->structure = false;
}
