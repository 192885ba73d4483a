/* See signal_frame.h. The frame holds all that the kernel needs to go on after the handler; it comes back as untrusted as any user memory. */
#include "kernel/process/signal_frame.h"

#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <stddef.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/lib/string.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_fpu.h"
#include "paging/layout.h"

#define RED_ZONE          128 /* below RSP, the interrupted function's own (ABI 3.2.2) */
#define SYSCALL_LENGTH    2   /* bytes of the SYSCALL instruction */
#define SIGNAL_SET_BYTES  8

/* RFLAGS that a handler's frame may give back: arithmetic, DF, TF, AC, RF, ID. */
#define RFLAGS_RESTORABLE UINT64_C(0x250dd5)

/* Linux's struct rt_sigframe; the floating-point state is above it. */
struct handler_frame {
    uint64_t return_address;
    struct ucontext context;
    siginfo_t info;
};

/* `action`: of the handler that is about to run; NULL: none did. */
static void restart_decide(struct trap_frame *frame, const struct signal_action *action)
{
    if (frame->vector != TRAP_SYSCALL)
        return;
    switch (-(int64_t)frame->rax) {
    case RESTART_CALL:
        frame->rax = action == NULL || action->flags & SA_RESTART ? frame->error : (uint64_t)-EINTR;
        break;
    case RESTART_ALWAYS:
        frame->rax = frame->error;
        break;
    case RESTART_UNHANDLED:
        frame->rax = action == NULL ? frame->error : (uint64_t)-EINTR;
        break;
    case RESTART_TIMED:
        frame->rax = action == NULL ? __NR_restart_syscall : (uint64_t)-EINTR;
        break;
    default:
        return;
    }
    if (frame->rax != (uint64_t)-EINTR)
        frame->rip -= SYSCALL_LENGTH;
}

static bool on_alternate_stack(const struct thread *thread, vaddr_t rsp)
{
    return rsp - thread->signals.stack - 1 < thread->signals.stack_size;
}

static vaddr_t stack_choose(const struct thread *thread, const struct trap_frame *frame, uint64_t flags)
{
    if (flags & SA_ONSTACK && thread->signals.stack_size != 0 && !on_alternate_stack(thread, frame->rsp))
        return thread->signals.stack + thread->signals.stack_size;
    return frame->rsp - RED_ZONE;
}

/* `to` is zeroed. */
static void registers_save(struct sigcontext *to, const struct trap_frame *from)
{
    to->r8 = from->r8;
    to->r9 = from->r9;
    to->r10 = from->r10;
    to->r11 = from->r11;
    to->r12 = from->r12;
    to->r13 = from->r13;
    to->r14 = from->r14;
    to->r15 = from->r15;
    to->rdi = from->rdi;
    to->rsi = from->rsi;
    to->rbp = from->rbp;
    to->rbx = from->rbx;
    to->rdx = from->rdx;
    to->rax = from->rax;
    to->rcx = from->rcx;
    to->rsp = from->rsp;
    to->rip = from->rip;
    to->eflags = from->rflags;
    to->cs = (uint16_t)from->cs;
    to->ss = (uint16_t)from->ss;
    if (from->vector >= 32)
        return;
    to->err = from->error;
    to->trapno = from->vector;
}

/* The same. */
static void info_fill(siginfo_t *to, const struct signal_info *from)
{
    to->si_signo = from->signal;
    to->si_errno = from->error;
    to->si_code = from->code;
    switch (from->signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
        if (from->code > 0) {
            to->si_addr = (void *)from->address;
            break;
        }
        __attribute__((fallthrough));
    default:
        to->si_pid = from->pid;
        to->si_uid = from->uid;
        if (from->signal == SIGCHLD)
            to->si_status = from->status;
        else
            to->si_ptr = (void *)from->address;
    }
}

int signal_frame_push(struct trap_frame *frame, const struct signal_info *info,
                      const struct signal_action *action)
{
    struct thread *thread = thread_current();
    struct handler_frame handler;
    uint64_t interrupted_mask =
        thread->signals.restore_mask ? thread->signals.saved_mask : thread->signals.blocked;

    /* IRETQ to an address that is not canonical faults in the kernel on Intel processors (as SYSRETQ: CVE-2012-0217). */
    if (!(action->flags & SA_RESTORER) || action->handler >= USER_END)
        return -EFAULT;
    restart_decide(frame, action);
    vaddr_t fpu = ROUND_DOWN(stack_choose(thread, frame, action->flags) - signal_fpu_size(), UINT64_C(64));
    vaddr_t at = ROUND_DOWN(fpu - sizeof(handler), UINT64_C(16)) - 8;

    memset(&handler, 0, sizeof(handler));
    handler.return_address = action->restorer;
    handler.context.uc_flags =
        UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (cpu_features.xsave ? UC_FP_XSTATE : 0);
    registers_save(&handler.context.uc_mcontext, frame);
    handler.context.uc_mcontext.fpstate = (void *)fpu;
    handler.context.uc_mcontext.oldmask = interrupted_mask;
    memcpy(&handler.context.uc_sigmask, &interrupted_mask, SIGNAL_SET_BYTES);
    handler.context.uc_stack.ss_sp = (void *)thread->signals.stack;
    handler.context.uc_stack.ss_size = thread->signals.stack_size;
    handler.context.uc_stack.ss_flags = thread->signals.stack_flags;
    info_fill(&handler.info, info);
    if (signal_fpu_push(fpu) != 0 || copy_to_user(user_pointer(void, at), &handler, sizeof(handler)) != 0)
        return -EFAULT;

    thread->signals.restore_mask = false;
    signal_set blocked = thread->signals.blocked | action->mask;
    if (!(action->flags & SA_NODEFER))
        blocked |= SIGNAL_BIT(info->signal);
    signal_block(blocked);
    frame->rip = action->handler;
    frame->rsp = at;
    frame->rdi = (uint64_t)info->signal;
    frame->rsi = at + offsetof(struct handler_frame, info);
    frame->rdx = at + offsetof(struct handler_frame, context);
    frame->rax = 0;
    frame->rflags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF | RFLAGS_AC);
    frame->vector = 0; /* no system call that could be made again */
    return 0;
}

bool signal_frame_done(struct trap_frame *frame)
{
    struct thread *thread = thread_current();

    restart_decide(frame, NULL);
    if (!thread->signals.restore_mask)
        return true;
    thread->signals.restore_mask = false;
    signal_block(thread->signals.saved_mask);
    return !signal_is_pending(thread);
}

int signal_frame_pop(struct trap_frame *frame)
{
    struct thread *thread = thread_current();
    struct handler_frame handler;
    struct sigcontext *from = &handler.context.uc_mcontext;

    /* The handler's RET has popped the return address. */
    if (copy_from_user(&handler, user_pointer(const void, frame->rsp - 8), sizeof(handler)) != 0)
        return -EFAULT;
    if (from->rip >= USER_END || signal_fpu_pop((vaddr_t)from->fpstate) != 0)
        return -EFAULT;
    uint64_t rflags = (frame->rflags & ~RFLAGS_RESTORABLE) | (from->eflags & RFLAGS_RESTORABLE);
    *frame = (struct trap_frame){
        .r8 = from->r8,
        .r9 = from->r9,
        .r10 = from->r10,
        .r11 = from->r11,
        .r12 = from->r12,
        .r13 = from->r13,
        .r14 = from->r14,
        .r15 = from->r15,
        .rdi = from->rdi,
        .rsi = from->rsi,
        .rbp = from->rbp,
        .rbx = from->rbx,
        .rdx = from->rdx,
        .rax = from->rax,
        .rcx = from->rcx,
        .rsp = from->rsp,
        .rip = from->rip,
        .rflags = rflags,
        .cs = SELECTOR_USER_CODE,
        .ss = SELECTOR_USER_DATA,
    };
    memcpy(&thread->signals.blocked, &handler.context.uc_sigmask, SIGNAL_SET_BYTES);
    /* What the handler made may have been interrupted too: the deadline need not be that of the call that it interrupted. */
    thread->restart.number = 0;
    return 0;
}
