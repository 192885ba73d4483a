/* One processor as promised: every protection that it has is on, and its tables are the kernel's own. */
#include "kernel/cpu/control.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/cpu/trap.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "paging/entry.h"
#include "paging/layout.h"

/* CPUID bits, SDM vol. 2A. */
#define CPUID_7_EBX_SMEP (1u << 7)
#define CPUID_7_EBX_SMAP (1u << 20)
#define CPUID_7_ECX_UMIP (1u << 2)
#define CPUID_81_EDX_NX  (1u << 20)

/* IDT gate, SDM vol. 3A, 6.14.1: bytes 4 and 5. */
#define GATE_SIZE        16
#define GATE_PRESENT     0x80
#define GATE_TYPE        0x1f
#define GATE_INTERRUPT   0x0e
#define GATE_DPL_SHIFT   5
#define VECTORS          256

/* TSS, SDM vol. 3A, figure 8-11. */
#define TSS_RSP0         4
#define TSS_IST1         36
#define TSS_IO_OFFSET    102
#define TSS_LEAST        104
#define IO_BITMAP_BYTES  8192

extern const uint8_t kernel_text_start[], kernel_text_end[];

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

SELFTEST(cpu_protections_are_on)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    CHECK_EQ(cr0 & (CR0_WP | CR0_NE | CR0_MP | CR0_EM | CR0_TS), CR0_WP | CR0_NE | CR0_MP);
    CHECK_EQ((cr4 & CR4_SMEP) != 0, cpu_features.smep);
    CHECK_EQ((cr4 & CR4_SMAP) != 0, cpu_features.smap);
    CHECK_EQ((cr4 & CR4_UMIP) != 0, cpu_features.umip);
    CHECK_EQ((cr4 & CR4_PGE) != 0, cpu_features.pge);
    CHECK_EQ((cr4 & CR4_PCIDE) != 0, cpu_features.pcid);
    CHECK(!cpu_features.pcid || cpu_features.pge);
    CHECK_EQ((cr4 & CR4_OSXSAVE) != 0, cpu_features.xsave);
    CHECK_EQ(cr4 & (CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PAE), CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PAE);
    /* User mode that can write GS could choose the kernel's per-CPU block. */
    CHECK_EQ(cr4 & CR4_FSGSBASE, 0);
    CHECK_EQ((rdmsr(MSR_EFER) & EFER_NXE) != 0, cpu_features.nx);
    CHECK(!cpu_features.pat || rdmsr(MSR_PAT) == PAT_VALUE);
    CHECK_EQ(read_rflags() & (RFLAGS_AC | RFLAGS_NT | RFLAGS_IOPL | RFLAGS_DF | RFLAGS_TF), 0);
}

SELFTEST(cpu_features_claim_nothing_that_is_not_there)
{
    uint32_t leaves = cpuid(0, 0).eax;
    struct cpuid seven = leaves >= 7 ? cpuid(7, 0) : (struct cpuid){0};

    CHECK(!cpu_features.smep || seven.ebx & CPUID_7_EBX_SMEP);
    CHECK(!cpu_features.smap || seven.ebx & CPUID_7_EBX_SMAP);
    CHECK(!cpu_features.umip || seven.ecx & CPUID_7_ECX_UMIP);
    CHECK(!cpu_features.nx || cpuid(0x80000001, 0).edx & CPUID_81_EDX_NX);
    CHECK(cpu_features.physical_width >= 32 && cpu_features.physical_width <= 52);
    CHECK(cpu_features.linear_width == 48 || cpu_features.linear_width == 57);
}

SELFTEST(cpu_segments_are_the_kernels)
{
    struct table_register gdtr;
    uint16_t cs, ss, tr;

    __asm__ volatile("sgdt %0" : "=m"(gdtr));
    __asm__ volatile("movw %%cs, %0; movw %%ss, %1; str %2" : "=r"(cs), "=r"(ss), "=r"(tr));
    CHECK_EQ(cs, SELECTOR_KERNEL_CODE);
    CHECK_EQ(ss, SELECTOR_KERNEL_DATA);
    CHECK_EQ(tr, SELECTOR_TSS);
    CHECK_EQ(gdtr.limit, 8 * sizeof(uint64_t) - 1);
    CHECK(gdtr.base >= DIRECT_MAP_BASE);
    bool enabled = interrupts_disable();
    bool own = rdmsr(MSR_GS_BASE) == (uint64_t)cpu_current() && cpu_current()->self == cpu_current();
    interrupts_restore(enabled);
    CHECK(own);
}

/* The task state segment that TR holds, from its descriptor (SDM vol. 3A, 7.2.3). */
static const uint8_t *task_state(uint32_t *limit)
{
    struct table_register gdtr;

    __asm__ volatile("sgdt %0" : "=m"(gdtr));
    const uint64_t *descriptor = (const uint64_t *)(gdtr.base + SELECTOR_TSS);
    *limit = (uint32_t)((descriptor[0] & 0xffff) | (descriptor[0] >> 32 & 0xf0000));
    return (const uint8_t *)((descriptor[0] >> 16 & 0xffffff) | (descriptor[0] >> 32 & 0xff000000) |
                             descriptor[1] << 32);
}

SELFTEST(cpu_task_state_protects_stacks_and_ports)
{
    bool enabled = interrupts_disable();
    uint32_t limit, closed = 0;
    const uint8_t *tss = task_state(&limit);
    uint64_t rsp0 = *(const uint64_t *)(tss + TSS_RSP0), top = cpu_current()->kernel_stack_top;
    const uint64_t *ist = (const uint64_t *)(tss + TSS_IST1);
    unsigned wrong = 0;

    for (unsigned i = 0; i < IST_COUNT; i++)
        wrong += !cpu_on_interrupt_stack(ist[i] - 8) || ist[i] % 16 != 0;
    interrupts_restore(enabled);
    uint16_t bitmap = *(const uint16_t *)(tss + TSS_IO_OFFSET);
    for (uint32_t i = 0; i <= IO_BITMAP_BYTES; i++)
        closed += tss[bitmap + i] == 0xff;
    CHECK_EQ(rsp0, top);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(bitmap, TSS_LEAST);
    CHECK_EQ(limit, TSS_LEAST + IO_BITMAP_BYTES);
    CHECK_EQ(closed, IO_BITMAP_BYTES + 1);
}

static uint64_t gate_entry(const uint8_t *gate)
{
    return *(const uint16_t *)gate | (uint64_t) * (const uint16_t *)(gate + 6) << 16 |
           (uint64_t) * (const uint32_t *)(gate + 8) << 32;
}

SELFTEST(cpu_interrupt_gates_are_closed_to_user_mode)
{
    struct table_register idtr;
    unsigned wrong = 0, open = 0, own_stack = 0;

    __asm__ volatile("sidt %0" : "=m"(idtr));
    CHECK_EQ(idtr.limit, VECTORS * GATE_SIZE - 1);
    for (unsigned i = 0; i < VECTORS; i++) {
        const uint8_t *gate = (const uint8_t *)(idtr.base + i * GATE_SIZE);
        uint64_t entry = gate_entry(gate);
        wrong += !(gate[5] & GATE_PRESENT) || (gate[5] & GATE_TYPE) != GATE_INTERRUPT;
        wrong += entry < (uint64_t)kernel_text_start || entry >= (uint64_t)kernel_text_end;
        wrong += *(const uint16_t *)(gate + 2) != SELECTOR_KERNEL_CODE;
        open += (gate[5] >> GATE_DPL_SHIFT & 3) != 0;
        own_stack += gate[4] != 0;
    }
    CHECK_EQ(wrong, 0);
    /* INT3 and INTO; #DB, NMI, #DF and #MC. */
    CHECK_EQ(open, 2);
    CHECK_EQ(own_stack, IST_COUNT);
}

SELFTEST(cpu_system_call_entry_is_the_kernels)
{
    uint64_t entry = rdmsr(MSR_LSTAR);

    CHECK(rdmsr(MSR_EFER) & EFER_SCE);
    CHECK(entry >= (uint64_t)kernel_text_start && entry < (uint64_t)kernel_text_end);
    CHECK_EQ(rdmsr(MSR_STAR) >> 32 & 0xffff, SELECTOR_KERNEL_CODE);
    CHECK_EQ(rdmsr(MSR_STAR) >> 48 | 3, SELECTOR_USER_BASE | 3);
    CHECK_EQ(rdmsr(MSR_SFMASK) & (RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT),
             RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
}
