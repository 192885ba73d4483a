/* The switch: one page, position-independent, identity-mapped before and after. See handoff.h.
 *
 * Between the change of tables and the kernel's own IDT, an exception prints its number, error code, RIP and CR2 on the first serial
 * port and QEMU's debug console, turns the last square red, and stops. */

#include "efi/handoff.h"

#define MSR_EFER     0xc0000080
#define MSR_PAT      0x277
#define CR0_CD_BIT   30
#define CR0_NW_BIT   29
#define CR0_PG_BIT   31
#define RFLAGS_CLEAR 2 /* only the bit that is always set */

#define COM1         0x3f8
#define COM1_LSR     0x3fd /* line status; bit 5: ready for a byte; 0xff: no port */
#define LSR_READY    0x20
#define SERIAL_POLLS 100000
#define DEBUGCON     0xe9 /* reads its own number where it exists */

    .text
    .p2align 12
    .globl switch_code
switch_code:

/* switch_start(struct switch_page *page in RCX), Microsoft's convention; never returns. RBX holds the page throughout. */
    .globl switch_start
switch_start:
    cli
    cld
    movq %rcx, %rbx
    leaq SWITCH_PAGE_SIZE(%rbx), %rsp

    /* Own descriptor tables first: from here on an exception is reported. */
    lgdt SWITCH_GDT_POINTER(%rbx)
    lidt SWITCH_IDT_POINTER(%rbx)
    leaq 1f(%rip), %rax
    pushq $SWITCH_CODE64
    pushq %rax
    lretq
1:  movl $SWITCH_DATA, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs

    /* NX must be on before tables that use it are. */
    movl $MSR_EFER, %ecx
    rdmsr
    orl SWITCH_NXE(%rbx), %eax
    wrmsr

    /* PGE, PCIDE and all that the kernel has not asked for go off; CET before CR0.WP is written. */
    movq SWITCH_CR4_FIRST(%rbx), %rax
    movq %rax, %cr4

    /* New tables and new memory types at one time, caches off and empty meanwhile (SDM vol. 3A, 11.11.8 and 11.12.4). */
    movq SWITCH_FIRST_ROOT(%rbx), %rsi
    movl SWITCH_PAT(%rbx), %eax
    movl SWITCH_PAT + 4(%rbx), %edx
    movl %eax, %edi
    orl %edx, %edi
    jz 2f
    movq %cr0, %rdi
    btsq $CR0_CD_BIT, %rdi
    btrq $CR0_NW_BIT, %rdi
    movq %rdi, %cr0
    wbinvd
    movq %rsi, %cr3
    movl $MSR_PAT, %ecx
    wrmsr
    wbinvd
2:  movq %rsi, %cr3

    /* Write protection only now: the firmware may have relied on its absence. Caches on. */
    movq SWITCH_CR0(%rbx), %rax
    movq %rax, %cr0

    movq SWITCH_TRAMPOLINE(%rbx), %rax
    testq %rax, %rax
    jz switch_finish
    addq $(switch_levels - switch_code), %rax
    jmp *%rax

/* In the copy below 4 GiB: into 32-bit code, paging off, LA57 as wanted, paging on, back. */
switch_levels:
    leaq switch_levels_32(%rip), %rax
    pushq $SWITCH_CODE32
    pushq %rax
    lretq

    .code32
switch_levels_32:
    movl $SWITCH_DATA, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %cr0, %eax
    btrl $CR0_PG_BIT, %eax
    movl %eax, %cr0
    movl SWITCH_CR4_FINAL(%ebx), %eax
    movl %eax, %cr4
    movl SWITCH_FINAL_ROOT(%ebx), %eax
    movl %eax, %cr3
    movl SWITCH_CR0(%ebx), %eax
    movl %eax, %cr0
    movl SWITCH_TRAMPOLINE(%ebx), %eax
    addl $(switch_levels_64 - switch_code), %eax
    pushl $SWITCH_CODE64
    pushl %eax
    lretl

    .code64
switch_levels_64:
    /* Upper halves of registers are not kept across 32-bit code. */
    movl %ebx, %ebx
    movl $SWITCH_DATA, %eax
    movl %eax, %ss

switch_finish:
    movl SWITCH_SQUARE_COLOUR(%rbx), %eax
    call square_draw
    pushq $RFLAGS_CLEAR
    popfq
    movq SWITCH_STACK(%rbx), %rsp
    movq SWITCH_BOOT_INFO(%rbx), %rdi
    movq SWITCH_ENTRY(%rbx), %rax
    xorl %ebp, %ebp
    jmp *%rax

/* The last square, in colour EAX. Changes RCX, RDX, RSI, RDI. */
square_draw:
    movq SWITCH_SQUARE(%rbx), %rsi
    testq %rsi, %rsi
    jz 2f
    movl SWITCH_SQUARE_SIDE(%rbx), %edx
1:  movq %rsi, %rdi
    movl SWITCH_SQUARE_SIDE(%rbx), %ecx
    rep stosl
    movl SWITCH_SQUARE_PITCH(%rbx), %ecx
    addq %rcx, %rsi
    decl %edx
    jnz 1b
2:  ret

/* Exception entries; the ones without an error code push a zero for it. */
    .p2align 4
    .globl switch_vectors
switch_vectors:
    .set vector, 0
    .rept SWITCH_VECTORS
    .p2align 4
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp exception
    .set vector, vector + 1
    .endr
    .p2align 4

exception:
    cld
    /* The page is where the IDT is. */
    subq $16, %rsp
    sidt 6(%rsp)
    movq 8(%rsp), %rbx
    subq $SWITCH_IDT, %rbx
    addq $16, %rsp

    leaq exception_text(%rip), %rsi
    call put_text
    movq 0(%rsp), %rdi
    call put_hexadecimal
    call put_text
    movq 8(%rsp), %rdi
    call put_hexadecimal
    call put_text
    movq 16(%rsp), %rdi
    call put_hexadecimal
    call put_text
    movq %cr2, %rdi
    call put_hexadecimal
    call put_text
    movl SWITCH_FAILURE_COLOUR(%rbx), %eax
    call square_draw
3:  cli
    hlt
    jmp 3b

/* Print the text at RSI up to its zero, and leave RSI behind that. */
put_text:
    lodsb
    testb %al, %al
    jz 1f
    call put_byte
    jmp put_text
1:  ret

/* Print RDI with 16 digits. Changes RAX, RCX, RDX, R8. */
put_hexadecimal:
    movl $16, %r8d
1:  rolq $4, %rdi
    movl %edi, %eax
    andl $15, %eax
    addl $'0', %eax
    cmpl $'9', %eax
    jbe 2f
    addl $('a' - '9' - 1), %eax
2:  call put_byte
    decl %r8d
    jnz 1b
    ret

/* Print AL. Polls are bounded: there may be no port. Changes RAX, RCX, RDX, R9. */
put_byte:
    movl %eax, %r9d
    inb $DEBUGCON, %al
    cmpb $DEBUGCON, %al
    jne 1f
    movl %r9d, %eax
    outb %al, $DEBUGCON
1:  movl $SERIAL_POLLS, %ecx
2:  movl $COM1_LSR, %edx
    inb %dx, %al
    cmpb $0xff, %al
    je 3f
    testb $LSR_READY, %al
    jnz 4f
    decl %ecx
    jnz 2b
3:  ret
4:  movl $COM1, %edx
    movl %r9d, %eax
    outb %al, %dx
    ret

exception_text:
    .asciz "\r\nquire loader: exception "
    .asciz ", error code "
    .asciz ", at "
    .asciz ", CR2 "
    .asciz ", before the kernel took over\r\n"
switch_code_end:
    .p2align 12
