/* Where the loader jumps to (the contract is efi/boot_info.h): onto the kernel's own guarded boot stack and into kernel_main. */
.section .text.entry, "ax"
.globl kernel_entry
.type kernel_entry, @function
kernel_entry:
    leaq boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp               /* ends every backtrace */
    pushq %rbp
    pushq %rbp
    call kernel_main
    ud2                           /* kernel_main does not return */
.size kernel_entry, . - kernel_entry

.section .bss
.balign 4096
.globl boot_stack_guard
boot_stack_guard:                 /* unmapped by kernel_space_start() */
.skip 4096
.skip 16384
.globl boot_stack_top
boot_stack_top:
