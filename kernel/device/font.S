/* The console font, as the package brings it but unpacked. The build directory is the assembler's working directory. */
    .section .rodata
    .balign 16
    .globl font_file
font_file:
    .incbin "kernel/device/font.psf"
    .globl font_file_end
font_file_end:
    .section .note.GNU-stack, "", @progbits
