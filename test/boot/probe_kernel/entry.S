/* Where the loader jumps to: note the registers as they are, for probe_main() to check. */

    .text
    .globl probe_entry
probe_entry:
    movq %rsp, %rsi
    pushfq
    popq %rdx
    movabsq $0x1122334455667788, %rax
    movq %rax, probe_written(%rip)
    /* probe_main(boot_info, stack pointer, flags) on an aligned stack; it does not return. */
    xorl %ebp, %ebp
    call probe_main
1:  cli
    hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
