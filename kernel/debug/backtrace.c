#include "kernel/debug/backtrace.h"

#include "kernel/debug/log.h"
#include "kernel/debug/symbols.h"
#include "kernel/lib/direct_map.h"
#include "paging/paging.h"

#define FRAMES_MAX 32

/* SDM vol. 3A, 2.5. */
#define CR4_LA57   (UINT64_C(1) << 12)

/* What `push %rbp; mov %rsp, %rbp` leaves at RBP. */
struct frame_record {
    uint64_t caller_rbp;
    uint64_t return_address;
};

static pte_t *table_pointer(void *context, paddr_t table)
{
    (void)context;
    return direct_map(table);
}

/* May the kernel read this word? Asks the tables that are loaded, so a wild pointer is found out without a fault. */
static bool readable(uint64_t va)
{
    static const struct paging_ops look_only = {.table_pointer = table_pointer};
    uint64_t cr3, cr4;

    if (va < DIRECT_MAP_BASE)
        return false;
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    struct paging loaded = {
        .ops = &look_only,
        .root = cr3 & PTE_ADDRESS_MASK,
        .levels = cr4 & CR4_LA57 ? 5 : 4,
        .physical_width = 52,
        .nx = true,
        .pages_1g = true,
    };
    return paging_lookup(&loaded, va, (struct paging_access){.wp = true}).refusal == PAGING_ALLOWED;
}

/* A return address that begins a function belongs to a call that never returns, at the end of the function before it. */
static void frame_log(unsigned number, uint64_t rip)
{
    uint64_t offset;
    const char *name = symbol_name(rip, &offset);

    if (name != NULL && offset == 0 && number > 0) {
        name = symbol_name(rip - 1, &offset);
        offset++;
    }
    if (name != NULL)
        log_error("  #%u %016lx %s+%#lx", number, rip, name, offset);
    else
        log_error("  #%u %016lx", number, rip);
}

void backtrace_log_above(uint64_t rip, uint64_t frame, uint64_t rbp)
{
    for (unsigned skipped = 0; rbp <= frame && skipped < FRAMES_MAX; skipped++) {
        if (rbp % sizeof(uint64_t) != 0 || !readable(rbp))
            break;
        rbp = ((const struct frame_record *)rbp)->caller_rbp;
    }
    backtrace_log(rip, rbp > frame ? rbp : 0);
}

void backtrace_log(uint64_t rip, uint64_t rbp)
{
    for (unsigned number = 0; number < FRAMES_MAX; number++) {
        frame_log(number, rip);
        /* Frames are found at rising addresses; anything else is a broken chain or user mode's RBP. */
        if (rbp % sizeof(uint64_t) != 0 || !readable(rbp) || !readable(rbp + sizeof(uint64_t)))
            return;
        const struct frame_record *record = (const struct frame_record *)rbp;
        rip = record->return_address;
        if (rip < KERNEL_IMAGE_BASE)
            return;
        if (record->caller_rbp != 0 && record->caller_rbp <= rbp) {
            frame_log(number + 1, rip);
            log_error("  (the chain of frame pointers goes back to %#lx)", record->caller_rbp);
            return;
        }
        rbp = record->caller_rbp;
    }
    log_error("  (more than %u frames)", FRAMES_MAX);
}
