/* Reading and writing the processor's own registers: one inline function each, named after the instruction or register. */
#ifndef KERNEL_CPU_REGISTERS_H
#define KERNEL_CPU_REGISTERS_H

#include <stdint.h>

/* Control registers, SDM vol. 3A, 2.5. */
#define CR0_MP             (UINT64_C(1) << 1)
#define CR0_EM             (UINT64_C(1) << 2)
#define CR0_TS             (UINT64_C(1) << 3)
#define CR0_NE             (UINT64_C(1) << 5)
#define CR0_WP             (UINT64_C(1) << 16)
#define CR0_AM             (UINT64_C(1) << 18)

#define CR4_TSD            (UINT64_C(1) << 2)
#define CR4_DE             (UINT64_C(1) << 3)
#define CR4_PAE            (UINT64_C(1) << 5)
#define CR4_MCE            (UINT64_C(1) << 6)
#define CR4_PGE            (UINT64_C(1) << 7)
#define CR4_OSFXSR         (UINT64_C(1) << 9)
#define CR4_OSXMMEXCPT     (UINT64_C(1) << 10)
#define CR4_UMIP           (UINT64_C(1) << 11)
#define CR4_LA57           (UINT64_C(1) << 12)
#define CR4_FSGSBASE       (UINT64_C(1) << 16)
#define CR4_PCIDE          (UINT64_C(1) << 17)
#define CR4_OSXSAVE        (UINT64_C(1) << 18)
#define CR4_SMEP           (UINT64_C(1) << 20)
#define CR4_SMAP           (UINT64_C(1) << 21)

/* CR3 with CR4.PCIDE, SDM vol. 3A, 4.5: the identifier is in bits 11:0; bit 63 of what is written keeps its translations, and reads as 0 (4.10.4.1). */
#define CR3_IDENTIFIER     UINT64_C(0xfff)
#define CR3_NO_FLUSH       (UINT64_C(1) << 63)

/* Model-specific registers, SDM vol. 4. */
#define MSR_TSC            0x010u
#define MSR_APIC_BASE      0x01bu
#define MSR_PAT            0x277u
#define MSR_X2APIC         0x800u /* + register offset / 16 */
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE           (UINT64_C(1) << 0)
#define EFER_LME           (UINT64_C(1) << 8)
#define EFER_LMA           (UINT64_C(1) << 10)
#define EFER_NXE           (UINT64_C(1) << 11)

/* RFLAGS, SDM vol. 1, 3.4.3. */
#define RFLAGS_CF          (UINT64_C(1) << 0)
#define RFLAGS_FIXED       (UINT64_C(1) << 1)
#define RFLAGS_TF          (UINT64_C(1) << 8)
#define RFLAGS_IF          (UINT64_C(1) << 9)
#define RFLAGS_DF          (UINT64_C(1) << 10)
#define RFLAGS_IOPL        (UINT64_C(3) << 12)
#define RFLAGS_NT          (UINT64_C(1) << 14)
#define RFLAGS_RF          (UINT64_C(1) << 16)
#define RFLAGS_AC          (UINT64_C(1) << 18)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid out;
    __asm__ volatile("cpuid"
                     : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
                     : "a"(leaf), "c"(subleaf));
    return out;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#define DEFINE_CONTROL_REGISTER(name)                                                                        \
    static inline uint64_t read_##name(void)                                                                 \
    {                                                                                                        \
        uint64_t value;                                                                                      \
        __asm__ volatile("movq %%" #name ", %0" : "=r"(value) : : "memory");                                 \
        return value;                                                                                        \
    }                                                                                                        \
    static inline void write_##name(uint64_t value)                                                          \
    {                                                                                                        \
        __asm__ volatile("movq %0, %%" #name : : "r"(value) : "memory");                                     \
    }
DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* What was read from memory before was read before (SDM vol. 2B, RDTSC): for times that several processors compare. */
static inline uint64_t rdtsc_ordered(void)
{
    __asm__ volatile("lfence" : : : "memory");
    return rdtsc();
}

static inline void invlpg(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* SDM vol. 2A, INVPCID: all identifiers, global translations included. */
#define INVPCID_ALL UINT64_C(2)

static inline void invpcid(uint64_t type)
{
    const struct {
        uint64_t identifier, address;
    } descriptor = {0, 0};
    __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
}

static inline uint64_t read_rflags(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    return flags;
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause");
}

/* Sleep until an interrupt: STI takes effect after the next instruction, so none slips between (SDM vol. 2B, STI). */
static inline void cpu_halt_interruptible(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}

_Noreturn static inline void cpu_stop(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}

#endif
