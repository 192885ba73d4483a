/* See tables.h. Everything here belongs to one CPU; only the IDT is shared, written once by the boot CPU before the others start. */
#include "kernel/cpu/tables.h"

#include <stddef.h>

#include "kernel/cpu/registers.h"
#include "kernel/cpu/trap.h"
#include "kernel/lib/string.h"
#include "paging/types.h"

/* Segment descriptors, SDM vol. 3A, 3.4.5: access byte in bits 40-47, flags in 52-55. */
#define DESCRIPTOR_PRESENT (UINT64_C(1) << 47)
#define DESCRIPTOR_USER    (UINT64_C(3) << 45)
#define DESCRIPTOR_SEGMENT (UINT64_C(1) << 44) /* code or data, not system */
#define DESCRIPTOR_CODE    (UINT64_C(1) << 43)
#define DESCRIPTOR_WRITE   (UINT64_C(1) << 41) /* data: writable, code: readable */
#define DESCRIPTOR_ACCESS  (UINT64_C(1) << 40) /* set ahead, so that the CPU never writes to the GDT */
#define DESCRIPTOR_LONG    (UINT64_C(1) << 53)
#define DESCRIPTOR_TSS     (UINT64_C(9) << 40) /* available 64-bit TSS */

#define SEGMENT_COMMON     (DESCRIPTOR_PRESENT | DESCRIPTOR_SEGMENT | DESCRIPTOR_WRITE | DESCRIPTOR_ACCESS)

#define IO_PORTS           65536

/* SDM vol. 3A, figure 8-11. The bitmap has a 1 for every port and the extra byte that the CPU may read: user mode gets no port at all. */
struct task_state {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_bitmap_offset;
    uint8_t io_bitmap[IO_PORTS / 8 + 1];
} __attribute__((packed));
_Static_assert(offsetof(struct task_state, ist) == 36, "SDM figure 8-11");
_Static_assert(offsetof(struct task_state, io_bitmap) == 104, "SDM figure 8-11");

struct interrupt_stack {
    uint8_t guard[PAGE_SIZE]; /* unmapped once the kernel space is up (kernel_space.c) */
    uint8_t stack[IST_STACK_SIZE];
} __attribute__((aligned(4096)));

struct cpu_tables {
    struct interrupt_stack interrupt_stack[IST_COUNT];
    uint64_t gdt[8];
    struct task_state tss __attribute__((aligned(16)));
} __attribute__((aligned(4096)));

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct table_register) == 10, "packed is honoured");

struct cpu boot_cpu;
static struct cpu_tables boot_tables;

struct cpu_tables *cpu_tables_boot(void)
{
    return &boot_tables;
}

uint64_t cpu_tables_size(void)
{
    return sizeof(struct cpu_tables);
}

static void gdt_fill(struct cpu_tables *tables)
{
    uint64_t base = (uint64_t)&tables->tss;
    uint64_t limit = sizeof(tables->tss) - 1;

    tables->gdt[0] = 0;
    tables->gdt[SELECTOR_KERNEL_CODE / 8] = SEGMENT_COMMON | DESCRIPTOR_CODE | DESCRIPTOR_LONG;
    tables->gdt[SELECTOR_KERNEL_DATA / 8] = SEGMENT_COMMON;
    tables->gdt[SELECTOR_USER_BASE / 8] = 0; /* no 32-bit user code */
    tables->gdt[SELECTOR_USER_DATA / 8] = SEGMENT_COMMON | DESCRIPTOR_USER;
    tables->gdt[SELECTOR_USER_CODE / 8] =
        SEGMENT_COMMON | DESCRIPTOR_USER | DESCRIPTOR_CODE | DESCRIPTOR_LONG;
    tables->gdt[SELECTOR_TSS / 8] = DESCRIPTOR_PRESENT | DESCRIPTOR_TSS | (limit & 0xffff) |
                                    (limit & 0xf0000) << 32 | (base & 0xffffff) << 16 |
                                    (base & 0xff000000) << 32;
    tables->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

static void tss_fill(struct cpu_tables *tables)
{
    for (unsigned i = 0; i < IST_COUNT; i++)
        tables->tss.ist[i] = (uint64_t)tables->interrupt_stack[i].stack + IST_STACK_SIZE;
    tables->tss.io_bitmap_offset = offsetof(struct task_state, io_bitmap);
    memset(tables->tss.io_bitmap, 0xff, sizeof(tables->tss.io_bitmap));
}

static void gdt_load(const struct cpu_tables *tables)
{
    struct table_register gdtr = {sizeof(tables->gdt) - 1, (uint64_t)tables->gdt};
    uint64_t scratch;

    __asm__ volatile("lgdt %1\n\t"
                     "pushq %2\n\t"
                     "leaq 1f(%%rip), %0\n\t"
                     "pushq %0\n\t"
                     "lretq\n"
                     "1:"
                     : "=&r"(scratch)
                     : "m"(gdtr), "i"(SELECTOR_KERNEL_CODE)
                     : "memory");
    __asm__ volatile("movw %w0, %%ss" : : "r"(SELECTOR_KERNEL_DATA));
    __asm__ volatile("movw %w0, %%ds; movw %w0, %%es; movw %w0, %%fs; movw %w0, %%gs" : : "r"(0));
    __asm__ volatile("lldt %w0" : : "r"(0));
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

void cpu_tables_load(struct cpu *cpu, struct cpu_tables *tables)
{
    cpu->self = cpu;
    cpu->tables = tables;
    gdt_fill(tables);
    tss_fill(tables);
    gdt_load(tables);
    /* Loading a selector into GS clears its base: the MSR comes after. */
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    wrmsr(MSR_FS_BASE, 0);
    trap_table_load();
}

uint64_t cpu_interrupt_stack_guard(const struct cpu_tables *tables, unsigned stack)
{
    return (uint64_t)tables->interrupt_stack[stack].guard;
}

void cpu_set_kernel_stack(uint64_t top)
{
    struct cpu *cpu = cpu_current();
    cpu->kernel_stack_top = top;
    cpu->tables->tss.rsp[0] = top;
}

bool cpu_on_interrupt_stack(uint64_t address)
{
    uint64_t start = (uint64_t)cpu_current()->tables->interrupt_stack;
    return address >= start && address < start + sizeof(((struct cpu_tables *)NULL)->interrupt_stack);
}
