/* The 256 trap entries and the way back (SDM vol. 3A, 6.12-6.14).
 *
 * Each entry pushes its vector (and a 0 where the CPU pushes no error code), so that all arrive at one place with one struct trap_frame. GS is
 * swapped when the trap came from user mode. NMI, #DB, #MC and #DF can come before the kernel has swapped GS itself: those entries look at the
 * GS base instead of CS (user mode cannot set a base in the high half: CR4.FSGSBASE is off and arch_prctl refuses it). */
#include "kernel/cpu/tables.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/trap_frame.h"

#define MSR_GS_BASE 0xc0000101

/* Where in the frame, from its start. */
#define FRAME_VECTOR 120
#define FRAME_CS     144

.macro SAVE_REGISTERS
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
.endm

.macro RESTORE_REGISTERS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
.endm

/* User mode may have set AC: without CLAC it would open an SMAP window over the whole kernel. */
.macro CLOSE_USER_WINDOW
    testb $1, cpu_has_smap(%rip)
    jz 9f
    clac
9:
.endm

.text
.globl trap_entries
.balign 16
trap_entries:
.set vector, 0
.rept 256
    .balign 16
    /* Vectors with an error code: SDM vol. 3A, table 6-1 (and 21, 29, 30). */
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
    .else
    pushq $0
    .endif
    pushq $vector
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp trap_common_own_stack
    .else
    jmp trap_common
    .endif
    .set vector, vector + 1
.endr

.balign 16
.type trap_common, @function
trap_common:
    SAVE_REGISTERS
    cld
    CLOSE_USER_WINDOW
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
1:  xorl %ebp, %ebp
    testb $3, FRAME_CS(%rsp)
    jnz 2f
    movq 32(%rsp), %rbp           /* the kernel's frame chain goes on through the trap */
2:  movq %rsp, %rdi
    call trap_dispatch
.globl trap_return
trap_return:
    cli
    testb $3, FRAME_CS(%rsp)
    jz 3f
    cmpl $0, %gs:CPU_WORK
    jne 4f
    swapgs
3:  RESTORE_REGISTERS
    addq $16, %rsp
    iretq
4:  movq %rsp, %rdi
    call trap_user_work
    jmp trap_return
.size trap_common, . - trap_common

/* On a stack of its own, with an unknown GS. RBX remembers whether it was swapped. */
.balign 16
.type trap_common_own_stack, @function
trap_common_own_stack:
    SAVE_REGISTERS
    cld
    CLOSE_USER_WINDOW
    xorl %ebx, %ebx
    movl $MSR_GS_BASE, %ecx
    rdmsr
    testl %edx, %edx
    js 1f
    swapgs
    movl $1, %ebx
1:  xorl %ebp, %ebp
    testb $3, FRAME_CS(%rsp)
    jz 2f
    /* From user mode there is nothing to be careful about: go on on the thread's own stack, where signals and sleep are possible. */
    movq %gs:CPU_KERNEL_STACK_TOP, %rdi
    testq %rdi, %rdi
    jz 2f
    movl $22, %ecx                /* quad-words of struct trap_frame */
    leaq -176(%rdi), %rdi
    movq %rsp, %rsi
    movq %rdi, %rdx
    rep movsq
    movq %rdx, %rsp
    movq %rsp, %rdi
    call trap_dispatch
    jmp trap_return
2:  movq %rsp, %rdi
    call trap_dispatch
    testl %ebx, %ebx
    jz 3f
    swapgs
3:  RESTORE_REGISTERS
    addq $16, %rsp
    iretq
.size trap_common_own_stack, . - trap_common_own_stack
