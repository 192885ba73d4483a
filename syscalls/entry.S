/* The SYSCALL entry (SDM vol. 2B, SYSCALL; vol. 3A, 5.8.8).
 *
 * The CPU leaves the return address in RCX and the flags in R11, loads nothing else: the stack is still the user's, which is never touched. A struct trap_frame is
 * pushed on the thread's kernel stack, so that fork, exec and signals see the same registers whatever way the kernel was entered. Arguments are in RDI, RSI, RDX, R10, R8, R9: where C
 * expects them but for the fourth. */
#include "kernel/cpu/tables.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/trap_frame.h"

#define FRAME_RBP    32
#define FRAME_R11    48
#define FRAME_R10    56
#define FRAME_R9     64
#define FRAME_R8     72
#define FRAME_RAX    80
#define FRAME_RCX    88
#define FRAME_RDX    96
#define FRAME_RSI    104
#define FRAME_RDI    112
#define FRAME_VECTOR 120
#define FRAME_RIP    136
#define FRAME_RFLAGS 152
#define FRAME_RSP    160

/* The upper half of the first address that is not the user half's: above it SYSRETQ would fault. */
#define USER_END_HIGH 0x8000

/* SYSRETQ cannot give back TF or RF as IRETQ does. */
#define RFLAGS_NEED_IRET 0x10100

.text
.globl syscall_entry
.type syscall_entry, @function
.balign 64
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_USER_RSP
    movq %gs:CPU_KERNEL_STACK_TOP, %rsp
    pushq $SELECTOR_USER_DATA
    pushq %gs:CPU_USER_RSP
    pushq %r11
    pushq $SELECTOR_USER_CODE
    pushq %rcx
    pushq %rax                    /* the number, for restarts and the tracer */
    pushq $TRAP_SYSCALL
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    sti
    xorl %ebp, %ebp               /* ends backtraces */
    cmpq syscall_direct(%rip), %rax
    jae 7f
    movq %r10, %rcx
    call *syscall_table(, %rax, 8)
1:  cli
    cmpl $0, %gs:CPU_WORK
    jne 9f
    /* Who replaces the registers (execve, rt_sigreturn) leaves another vector. Else the frame is as it was pushed: RCX and R11 need no comparison, and what C functions preserve is still
     * in its registers, but for RBP. */
    cmpl $TRAP_SYSCALL, FRAME_VECTOR(%rsp)
    jne 8f
    cmpl $USER_END_HIGH, FRAME_RIP + 4(%rsp)
    jae 8f
    movq FRAME_RFLAGS(%rsp), %r11
    testl $RFLAGS_NEED_IRET, %r11d
    jnz 8f
    movq FRAME_RIP(%rsp), %rcx
    movq FRAME_RBP(%rsp), %rbp
    movq FRAME_R10(%rsp), %r10
    movq FRAME_R9(%rsp), %r9
    movq FRAME_R8(%rsp), %r8
    movq FRAME_RDX(%rsp), %rdx
    movq FRAME_RSI(%rsp), %rsi
    movq FRAME_RDI(%rsp), %rdi
    movq FRAME_RSP(%rsp), %rsp
    swapgs
    sysretq

    /* The frame may have changed: every register comes from it. */
syscall_return_whole:
    cli
    cmpl $0, %gs:CPU_WORK
    jne 5f
    /* SYSRETQ only for what it can give back exactly: RCX = RIP, R11 = RFLAGS, and a RIP in the user half, because on Intel processors it faults with the user's
     * stack but the kernel's privilege when RIP is not canonical (CVE-2012-0217). */
    movq FRAME_RIP(%rsp), %rcx
    movq FRAME_RFLAGS(%rsp), %r11
    movq %rcx, %rax
    shrq $47, %rax
    jnz 6f
    testl $RFLAGS_NEED_IRET, %r11d
    jnz 6f
    cmpq FRAME_RCX(%rsp), %rcx
    jne 6f
    cmpq FRAME_R11(%rsp), %r11
    jne 6f
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    addq $8, %rsp                 /* r11 */
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    addq $8, %rsp                 /* rcx */
    popq %rdx
    popq %rsi
    popq %rdi
    movq 40(%rsp), %rsp           /* rsp of the frame, past vector, error, rip, cs, rflags */
    swapgs
    sysretq

6:  jmp trap_return
7:  movq %rsp, %rdi
    call syscall_watch            /* no such number, or somebody looks on */
    jmp 1b
8:  movq %rax, FRAME_RAX(%rsp)
    jmp syscall_return_whole
9:  movq %rax, FRAME_RAX(%rsp)
5:  movq %rsp, %rdi
    call trap_user_work
    jmp syscall_return_whole
.size syscall_entry, . - syscall_entry

/* 32-bit programs cannot run here; AMD processors would come this way if one tried (AMD APM vol. 3, SYSCALL). */
.globl syscall_entry_compatibility
syscall_entry_compatibility:
    movl $-38, %eax               /* -ENOSYS */
    sysretl
