/* See start.h. Copied to a page below 1 MiB and run there: every address is taken from the page itself, whose base is in EBX. */
#include "kernel/cpu/start.h"

#define CR0_PE      0x00000001
/* PG, AM, WP, NE, ET, MP, PE: caches on (CD and NW are set after INIT, SDM vol. 3A, table 10-1). */
#define CR0_PAGING  0x80050033
#define MSR_EFER    0xc0000080

.section .rodata
.balign 16
.globl start_code
start_code:
.code16
    cli
    cld
    xorl %ebx, %ebx
    movw %cs, %bx
    movw %bx, %ds
    shll $4, %ebx
    lgdtl START_GDT_POINTER
    movl $CR0_PE, %eax
    movl %eax, %cr0
    ljmpl *START_FAR_32

.code32
.globl start_code_32
start_code_32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl START_CR4(%ebx), %eax
    movl %eax, %cr4
    movl START_CR3(%ebx), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    movl START_EFER(%ebx), %eax
    xorl %edx, %edx
    wrmsr
    movl $CR0_PAGING, %eax
    movl %eax, %cr0
    ljmpl *START_FAR_64(%ebx)

.code64
.globl start_code_64
start_code_64:
    movl %ebx, %ebx
    movq START_STACK(%rbx), %rsp
    movq START_ARGUMENT(%rbx), %rdi
    movq START_ENTRY(%rbx), %rax
    xorl %ebp, %ebp
    pushq %rbp                    /* no return address: ends backtraces, and aligns the stack as a call would */
    jmpq *%rax
.globl start_code_end
start_code_end:
