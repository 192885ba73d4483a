#include "efi/processor.h"

/* CPUID leaves and bits (SDM vol. 2A, CPUID). */
#define CPUID_FEATURES              1
#define CPUID_FEATURES_ECX_RDRAND   (1u << 30)
#define CPUID_FEATURES_EDX_APIC     (1u << 9)
#define CPUID_FEATURES_EDX_MTRR     (1u << 12)
#define CPUID_FEATURES_EDX_PGE      (1u << 13)
#define CPUID_FEATURES_EDX_PAT      (1u << 16)
#define CPUID_STRUCTURED            7
#define CPUID_STRUCTURED_ECX_LA57   (1u << 16)
#define CPUID_EXTENDED              0x80000000u
#define CPUID_EXTENDED_FEATURES     0x80000001u
#define CPUID_EXTENDED_EDX_NX       (1u << 20)
#define CPUID_EXTENDED_EDX_PAGES_1G (1u << 26)
#define CPUID_ADDRESS_SIZES         0x80000008u

#define PHYSICAL_WIDTH_DEFAULT      36 /* where CPUID does not say (SDM vol. 3A, 4.1.4) */
#define PHYSICAL_WIDTH_MAX          52
#define RDRAND_TRIES                10 /* SDM vol. 1, 7.3.17.1 */

#define DEBUG_CONSOLE_PORT          0xe9 /* reads back its own number */

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

void processor_detect(struct processor *processor)
{
    *processor = (struct processor){.physical_width = PHYSICAL_WIDTH_DEFAULT};
    uint32_t last = cpuid_read(0).eax;
    uint32_t last_extended = cpuid_read(CPUID_EXTENDED).eax;

    struct cpuid features = cpuid_read(CPUID_FEATURES);
    processor->rdrand = (features.ecx & CPUID_FEATURES_ECX_RDRAND) != 0;
    processor->apic = (features.edx & CPUID_FEATURES_EDX_APIC) != 0;
    processor->mtrr = (features.edx & CPUID_FEATURES_EDX_MTRR) != 0;
    processor->pge = (features.edx & CPUID_FEATURES_EDX_PGE) != 0;
    processor->pat = (features.edx & CPUID_FEATURES_EDX_PAT) != 0;
    if (last >= CPUID_STRUCTURED)
        processor->la57 = (cpuid_read(CPUID_STRUCTURED).ecx & CPUID_STRUCTURED_ECX_LA57) != 0;
    if (last_extended >= CPUID_EXTENDED_FEATURES) {
        struct cpuid extended = cpuid_read(CPUID_EXTENDED_FEATURES);
        processor->nx = (extended.edx & CPUID_EXTENDED_EDX_NX) != 0;
        processor->pages_1g = (extended.edx & CPUID_EXTENDED_EDX_PAGES_1G) != 0;
    }
    if (last_extended >= CPUID_ADDRESS_SIZES) {
        uint8_t width = (uint8_t)cpuid_read(CPUID_ADDRESS_SIZES).eax;
        processor->physical_width = width < PHYSICAL_WIDTH_MAX ? width : PHYSICAL_WIDTH_MAX;
    }
}

static uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

void processor_state(const struct processor *processor, struct boot_firmware_state *state)
{
    __asm__ volatile("movq %%cr0, %0" : "=r"(state->cr0));
    __asm__ volatile("movq %%cr3, %0" : "=r"(state->cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(state->cr4));
    __asm__ volatile("pushfq; popq %0" : "=r"(state->rflags));
    state->efer = msr_read(MSR_EFER);
    state->pat = processor->pat ? msr_read(MSR_PAT) : 0;
    state->apic_base = processor->apic ? msr_read(MSR_APIC_BASE) : 0;
    state->mtrr_default = processor->mtrr ? msr_read(MSR_MTRR_DEFAULT) : 0;
}

uint64_t time_stamp(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

bool random_instruction(uint64_t *number)
{
    for (unsigned attempt = 0; attempt < RDRAND_TRIES; ++attempt) {
        bool given;
        __asm__ volatile("rdrand %0" : "=r"(*number), "=@ccc"(given));
        if (given)
            return true;
    }
    return false;
}

bool debug_console_present(void)
{
    uint8_t byte;
    __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"((uint16_t)DEBUG_CONSOLE_PORT));
    return byte == DEBUG_CONSOLE_PORT;
}

void debug_console_write(const char *text)
{
    for (; *text; ++text)
        __asm__ volatile("outb %0, %1" : : "a"(*text), "Nd"((uint16_t)DEBUG_CONSOLE_PORT));
}

void interrupts_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}
