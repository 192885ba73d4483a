/* See walk_report.h. */
#include "kernel/memory/walk_report.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/trap.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/kernel_space.h"

static void step_report(const struct paging_step *step, const struct paging_walk *walk)
{
    pte_t entry = step->entry;
    bool leaf = step->level == 1 || entry & PTE_PS;
    char flags[] = "---x----";

    flags[0] = entry & PTE_P ? 'P' : '-';
    flags[1] = entry & PTE_W ? 'W' : '-';
    flags[2] = entry & PTE_U ? 'U' : '-';
    flags[3] = entry & PTE_NX ? '-' : 'X';
    flags[4] = entry & PTE_A ? 'A' : '-';
    flags[5] = leaf && entry & PTE_D ? 'D' : '-';
    flags[6] = leaf && entry & PTE_G ? 'G' : '-';
    flags[7] = step->level > 1 && entry & PTE_PS ? 'L' : '-';
    log_info("  level %u: %016lx %s%s%s", step->level, entry, flags,
             step->level == walk->refused_level ? "  <- " : "",
             step->level == walk->refused_level ? paging_refusal_name(walk->refusal) : "");
}

static const char *const legal_if[] = {
    [PAGING_NON_CANONICAL] = "bits 63 to 47 (56 with five levels) of the address were equal",
    [PAGING_NOT_PRESENT] = "that entry had P, and those below it",
    [PAGING_RESERVED_BIT] = "that entry had no reserved bit set",
    [PAGING_NOT_USER] = "U were set at every level, or the access were the kernel's",
    [PAGING_NOT_WRITABLE] = "W were set at every level",
    [PAGING_NO_EXECUTE] = "NX were clear at every level",
    [PAGING_SMEP] = "the page were the kernel's own (no U), or CR4.SMEP off",
    [PAGING_SMAP] = "RFLAGS.AC were set (user_copy), or CR4.SMAP off",
};

void walk_report(vaddr_t address, uint64_t error_code)
{
    struct paging now = kernel_paging;
    uint64_t cr4 = read_cr4();
    struct paging_access access = {
        .write = error_code & FAULT_WRITE,
        .user = error_code & FAULT_USER,
        .fetch = error_code & FAULT_FETCH,
        .wp = read_cr0() & CR0_WP,
        .smep = cr4 & CR4_SMEP,
        .smap = cr4 & CR4_SMAP,
    };

    now.root = read_cr3() & PTE_ADDRESS_MASK;
    struct paging_walk walk = paging_lookup(&now, address, access);
    log_info("  walk of %#lx for a %s%s, tables at %#lx:", address, access.user ? "user " : "kernel ",
             access.fetch   ? "instruction fetch"
             : access.write ? "write"
                            : "read",
             now.root);
    for (unsigned i = 0; i < walk.steps; i++)
        step_report(&walk.step[i], &walk);
    if (walk.refusal == PAGING_ALLOWED)
        log_info("  the tables allow it now");
    else if (legal_if[walk.refusal] != NULL)
        log_info("  the processor would allow it if %s", legal_if[walk.refusal]);
    else if (walk.refused_level == 0)
        log_info("  %s", paging_refusal_name(walk.refusal));
}

static void panic_report(const struct trap_frame *frame)
{
    if (frame != NULL && frame->vector == EXCEPTION_PAGE_FAULT)
        walk_report(read_cr2(), frame->error);
    if (frame != NULL && frame->vector == EXCEPTION_DOUBLE_FAULT && kernel_stack_guard(read_cr2()))
        log_error("  %#lx is in the guard page of a kernel stack: the stack overflowed", read_cr2());
}

void walk_report_in_panics(void)
{
    panic_reporter_add(panic_report);
}
