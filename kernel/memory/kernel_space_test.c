/* The kernel's half of every address space: that it is what the drawing in paging/layout.h promises. */
#include "kernel/memory/kernel_space.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/log.h"
#include "kernel/debug/selftest.h"
#include "kernel/memory/frame.h"
#include "paging/vmiter.h"

#define LAPIC_VERSION 0x30 /* SDM vol. 3A, table 11-1 */

/* Defined by kernel.ld. */
extern const uint8_t kernel_text_start[], kernel_text_end[], kernel_rodata_start[], kernel_rodata_end[],
    kernel_data_start[], kernel_data_end[];
extern uint8_t boot_stack_guard[];

static void violation_print(void *context, const char *line)
{
    (void)context;
    log_error("%s", line);
}

SELFTEST(kernel_tables_keep_every_promise)
{
    CHECK_EQ(paging_check(&kernel_paging, violation_print, NULL), 0);
}

/* How many pages of [start, end) are not mapped with exactly these rights (P, W, U, NX). */
static unsigned pages_other_than(vaddr_t start, vaddr_t end, uint64_t perm)
{
    uint64_t rights = PTE_P | PTE_W | PTE_U | (cpu_features.nx ? PTE_NX : 0);
    unsigned wrong = 0;
    struct vmiter it;

    for (vmiter_init(&it, &kernel_paging, ROUND_DOWN(start, PAGE_SIZE)); it.va < end; vmiter_next(&it))
        wrong += (vmiter_perm(&it) & rights) != (perm & rights);
    return wrong;
}

static unsigned lines;

static void line_count(void *context, const char *line)
{
    (void)context;
    lines += *line != '\0';
}

/* A broken promise is told in words: here two tables that are one. */
SELFTEST(kernel_tables_that_break_a_promise_are_told_of)
{
    struct paging paging = kernel_paging;

    CHECK_EQ(paging_init(&paging), 0);
    pte_t *root = direct_map(paging.root);
    kernel_space_share(&paging);
    unsigned first = kernel_space_first_index(), used = first;
    while (used < PAGING_TABLE_ENTRIES && !(root[used] & PTE_P))
        used++;
    /* The kernel's table once more, in the user half. */
    root[0] = root[used];
    lines = 0;
    unsigned violations = paging_check(&paging, line_count, NULL);
    frame_put(frame_of(paging.root));
    CHECK(violations > 0);
    CHECK_EQ(lines, violations);
}

SELFTEST(kernel_image_has_exact_permissions)
{
    CHECK_EQ(pages_other_than((vaddr_t)kernel_text_start, (vaddr_t)kernel_text_end, PERM_KERNEL_RX), 0);
    CHECK_EQ(pages_other_than((vaddr_t)kernel_rodata_start, (vaddr_t)kernel_rodata_end, PERM_KERNEL_R), 0);
    /* But for the pages below the static stacks. */
    CHECK_EQ(pages_other_than((vaddr_t)kernel_data_start, (vaddr_t)kernel_data_end, PERM_KERNEL_RW),
             1 + IST_COUNT);
}

SELFTEST(kernel_direct_map_is_writable_only)
{
    struct frame *frame = frame_alloc(FRAME_KERNEL);

    CHECK(frame != NULL);
    unsigned wrong = pages_other_than((vaddr_t)frame_pointer(frame),
                                      (vaddr_t)frame_pointer(frame) + PAGE_SIZE, PERM_KERNEL_RW);
    frame_put(frame);
    CHECK_EQ(wrong, 0);
    /* And so is the kernel's own code seen through it: as data. */
    struct vmiter it;
    vmiter_init(&it, &kernel_paging, (vaddr_t)kernel_text_start);
    vaddr_t alias = (vaddr_t)direct_map(vmiter_pa(&it));
    vmiter_find(&it, alias);
    CHECK(!vmiter_present(&it) || !cpu_features.nx || vmiter_perm(&it) & PTE_NX);
}

SELFTEST(kernel_low_half_is_empty)
{
    struct vmiter it;

    vmiter_init(&it, &kernel_paging, 0);
    while (it.va < USER_END && !vmiter_present(&it))
        vmiter_next(&it);
    CHECK(it.va >= USER_END);
}

SELFTEST(kernel_stacks_are_guarded)
{
    vaddr_t stack = kernel_stack_alloc(), other = kernel_stack_alloc();
    unsigned wrong = 0;

    CHECK(stack != 0 && other != 0);
    wrong += pages_other_than(stack, stack + KERNEL_STACK_SIZE, PERM_KERNEL_RW);
    wrong += pages_other_than(stack - PAGE_SIZE, stack, 0) + pages_other_than(other - PAGE_SIZE, other, 0);
    bool known = kernel_stack_guard(stack - 1) && kernel_stack_guard(stack - PAGE_SIZE) &&
                 !kernel_stack_guard(stack) && !kernel_stack_guard(stack + KERNEL_STACK_SIZE - 1);
    uint64_t between = stack > other ? stack - other : other - stack;
    kernel_stack_free(other);
    kernel_stack_free(stack);
    vaddr_t again = kernel_stack_alloc();
    kernel_stack_free(again);
    CHECK_EQ(wrong, 0);
    CHECK(known);
    CHECK(between >= KERNEL_STACK_SIZE + PAGE_SIZE);
    CHECK_EQ(again, stack);
}

SELFTEST(kernel_stack_without_memory_is_refused)
{
    /* Stacks that are kept go first; of the one that would be new two pages can be had. */
    vaddr_t stack[32];
    unsigned count = 0;

    frame_fail_after(3);
    for (; count < 32; count++) {
        stack[count] = kernel_stack_alloc();
        if (stack[count] == 0)
            break;
    }
    frame_fail_after(0);
    for (unsigned i = 0; i < count; i++)
        kernel_stack_free(stack[i]);
    CHECK(count < 32);
}

SELFTEST(kernel_static_stacks_are_guarded)
{
    CHECK_EQ(pages_other_than((vaddr_t)boot_stack_guard, (vaddr_t)boot_stack_guard + PAGE_SIZE, 0), 0);
    CHECK(kernel_stack_guard((vaddr_t)boot_stack_guard));
    for (unsigned i = 0; i < IST_COUNT; i++) {
        vaddr_t guard = cpu_interrupt_stack_guard(cpu_tables_boot(), i);
        CHECK_EQ(pages_other_than(guard, guard + PAGE_SIZE, 0), 0);
        CHECK_EQ(pages_other_than(guard + PAGE_SIZE, guard + PAGE_SIZE + IST_STACK_SIZE, PERM_KERNEL_RW), 0);
    }
}

SELFTEST(kernel_device_maps_show_the_device)
{
    paddr_t lapic = rdmsr(MSR_APIC_BASE) & PTE_ADDRESS_MASK;
    volatile uint32_t *version = kernel_map_device(lapic + LAPIC_VERSION, sizeof(*version), PERM_UNCACHED);
    struct vmiter it;

    CHECK(version != NULL);
    CHECK_EQ(PAGEOFFSET((vaddr_t)version), LAPIC_VERSION);
    CHECK_EQ(*version, *(volatile uint32_t *)(KERNEL_MAP_LAPIC + LAPIC_VERSION));
    vmiter_init(&it, &kernel_paging, (vaddr_t)version);
    CHECK_EQ(vmiter_pa(&it), lapic + LAPIC_VERSION);
    CHECK_EQ(vmiter_perm(&it) & (PTE_P | PTE_W | PTE_U | PTE_PCD | PTE_PWT),
             PTE_P | PTE_W | PTE_PCD | PTE_PWT);
}

SELFTEST(kernel_device_maps_refuse_nonsense)
{
    paddr_t beyond = UINT64_C(1) << cpu_features.physical_width;

    CHECK(kernel_map_device(LAPIC_DEFAULT, 0, PERM_UNCACHED) == NULL);
    CHECK(kernel_map_device(beyond, 16, PERM_UNCACHED) == NULL);
    CHECK(kernel_map_device(beyond - 8, 16, PERM_UNCACHED) == NULL);
    CHECK(kernel_map_device(UINT64_MAX - 8, 16, PERM_UNCACHED) == NULL);
}

SELFTEST(direct_map_covers_only_ram)
{
    struct frame *frame = frame_alloc(FRAME_KERNEL);

    CHECK(frame != NULL);
    paddr_t pa = frame_pa(frame);
    frame_put(frame);
    CHECK(direct_map_covers(pa, PAGE_SIZE));
    CHECK(!direct_map_covers(pa, 0));
    CHECK(!direct_map_covers(pa, UINT64_MAX));
    CHECK(!direct_map_covers(LAPIC_DEFAULT, 4));
    CHECK(!direct_map_covers(UINT64_C(1) << cpu_features.physical_width, PAGE_SIZE));
}
