/* See trap.h. */
#include "kernel/cpu/trap.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"

/* SDM vol. 3A, 6.14.1. */
struct gate {
    uint16_t offset_0;
    uint16_t selector;
    uint8_t ist;
    uint8_t attributes;
    uint16_t offset_16;
    uint32_t offset_32;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM figure 6-8");

#define GATE_INTERRUPT   0x8e /* present, DPL 0, interrupts off on entry */
#define GATE_USER        0x60 /* DPL 3: INT3 and INTO of user mode */

#define VECTORS          256
#define TRAP_ENTRY_BYTES 16

extern const uint8_t trap_entries[VECTORS][TRAP_ENTRY_BYTES];
extern const struct trap_fixup fixups_start[], fixups_end[];

struct trap_operations trap_operations;

static struct gate idt[VECTORS] __attribute__((aligned(4096)));

static struct {
    interrupt_handler *function;
    void *context;
} handlers[VECTORS];

static const struct {
    const char *name;
    uint8_t ist;
    bool user; /* user mode may raise it by an instruction of its own */
} exceptions[32] = {
    [EXCEPTION_DIVIDE] = {"#DE divide error", 0, false},
    [EXCEPTION_DEBUG] = {"#DB debug", IST_DEBUG, false},
    [EXCEPTION_NMI] = {"NMI", IST_NMI, false},
    [EXCEPTION_BREAKPOINT] = {"#BP breakpoint", 0, true},
    [EXCEPTION_OVERFLOW] = {"#OF overflow", 0, true},
    [EXCEPTION_BOUND] = {"#BR bound range", 0, false},
    [EXCEPTION_INVALID_OPCODE] = {"#UD invalid opcode", 0, false},
    [EXCEPTION_NO_FPU] = {"#NM device not available", 0, false},
    [EXCEPTION_DOUBLE_FAULT] = {"#DF double fault", IST_DOUBLE_FAULT, false},
    [EXCEPTION_INVALID_TSS] = {"#TS invalid TSS", 0, false},
    [EXCEPTION_SEGMENT] = {"#NP segment not present", 0, false},
    [EXCEPTION_STACK] = {"#SS stack fault", 0, false},
    [EXCEPTION_PROTECTION] = {"#GP general protection", 0, false},
    [EXCEPTION_PAGE_FAULT] = {"#PF page fault", 0, false},
    [EXCEPTION_X87] = {"#MF x87 floating-point error", 0, false},
    [EXCEPTION_ALIGNMENT] = {"#AC alignment check", 0, false},
    [EXCEPTION_MACHINE_CHECK] = {"#MC machine check", IST_MACHINE_CHECK, false},
    [EXCEPTION_SIMD] = {"#XM SIMD floating-point error", 0, false},
    [EXCEPTION_CONTROL] = {"#CP control protection", 0, false},
};

const char *exception_name(uint64_t vector)
{
    return vector < 32 ? exceptions[vector].name : NULL;
}

static void gate_set(unsigned vector, uint8_t ist, bool user)
{
    uint64_t entry = (uint64_t)trap_entries[vector];

    idt[vector] = (struct gate){
        .offset_0 = (uint16_t)entry,
        .selector = SELECTOR_KERNEL_CODE,
        .ist = ist,
        .attributes = GATE_INTERRUPT | (user ? GATE_USER : 0),
        .offset_16 = (uint16_t)(entry >> 16),
        .offset_32 = (uint32_t)(entry >> 32),
    };
}

void trap_table_load(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = {sizeof(idt) - 1, (uint64_t)idt};

    if (idt[0].selector == 0)
        for (unsigned vector = 0; vector < VECTORS; vector++)
            gate_set(vector, vector < 32 ? exceptions[vector].ist : 0,
                     vector < 32 && exceptions[vector].user);
    __asm__ volatile("lidt %0" : : "m"(idtr));
}

int interrupt_register(uint8_t vector, interrupt_handler *handler, void *context)
{
    if (vector < 32)
        return -EINVAL;
    if (handlers[vector].function != NULL)
        return -EBUSY;
    handlers[vector].context = context;
    __atomic_store_n(&handlers[vector].function, handler, __ATOMIC_RELEASE);
    return 0;
}

int interrupt_vector_alloc(void)
{
    static uint32_t next = VECTOR_FIRST_DEVICE;
    uint32_t vector = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

    return vector <= VECTOR_LAST_DEVICE ? (int)vector : -ENOSPC;
}

static const struct trap_fixup *fixup_find(uint64_t rip)
{
    for (const struct trap_fixup *fixup = fixups_start; fixup < fixups_end; fixup++)
        if ((uint64_t)&fixup->fault + (uint64_t)(int64_t)fixup->fault == rip)
            return fixup;
    return NULL;
}

bool trap_has_fixup(uint64_t rip)
{
    return fixup_find(rip) != NULL;
}

/* What comes from elsewhere than the instruction it interrupts, or (#DF) says nothing of it. */
static bool unrelated(uint64_t vector)
{
    return vector == EXCEPTION_NMI || vector == EXCEPTION_DEBUG || vector == EXCEPTION_DOUBLE_FAULT ||
           vector == EXCEPTION_MACHINE_CHECK;
}

static bool fix_up(struct trap_frame *frame)
{
    const struct trap_fixup *fixup = unrelated(frame->vector) ? NULL : fixup_find(frame->rip);

    if (fixup != NULL)
        frame->rip = (uint64_t)&fixup->resume + (uint64_t)(int64_t)fixup->resume;
    return fixup != NULL;
}

/* Where trap_recover_call() goes on after an exception; filled by recover.S. */
struct trap_recovery {
    uint64_t rsp, rip;
};

bool recover_enter(struct trap_recovery *point, void (*function)(void *argument), void *argument);

bool trap_recover_call(void (*function)(void *argument), void *argument)
{
    struct cpu *cpu = cpu_current();
    struct trap_recovery point;

    ASSERT(cpu->recovery == NULL, "calls that may fail are not nested");
    __atomic_store_n(&cpu->recovery, &point, __ATOMIC_RELEASE);
    bool returned = recover_enter(&point, function, argument);
    __atomic_store_n(&cpu->recovery, NULL, __ATOMIC_RELEASE);
    return returned;
}

static bool recover(struct trap_frame *frame, uint64_t address)
{
    struct cpu *cpu = cpu_current();
    const struct trap_recovery *point = cpu->recovery;

    if (point == NULL || frame->vector == EXCEPTION_MACHINE_CHECK)
        return false;
    const char *name = exception_name(frame->vector);
    log_warning("%s at %#lx, address %#lx, error code %#lx: given up", name ? name : "reserved exception",
                frame->rip, address, frame->error);
    cpu->recovery = NULL;
    frame->rip = point->rip;
    frame->rsp = point->rsp;
    frame->cs = SELECTOR_KERNEL_CODE;
    frame->ss = SELECTOR_KERNEL_DATA;
    frame->rflags = RFLAGS_FIXED;
    return true;
}

/* An NMI may come while any lock is held: it is only noted, and told by the next interrupt of any CPU. Both atomic. */
static uint64_t nmi_rip;
static uint32_t nmis_untold;

static void nmi_note(const struct trap_frame *frame)
{
    __atomic_store_n(&nmi_rip, frame->rip, __ATOMIC_RELAXED);
    __atomic_add_fetch(&nmis_untold, 1, __ATOMIC_RELEASE);
}

__attribute__((noinline)) static void nmis_tell(void)
{
    uint32_t count = __atomic_exchange_n(&nmis_untold, 0, __ATOMIC_ACQUIRE);

    if (count > 0)
        log_error("%u NMI, the last at %#lx: ignored", count, __atomic_load_n(&nmi_rip, __ATOMIC_RELAXED));
}

static void interrupt_dispatch(struct trap_frame *frame)
{
    struct cpu *cpu = cpu_current();

    if (__builtin_expect(__atomic_load_n(&nmis_untold, __ATOMIC_RELAXED) != 0, 0))
        nmis_tell();

    if (__builtin_expect(lock_times_on, 0))
        interrupts_off_begin();
    cpu->interrupts++;
    cpu->interrupt_depth++;
    if (handlers[frame->vector].function != NULL)
        handlers[frame->vector].function(frame, handlers[frame->vector].context);
    else if (frame->vector != VECTOR_SPURIOUS)
        log_warning("interrupt %lu has no handler", frame->vector);
    cpu->interrupt_depth--;
    if (__builtin_expect(lock_times_on, 0))
        interrupts_off_end_at((const void *)handlers[frame->vector].function);
}

static void kernel_exception(struct trap_frame *frame, uint64_t address)
{
    if (fix_up(frame))
        return;
    if (recover(frame, address))
        return;
    if (frame->vector == EXCEPTION_PAGE_FAULT)
        panic_trap(frame, "page fault at %#lx in the kernel, error code %#lx", address, frame->error);
    if (frame->vector == EXCEPTION_DEBUG) {
        /* User mode single-stepped into the kernel: a SYSCALL right after MOV SS runs one instruction here before the
         * trap (SDM vol. 3A, 6.8.3). The kernel sets no breakpoints of its own. */
        frame->rflags &= ~RFLAGS_TF;
        return;
    }
    const char *name = exception_name(frame->vector);
    panic_trap(frame, "%s in the kernel, error code %#lx", name ? name : "reserved exception", frame->error);
}

/* Called by trap_entry.S with interrupts off. */
void trap_dispatch(struct trap_frame *frame);
void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector >= 32) {
        interrupt_dispatch(frame);
        return;
    }
    if (frame->vector == EXCEPTION_NMI) {
        nmi_note(frame);
        return;
    }

    uint64_t address = frame->vector == EXCEPTION_PAGE_FAULT ? read_cr2() : 0;
    bool user = trap_from_user(frame);

    if (__builtin_expect(lock_times_on, 0) && frame->rflags & RFLAGS_IF)
        interrupts_off_begin();
    /* The trap counts as part of the interrupted code: it may sleep when that could. */
    if (user || (frame->rflags & RFLAGS_IF && frame->vector == EXCEPTION_PAGE_FAULT))
        interrupts_restore(true);
    if (frame->vector == EXCEPTION_PAGE_FAULT && trap_operations.page_fault != NULL &&
        cpu_current()->recovery == NULL && trap_operations.page_fault(frame, address))
        return;
    if (user && frame->vector != EXCEPTION_MACHINE_CHECK && trap_operations.user_exception != NULL)
        trap_operations.user_exception(frame, address);
    else
        kernel_exception(frame, address);
}

/* Called by the return paths with interrupts off when cpu->work is set. */
void trap_user_work(struct trap_frame *frame);
void trap_user_work(struct trap_frame *frame)
{
    if (__builtin_expect(lock_times_on, 0))
        interrupts_off_begin();
    interrupts_restore(true);
    trap_operations.user_work(frame);
}
