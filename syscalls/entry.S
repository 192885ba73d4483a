/* The SYSCALL entry (SDM vol. 2B, SYSCALL; vol. 3A, 5.8.8).
 *
 * The CPU leaves the return address in RCX and the flags in R11, loads nothing else: the stack is still the user's, which is never touched. A struct trap_frame is
 * pushed on the thread's kernel stack, so that fork, exec and signals see the same registers whatever way the kernel was entered. Arguments are in RDI, RSI, RDX, R10, R8, R9: where C
 * expects them but for the fourth. */
#include "kernel/cpu/tables.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/trap_frame.h"
#include "syscalls/count.h"

#define FRAME_R11    48
#define FRAME_RAX    80
#define FRAME_RCX    88
#define FRAME_ERROR  128
#define FRAME_RIP    136
#define FRAME_RFLAGS 152

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
    cmpq $SYSCALL_COUNT, %rax
    jae 7f
    cmpb $0, syscall_watched(%rip)
    jne 8f
    movq %r10, %rcx
    call *syscall_table(, %rax, 8)
1:  movq %rax, FRAME_RAX(%rsp)
.globl syscall_return
syscall_return:
    cli
    cmpl $0, %gs:CPU_WORK
    jne 9f
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
    call syscall_unknown
    jmp 1b
8:  movq %rsp, %rdi
    call syscall_watch
    jmp 1b
9:  movq %rsp, %rdi
    call trap_user_work
    jmp syscall_return
.size syscall_entry, . - syscall_entry

/* 32-bit programs cannot run here; AMD processors would come this way if one tried (AMD APM vol. 3, SYSCALL). */
.globl syscall_entry_compatibility
syscall_entry_compatibility:
    movl $-38, %eax               /* -ENOSYS */
    sysretl
