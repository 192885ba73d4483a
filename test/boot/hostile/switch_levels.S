/* Into 32-bit code, paging off, LA57 on, paging on, and back to the firmware's segments. The copy below 4 GiB keeps what must survive in
 * its own data, because neither stack nor upper halves of registers can be used on the way. */

#define CODE64       0x08
#define DATA         0x10
#define CODE32       0x18
#define CR0_PG_BIT   31
#define CR4_LA57_BIT 12

    .text
/* switch_levels(copy in RCX, root in RDX), Microsoft's convention. */
    .globl switch_levels
switch_levels:
    pushq %rbx
    pushq %rbp
    pushq %rdi
    pushq %rsi
    pushfq
    cli
    movq %rcx, %rbx
    sgdt saved_gdt - switch_levels_code(%rbx)
    movq %rsp, saved_rsp - switch_levels_code(%rbx)
    movl %ss, %eax
    movl %eax, saved_ss - switch_levels_code(%rbx)
    movl %cs, %eax
    movl %eax, saved_cs - switch_levels_code(%rbx)
    movl %edx, new_root - switch_levels_code(%rbx)
    leaq own_gdt - switch_levels_code(%rbx), %rax
    movq %rax, own_gdt_base - switch_levels_code(%rbx)
    leaq back_64 - switch_levels_code(%rbx), %rax
    movl %eax, far_back - switch_levels_code(%rbx)
    lgdt own_gdt_pointer - switch_levels_code(%rbx)
    leaq code_32 - switch_levels_code(%rbx), %rax
    pushq $CODE32
    pushq %rax
    lretq

switch_levels_return:
    movl saved_ss - switch_levels_code(%rbx), %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    popfq
    popq %rsi
    popq %rdi
    popq %rbp
    popq %rbx
    ret

    .p2align 4
    .globl switch_levels_code, switch_levels_end
switch_levels_code:
    .code32
code_32:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %ss
    movl %cr0, %eax
    btrl $CR0_PG_BIT, %eax
    movl %eax, %cr0
    movl %cr4, %ecx
    btsl $CR4_LA57_BIT, %ecx
    movl %ecx, %cr4
    movl new_root - switch_levels_code(%ebx), %ecx
    movl %ecx, %cr3
    btsl $CR0_PG_BIT, %eax
    movl %eax, %cr0
    ljmpl *far_back - switch_levels_code(%ebx)

    .code64
back_64:
    movl %ebx, %ebx
    movq saved_rsp - switch_levels_code(%rbx), %rsp
    lgdt saved_gdt - switch_levels_code(%rbx)
    movl saved_cs - switch_levels_code(%rbx), %eax
    movq return_to - switch_levels_code(%rbx), %rcx
    pushq %rax
    pushq %rcx
    lretq

    .p2align 4
own_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cf9b000000ffff
own_gdt_pointer:
    .word own_gdt_pointer - own_gdt - 1
own_gdt_base:
    .quad 0
    .p2align 3
return_to:
    .quad switch_levels_return
saved_rsp:
    .quad 0
saved_gdt:
    .quad 0, 0
saved_ss:
    .long 0
saved_cs:
    .long 0
new_root:
    .long 0
far_back:
    .long 0
    .word CODE64
switch_levels_end:
