/* A firmware that runs with five-level paging, as those of machines with very much memory do: the switch is made under its feet. */

#include "efi/processor.h"
#include "efi/runtime.h"
#include "paging/entry.h"
#include "test/boot/hostile/hostile.h"
#include "test/boot/hostile/switch_levels.h"

extern uint8_t switch_levels_code[], switch_levels_end[];

void hostile_five_levels(void)
{
    if (!mischief.five_levels)
        return;
    struct processor processor;
    processor_detect(&processor);
    if (!processor.la57) {
        report("hostile: this processor has no five-level paging\n");
        hostile_exit(EXIT_RULE);
    }
    uint64_t root = hostile_pages(1, UINT32_MAX, EfiBootServicesData);
    uint64_t code = hostile_pages(1, UINT32_MAX, EfiBootServicesCode);
    uint64_t cr3;
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    memset((void *)(uintptr_t)root, 0, EFI_PAGE_SIZE);
    *(uint64_t *)(uintptr_t)root = (cr3 & PTE_ADDRESS_MASK) | PTE_P | PTE_W;
    memcpy((void *)(uintptr_t)code, switch_levels_code, (size_t)(switch_levels_end - switch_levels_code));
    switch_levels((void *)(uintptr_t)code, root);
    report("hostile: five levels\n");
}
