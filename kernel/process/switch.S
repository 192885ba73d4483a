/* Switching kernel stacks, and the first step of new threads. */

.text
/* struct thread *thread_switch(uint64_t *save_rsp, uint64_t load_rsp, struct thread *from)
 * Save the callee-saved registers and RSP of the running thread, continue another one where it called this (or at its first instruction). Returns
 * `from`, as the other side passed it: the thread that ran before. */
.globl thread_switch
.type thread_switch, @function
.balign 16
thread_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    movq %rdx, %rax
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size thread_switch, . - thread_switch

/* A new kernel thread: R12 is its function, R13 the argument. */
.globl thread_first_kernel
.type thread_first_kernel, @function
.balign 16
thread_first_kernel:
    movq %rax, %rdi
    call thread_switched
    sti
    movq %r13, %rdi
    call *%r12
    call scheduler_exit
    ud2
.size thread_first_kernel, . - thread_first_kernel

/* A new user thread: its trap frame is all that is left on the stack. */
.globl thread_first_user
.type thread_first_user, @function
.balign 16
thread_first_user:
    movq %rax, %rdi
    call thread_switched
    jmp trap_return
.size thread_first_user, . - thread_first_user
