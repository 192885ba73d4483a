/* See fault.h. Which signal and code each exception becomes is Linux's choice (arch/x86's documented behaviour, sigaction(2)). */
#include "kernel/process/fault.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/trap.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/walk_report.h"
#include "kernel/process/check_point.h"
#include "kernel/process/fault_report.h"
#include "kernel/process/out_of_memory.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_actions.h"
#include "paging/layout.h"

#define DR6_SINGLE_STEP (UINT64_C(1) << 14) /* SDM vol. 3B, 17.2.3 */
#define DR6_CLEAR       UINT64_C(0xffff0ff0)

static const struct {
    int signal, code;
    const char *reason;
} causes[32] = {
    [EXCEPTION_DIVIDE] = {SIGFPE, FPE_INTDIV, "divided by zero, or the quotient did not fit"},
    [EXCEPTION_DEBUG] = {SIGTRAP, TRAP_TRACE, "single step or debug trap"},
    [EXCEPTION_BREAKPOINT] = {SIGTRAP, SI_KERNEL, "breakpoint"},
    [EXCEPTION_OVERFLOW] = {SIGSEGV, SI_KERNEL, "overflow trap"},
    [EXCEPTION_BOUND] = {SIGSEGV, SI_KERNEL, "bound range exceeded"},
    [EXCEPTION_INVALID_OPCODE] = {SIGILL, ILL_ILLOPN, "invalid instruction"},
    [EXCEPTION_NO_FPU] = {SIGSEGV, SI_KERNEL, "no floating-point unit"},
    [EXCEPTION_INVALID_TSS] = {SIGSEGV, SI_KERNEL, "invalid task state"},
    [EXCEPTION_SEGMENT] = {SIGBUS, SI_KERNEL, "segment not present"},
    [EXCEPTION_STACK] = {SIGBUS, SI_KERNEL, "stack address not canonical, or a bad stack segment"},
    [EXCEPTION_PROTECTION] = {SIGSEGV, SI_KERNEL,
                              "privileged instruction, address not canonical, or a bad segment"},
    [EXCEPTION_X87] = {SIGFPE, FPE_FLTINV, "x87 floating-point exception"},
    [EXCEPTION_ALIGNMENT] = {SIGBUS, BUS_ADRALN, "unaligned access with RFLAGS.AC set"},
    [EXCEPTION_SIMD] = {SIGFPE, FPE_FLTINV, "SIMD floating-point exception"},
    [EXCEPTION_CONTROL] = {SIGSEGV, SI_KERNEL, "control-flow protection"},
};

/* NULL: there is nothing wrong any more. */
static const char *page_fault_signal(const struct trap_frame *frame, uint64_t address,
                                     struct signal_info *info)
{
    enum space_fault reason = space_fault_reason(current_process()->space, frame, address);

    info->signal = SIGSEGV;
    info->address = address;
    switch (reason) {
    case SPACE_FAULT_DONE:
        return NULL;
    case SPACE_FAULT_REFUSED:
        info->code = SEGV_ACCERR;
        return "the mapping does not allow it";
    case SPACE_FAULT_BEYOND_FILE:
        info->signal = SIGBUS;
        info->code = BUS_ADRERR;
        return "beyond the end of the file";
    case SPACE_FAULT_NO_MEMORY:
        info->signal = SIGKILL;
        info->code = SI_KERNEL;
        return "no memory is left";
    default:
        info->code = SEGV_MAPERR;
        return address >= USER_END ? "the address is the kernel's" : "nothing is mapped there";
    }
}

/* Floating-point exceptions tell their kind in the status words: x87's bits and MXCSR's have the same order (SDM vol. 1, 8.1.3, 10.2.3). */
static int floating_code(void)
{
    static const int codes[] = {FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES};
    uint32_t mxcsr;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    uint32_t raised = mxcsr & ~(mxcsr >> 7) & 0x3f;
    return raised ? codes[__builtin_ctz(raised)] : FPE_FLTINV;
}

static bool page_fault(struct trap_frame *frame, uint64_t address)
{
    if (space_page_fault(frame, address)) {
        check_point_trap();
        return true;
    }
    /* What was promised cannot be had: run the instruction again once memory has come back. */
    if (!trap_from_user(frame))
        return false;
    enum space_fault reason = space_fault_reason(current_process()->space, frame, address);
    return reason == SPACE_FAULT_DONE || (reason == SPACE_FAULT_NO_MEMORY && out_of_memory());
}

static bool handled_by_program(const struct process *process, const struct thread *thread, int signal)
{
    return signal_handler(process->actions, signal) > HANDLER_IGNORE &&
           !(thread->signals.blocked & SIGNAL_BIT(signal));
}

static void user_exception(struct trap_frame *frame, uint64_t address)
{
    struct process *process = current_process();
    struct signal_info info = {.address = frame->rip};
    const char *reason;

    if (frame->vector == EXCEPTION_PAGE_FAULT) {
        reason = page_fault_signal(frame, address, &info);
        if (reason == NULL)
            return;
    } else {
        reason = causes[frame->vector].reason ? causes[frame->vector].reason : "reserved exception";
        info.signal = causes[frame->vector].signal ? causes[frame->vector].signal : SIGSEGV;
        info.code = frame->vector == EXCEPTION_SIMD ? floating_code() : causes[frame->vector].code;
    }
    if (info.code == SI_KERNEL)
        info.address = 0; /* the processor does not say which address it was */
    if (frame->vector == EXCEPTION_DEBUG) {
        __asm__ volatile("movq %0, %%dr6" : : "r"(DR6_CLEAR));
        frame->rflags &= ~RFLAGS_TF;
    }
    if (!handled_by_program(process, thread_current(), info.signal))
        fault_report(frame, address, reason);
    signal_send_thread(thread_current(), &info, true);
}

static void user_work(struct trap_frame *frame)
{
    if (cpu_current()->work & CPU_WORK_RESCHEDULE)
        scheduler_reschedule();
    if (cpu_current()->work & CPU_WORK_SIGNAL)
        signal_deliver(frame);
}

static void panic_report(const struct trap_frame *frame)
{
    const struct thread *thread = cpu_current()->current;

    (void)frame;
    if (thread == NULL)
        return;
    if (thread->process == NULL)
        log_error("  running: kernel thread %s", thread->name);
    else
        log_error("  running: %s (process %d, thread %d)", thread->process->name, thread->process->pid,
                  thread->tid);
}

void process_faults_start(void)
{
    check_point_start();
    fault_report_start();
    trap_operations.page_fault = page_fault;
    trap_operations.user_exception = user_exception;
    trap_operations.user_work = user_work;
    panic_reporter_add(panic_report);
}
