/* The way into and out of a call that may end by an exception. See trap.h. */

.text
/* bool recover_enter(struct trap_recovery *point, void (*function)(void *), void *argument)
 * Note in `point` where to go on, and call. An exception makes the point's RIP and RSP the current ones: the saved registers are found there. */
.globl recover_enter
.type recover_enter, @function
.balign 16
recover_enter:
    pushq %rbp
    movq %rsp, %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp                 /* aligned as at a call (System V ABI 3.2.2) */
    movq %rsp, 0(%rdi)
    leaq 1f(%rip), %rax
    movq %rax, 8(%rdi)
    movq %rdx, %rdi
    call *%rsi
    movl $1, %eax
    jmp 2f
1:  xorl %eax, %eax
2:  cld
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size recover_enter, . - recover_enter
