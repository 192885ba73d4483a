#include "efi/handoff.h"

#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/runtime.h"
#include "efi/stage.h"
#include "paging/entry.h"
#include "paging/layout.h"

_Static_assert(sizeof(struct switch_page) == SWITCH_PAGE_SIZE, "one page");
_Static_assert(offsetof(struct switch_page, trampoline) == SWITCH_TRAMPOLINE, "switch.S agrees");
_Static_assert(offsetof(struct switch_page, square) == SWITCH_SQUARE, "switch.S agrees");
_Static_assert(offsetof(struct switch_page, square_pitch) == SWITCH_SQUARE_PITCH, "switch.S agrees");
_Static_assert(offsetof(struct switch_page, gdt_pointer) == SWITCH_GDT_POINTER, "switch.S agrees");
_Static_assert(offsetof(struct switch_page, idt_pointer) == SWITCH_IDT_POINTER, "switch.S agrees");
_Static_assert(offsetof(struct switch_page, gdt) == SWITCH_GDT, "switch.S agrees");
_Static_assert(offsetof(struct switch_page, idt) == SWITCH_IDT, "switch.S agrees");

/* In switch.S: the page of code, its entry point, and SWITCH_VECTORS exception entries SWITCH_VECTOR_BYTES apart. */
extern unsigned char switch_code[];
extern unsigned char switch_vectors[];
_Noreturn void switch_start(struct switch_page *page);

/* Flat segments with the accessed bit set, so that the processor has nothing to write (SDM vol. 3A, 3.4.5). */
#define SEGMENT_CODE64 UINT64_C(0x00af9b000000ffff)
#define SEGMENT_DATA   UINT64_C(0x00cf93000000ffff)
#define SEGMENT_CODE32 UINT64_C(0x00cf9b000000ffff)

/* A 64-bit interrupt gate: present, type 14 (SDM vol. 3A, 6.14.1). */
#define GATE_INTERRUPT (UINT64_C(0x8e) << 40)

static uint32_t levels_choose(const struct options *options, const struct processor *processor,
                              uint32_t firmware_levels)
{
    if (options->levels == 5 && !processor->la57) {
        MESSAGE("levels=5: this processor has no five-level paging, using four");
        return 4;
    }
    return options->levels ? options->levels : firmware_levels;
}

EFI_STATUS handoff_prepare(const struct options *options, const struct processor *processor,
                           struct boot_info *info, struct handoff *handoff)
{
    uint32_t firmware_levels = info->firmware.cr4 & CR4_LA57 ? 5 : 4;
    *handoff = (struct handoff){.code = (paddr_t)(uintptr_t)switch_code};
    handoff->levels = levels_choose(options, processor, firmware_levels);
    handoff->toggle = handoff->levels != firmware_levels;
    info->levels = handoff->levels;
    info->toggled_la57 = handoff->toggle;

    paddr_t page;
    EFI_STATUS status =
        pages_allocate(SWITCH_PAGE_SIZE, handoff->toggle ? MEMORY_4G : MEMORY_ANYWHERE, "switch", &page);
    if (EFI_ERROR(status))
        return status;
    handoff->page = physical_pointer(page);
    status = range_add(info, BOOT_RANGE_SWITCH, page, SWITCH_PAGE_SIZE, "switch data");
    if (!EFI_ERROR(status))
        status = range_add(info, BOOT_RANGE_SWITCH, handoff->code, SWITCH_PAGE_SIZE, "switch code");
    if (EFI_ERROR(status) || !handoff->toggle)
        return status;

    status = pages_allocate(SWITCH_PAGE_SIZE, MEMORY_4G, "level switch", &handoff->trampoline);
    if (EFI_ERROR(status))
        return status;
    memcpy(physical_pointer(handoff->trampoline), switch_code, SWITCH_PAGE_SIZE);
    status = range_add(info, BOOT_RANGE_SWITCH, handoff->trampoline, SWITCH_PAGE_SIZE, "level switch");
    if (EFI_ERROR(status) || firmware_levels == 4)
        return status;

    status = pages_allocate(PAGE_SIZE, MEMORY_ANYWHERE, "level bridge", &handoff->bridge);
    if (!EFI_ERROR(status))
        status = range_add(info, BOOT_RANGE_SWITCH, handoff->bridge, PAGE_SIZE, "level bridge");
    return status;
}

static void gates_fill(struct switch_page *page)
{
    for (unsigned vector = 0; vector < SWITCH_VECTORS; ++vector) {
        uint64_t handler = (uint64_t)(uintptr_t)(switch_vectors + vector * SWITCH_VECTOR_BYTES);
        page->idt[vector][0] = (handler & 0xffff) | (uint64_t)SWITCH_CODE64 << 16 | GATE_INTERRUPT |
                               (handler & UINT64_C(0xffff0000)) << 32;
        page->idt[vector][1] = handler >> 32;
    }
    page->idt_pointer = (struct descriptor_pointer){sizeof(page->idt) - 1, (uint64_t)(uintptr_t)page->idt};
}

void handoff_finish(struct handoff *handoff, const struct processor *processor, const struct boot_info *info,
                    paddr_t first_root, vaddr_t entry, paddr_t stack_top)
{
    struct switch_page *page = handoff->page;
    page->first_root = first_root;
    page->final_root = info->page_tables;

    /* All of CR0 and CR4 as the kernel is to find them. What is on of machine checks and VMX stays: turning the latter off inside VMX
     * operation is a fault. */
    page->cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE;
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (info->firmware.cr4 & (CR4_MCE | CR4_VMXE));
    page->cr4_first = cr4 | (info->firmware.cr4 & CR4_LA57);
    page->cr4_final = cr4 | (handoff->levels == 5 ? CR4_LA57 : 0);
    page->nxe = processor->nx ? EFER_NXE : 0;
    page->pat = processor->pat ? PAT_VALUE : 0;
    page->trampoline = handoff->trampoline;
    page->entry = entry;
    page->stack = DIRECT_MAP_BASE + stack_top;
    page->boot_info = (uint64_t)(uintptr_t)info;

    page->gdt[SWITCH_CODE64 / 8] = SEGMENT_CODE64;
    page->gdt[SWITCH_DATA / 8] = SEGMENT_DATA;
    page->gdt[SWITCH_CODE32 / 8] = SEGMENT_CODE32;
    page->gdt_pointer = (struct descriptor_pointer){sizeof(page->gdt) - 1, (uint64_t)(uintptr_t)page->gdt};
    gates_fill(page);
}

void handoff_jump(struct handoff *handoff, struct boot_info *info)
{
    struct switch_page *page = handoff->page;
    struct stage_square square = stage_last_square(info);
    page->square = square.address;
    page->square_colour = square.colour;
    page->failure_colour = info->framebuffer.red_mask;
    page->square_side = square.side;
    page->square_pitch = square.pitch;
    switch_start(page);
}
