/* The hand-off: from the firmware's tables to ours, and into the kernel.
 *
 * The code is one page of the loader's own .text (executable in any firmware), mapped where it is in our tables too. Its data is one
 * more page, `struct switch_page`. To change the number of page-table levels paging must be off for a moment, which 64-bit code cannot
 * do: then a copy of the code page below 4 GiB runs through 32-bit mode, on our tables only. */
#ifndef EFI_HANDOFF_H
#define EFI_HANDOFF_H

/* Offsets in struct switch_page, for switch.S. */
#define SWITCH_FIRST_ROOT     0
#define SWITCH_FINAL_ROOT     8
#define SWITCH_CR0            16
#define SWITCH_CR4_FIRST      24
#define SWITCH_CR4_FINAL      32
#define SWITCH_NXE            40
#define SWITCH_PAT            48
#define SWITCH_TRAMPOLINE     56
#define SWITCH_ENTRY          64
#define SWITCH_STACK          72
#define SWITCH_BOOT_INFO      80
#define SWITCH_SQUARE         88
#define SWITCH_SQUARE_COLOUR  96
#define SWITCH_FAILURE_COLOUR 100
#define SWITCH_SQUARE_SIDE    104
#define SWITCH_SQUARE_PITCH   108
#define SWITCH_GDT_POINTER    112
#define SWITCH_IDT_POINTER    128
#define SWITCH_GDT            144
#define SWITCH_IDT            256
#define SWITCH_PAGE_SIZE      4096

/* Selectors of its GDT. */
#define SWITCH_CODE64         0x08
#define SWITCH_DATA           0x10
#define SWITCH_CODE32         0x18

/* Exceptions of the processor, and the room of one entry point in switch.S. */
#define SWITCH_VECTORS        32
#define SWITCH_VECTOR_BYTES   16

#ifndef __ASSEMBLER__

#include "efi/boot_info.h"
#include "efi/leave.h"
#include "efi/options.h"
#include "efi/processor.h"
#include "efi/uefi.h"

struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct switch_page {
    uint64_t first_root; /* tables with as many levels as the firmware's */
    uint64_t final_root; /* the same, unless levels change; then below 4 GiB */
    uint64_t cr0;
    uint64_t cr4_first;
    uint64_t cr4_final;
    uint64_t nxe;        /* EFER.NXE, or 0 */
    uint64_t pat;        /* 0: the processor has none */
    uint64_t trampoline; /* the copy of the code page; 0: levels stay */
    uint64_t entry;
    uint64_t stack;
    uint64_t boot_info;
    uint64_t square; /* first pixel of the last square; 0: none */
    uint32_t square_colour;
    uint32_t failure_colour;
    uint32_t square_side;
    uint32_t square_pitch;
    struct descriptor_pointer gdt_pointer;
    uint8_t padding_gdt[6];
    struct descriptor_pointer idt_pointer;
    uint8_t padding_idt[6];
    uint64_t gdt[4];
    uint8_t padding[80];
    uint64_t idt[SWITCH_VECTORS][2];
    uint8_t stack_bytes[SWITCH_PAGE_SIZE - SWITCH_IDT - SWITCH_VECTORS * 16];
};

/* What the hand-off takes, allocated and filled before the firmware is left. */
struct handoff {
    struct switch_page *page;
    paddr_t code; /* the page of switch.S in the loader's image */
    uint32_t levels;
    bool toggle; /* levels differ from the firmware's */
    paddr_t trampoline;
    paddr_t bridge; /* a 5-level root over our 4-level one, only to get down from 5 to 4; else 0 */
};

/* Choose the number of levels and allocate the pages of the switch, noted in info->ranges. Failures print a line. */
EFI_STATUS must_check handoff_prepare(const struct options *options, const struct processor *processor,
                                      struct boot_info *info, struct handoff *handoff);

/* Fill the switch page; tables, stack and entry are known now. */
void handoff_finish(struct handoff *handoff, const struct processor *processor, const struct boot_info *info,
                    paddr_t first_root, vaddr_t entry, paddr_t stack_top);

/* Go. Only after the firmware was left. */
_Noreturn void handoff_jump(struct handoff *handoff, struct boot_info *info);

#endif
#endif
