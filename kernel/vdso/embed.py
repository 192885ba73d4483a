#!/usr/bin/env python3
"""The shared object as assembly: usage: embed.py OBJECT OUTPUT"""

import sys

with open(sys.argv[1], "rb") as file:
    image = file.read()
with open(sys.argv[2], "w", encoding="ascii") as file:
    file.write("    .section .rodata\n    .balign 16\n    .globl vdso_image\nvdso_image:\n")
    for at in range(0, len(image), 16):
        file.write(f"    .byte {','.join(map(str, image[at:at + 16]))}\n")
    file.write("    .globl vdso_image_end\nvdso_image_end:\n"
               '    .section .note.GNU-stack, "", @progbits\n')
