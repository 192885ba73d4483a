#include "paging/entry.h"
#include "paging/layout.h"
#include "test/boot/probe_kernel/checks.h"
#include "test/boot/probe_kernel/output.h"

#define CR0_WP                      (UINT64_C(1) << 16)
#define CR0_CD_NW                   (UINT64_C(3) << 29)
#define CR4_PGE                     (UINT64_C(1) << 7)
#define CR4_LA57                    (UINT64_C(1) << 12)
#define CR4_PCIDE                   (UINT64_C(1) << 17)
#define CR4_CET                     (UINT64_C(1) << 23)
#define EFER_NXE                    (UINT64_C(1) << 11)
#define RFLAGS_IF                   (UINT64_C(1) << 9)
#define RFLAGS_DF                   (UINT64_C(1) << 10)
#define MSR_EFER                    0xc0000080
#define MSR_PAT                     0x277

#define CPUID_STRUCTURED_ECX_LA57   (1u << 16)
#define CPUID_FEATURES_EDX_PAT      (1u << 16)
#define CPUID_EXTENDED_EDX_NX       (1u << 20)
#define CPUID_EXTENDED_EDX_PAGES_1G (1u << 26)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid_read(uint32_t leaf)
{
    struct cpuid found = {0};
    __asm__ volatile("cpuid"
                     : "=a"(found.eax), "=b"(found.ebx), "=c"(found.ecx), "=d"(found.edx)
                     : "a"(leaf), "c"(0));
    return found;
}

struct probe_cpu probe_cpu(void)
{
    struct probe_cpu cpu = {.physical_width = 36};
    cpu.pat = (cpuid_read(1).edx & CPUID_FEATURES_EDX_PAT) != 0;
    if (cpuid_read(0).eax >= 7)
        cpu.la57 = (cpuid_read(7).ecx & CPUID_STRUCTURED_ECX_LA57) != 0;
    if (cpuid_read(0x80000000).eax >= 0x80000008) {
        uint32_t features = cpuid_read(0x80000001).edx;
        cpu.nx = (features & CPUID_EXTENDED_EDX_NX) != 0;
        cpu.pages_1g = (features & CPUID_EXTENDED_EDX_PAGES_1G) != 0;
        cpu.physical_width = cpuid_read(0x80000008).eax & 0xff;
    }
    return cpu;
}

static uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static uint64_t stack_top(const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->range_count; ++i)
        if (info->ranges[i].kind == BOOT_RANGE_STACK)
            return DIRECT_MAP_BASE + info->ranges[i].start + info->ranges[i].size;
    return 0;
}

void check_registers(const struct boot_info *info, const struct probe_registers *registers)
{
    uint64_t cr0, cr3, cr4;
    __asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    struct probe_cpu cpu = probe_cpu();

    check(registers->stack_pointer == stack_top(info), "RSP is the top of the stack",
          registers->stack_pointer);
    check((registers->flags & (RFLAGS_IF | RFLAGS_DF)) == 0, "IF and DF are clear", registers->flags);
    check(cr3 == info->page_tables, "CR3 is page_tables", cr3);
    check((cr0 & CR0_WP) != 0, "CR0.WP is set", cr0);
    check((cr0 & CR0_CD_NW) == 0, "caches are on", cr0);
    check((cr4 & (CR4_PGE | CR4_PCIDE | CR4_CET)) == 0, "PGE, PCIDE and CET are off", cr4);
    check(((cr4 & CR4_LA57) != 0) == (info->levels == 5), "CR4.LA57 is as levels says", cr4);
    check(((msr_read(MSR_EFER) & EFER_NXE) != 0) == (cpu.nx != 0), "EFER.NXE is on when there is NX",
          msr_read(MSR_EFER));
    if (cpu.pat)
        check(msr_read(MSR_PAT) == PAT_VALUE, "PAT is PAT_VALUE", msr_read(MSR_PAT));
}
