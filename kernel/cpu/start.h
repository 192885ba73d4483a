/* The code that another processor begins with: a page below 1 MiB that it runs in real mode, then in protected and long mode, up to the kernel's own entry
 * (SDM vol. 3A, 9.4 and 10.8.5).
 *
 * The page is a copy of start.S with its parameters filled in by the boot CPU through the direct map; the processor only reads it. */
#ifndef KERNEL_CPU_START_H
#define KERNEL_CPU_START_H

/* Offsets of the parameters in the page. */
#define START_GDT_POINTER 0xf00 /* limit, base */
#define START_FAR_32      0xf08 /* offset, selector */
#define START_FAR_64      0xf10
#define START_CR4         0xf18
#define START_CR3         0xf20
#define START_EFER        0xf28
#define START_STACK       0xf30
#define START_ENTRY       0xf38
#define START_ARGUMENT    0xf40
#define START_GDT         0xf60

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

extern const uint8_t start_code[], start_code_end[], start_code_32[], start_code_64[];

struct start_parameters {
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint16_t pad0;
    uint32_t far_32;
    uint32_t far_32_selector;
    uint32_t far_64;
    uint32_t far_64_selector;
    uint64_t cr4;
    uint64_t cr3; /* below 4 GiB: loaded in protected mode */
    uint64_t efer;
    uint64_t stack; /* kernel addresses from here on */
    uint64_t entry;
    uint64_t argument;
    uint64_t reserved[3];
    uint64_t gdt[4];
} __attribute__((packed));
_Static_assert(offsetof(struct start_parameters, far_32) == START_FAR_32 - START_GDT_POINTER, "start.S");
_Static_assert(offsetof(struct start_parameters, cr4) == START_CR4 - START_GDT_POINTER, "start.S");
_Static_assert(offsetof(struct start_parameters, argument) == START_ARGUMENT - START_GDT_POINTER, "start.S");
_Static_assert(offsetof(struct start_parameters, gdt) == START_GDT - START_GDT_POINTER, "start.S");

#define START_SELECTOR_32   0x08
#define START_SELECTOR_DATA 0x10
#define START_SELECTOR_64   0x18

#endif
#endif
