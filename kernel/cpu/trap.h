/* Traps: exceptions and interrupts, from the 256 entry points of trap_entry.S to whoever handles them.
 *
 * Exceptions of user mode become signals and page faults are filled in, both by functions that higher floors register; exceptions of the kernel itself are looked up in the
 * fix-up table (instructions that may fault on purpose) and are a panic otherwise. NMIs are only noted, and told in the log by the next interrupt. */
#ifndef KERNEL_CPU_TRAP_H
#define KERNEL_CPU_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/debug/trap_frame.h"
#include "paging/types.h"

/* Exceptions, SDM vol. 3A, table 6-1. */
enum exception {
    EXCEPTION_DIVIDE = 0,
    EXCEPTION_DEBUG = 1,
    EXCEPTION_NMI = 2,
    EXCEPTION_BREAKPOINT = 3,
    EXCEPTION_OVERFLOW = 4,
    EXCEPTION_BOUND = 5,
    EXCEPTION_INVALID_OPCODE = 6,
    EXCEPTION_NO_FPU = 7,
    EXCEPTION_DOUBLE_FAULT = 8,
    EXCEPTION_INVALID_TSS = 10,
    EXCEPTION_SEGMENT = 11,
    EXCEPTION_STACK = 12,
    EXCEPTION_PROTECTION = 13,
    EXCEPTION_PAGE_FAULT = 14,
    EXCEPTION_X87 = 16,
    EXCEPTION_ALIGNMENT = 17,
    EXCEPTION_MACHINE_CHECK = 18,
    EXCEPTION_SIMD = 19,
    EXCEPTION_CONTROL = 21,
};

/* "#PF page fault"; NULL for vectors that are no exception. */
const char *exception_name(uint64_t vector);

/* Load the IDT; the first call fills it. */
void trap_table_load(void);

/* What higher floors do. All run with interrupts as they were when the trap came. */
struct trap_operations {
    /* A page fault at `address`: true when it was handled and the instruction can be run again. May sleep when interrupts were on. */
    bool (*page_fault)(struct trap_frame *frame, uint64_t address);
    /* An exception of user mode that nothing handled. `address`: CR2 for page faults. */
    void (*user_exception)(struct trap_frame *frame, uint64_t address);
    /* Before going back to user mode with cpu->work set: reschedule, deliver signals. Interrupts on. */
    void (*user_work)(struct trap_frame *frame);
};
extern struct trap_operations trap_operations;

/* An instruction at `fault` that may fault on purpose continues at `resume`; both relative to the field itself. */
struct trap_fixup {
    int32_t fault;
    int32_t resume;
};

/* The instruction at `rip` may fault on purpose. */
bool trap_has_fixup(uint64_t rip);

/* Call function(argument), code that is not the kernel's own and cannot be trusted to come back: true when it returned, false when an exception (but NMI and machine
 * check) ended it, which is logged. Where it was is forgotten, so it must hold nothing: no lock, no memory. A page fault is not filled in. One at a time on a
 * CPU; interrupts off. */
bool must_check trap_recover_call(void (*function)(void *argument), void *argument);

#define TRAP_FIXUP(fault_label, resume_label)                                                                \
    ".pushsection fixups, \"a\"\n\t"                                                                         \
    ".balign 4\n\t"                                                                                          \
    ".long " fault_label " - .\n\t"                                                                          \
    ".long " resume_label " - .\n\t"                                                                         \
    ".popsection\n\t"

#endif
