/* The processor as the firmware left it, and the instructions that C has no word for. */
#ifndef EFI_PROCESSOR_H
#define EFI_PROCESSOR_H

#include "efi/boot_info.h"
#include "paging/types.h"

/* Control register bits (SDM vol. 3A, 2.5). */
#define CR0_PE           (UINT64_C(1) << 0)
#define CR0_MP           (UINT64_C(1) << 1)
#define CR0_ET           (UINT64_C(1) << 4)
#define CR0_NE           (UINT64_C(1) << 5)
#define CR0_WP           (UINT64_C(1) << 16)
#define CR0_PG           (UINT64_C(1) << 31)
#define CR4_PAE          (UINT64_C(1) << 5)
#define CR4_MCE          (UINT64_C(1) << 6)
#define CR4_OSFXSR       (UINT64_C(1) << 9)
#define CR4_OSXMMEXCPT   (UINT64_C(1) << 10)
#define CR4_LA57         (UINT64_C(1) << 12)
#define CR4_VMXE         (UINT64_C(1) << 13)

/* Model-specific registers (SDM vol. 4, 2.1). */
#define MSR_APIC_BASE    0x1b
#define MSR_PAT          0x277
#define MSR_MTRR_DEFAULT 0x2ff
#define MSR_EFER         0xc0000080

#define EFER_NXE         (UINT64_C(1) << 11)

/* Physical address bits of IA32_APIC_BASE (SDM vol. 3A, 11.4.4). */
#define APIC_BASE_MASK   UINT64_C(0x000ffffffffff000)

/* What CPUID promises, as far as the loader cares. */
struct processor {
    uint8_t physical_width; /* bits of a physical address, at most 52 */
    bool nx, pages_1g, pat, pge, la57, rdrand, mtrr, apic;
};

void processor_detect(struct processor *processor);

/* Fill the register part of `state`; registers that the processor lacks are 0. */
void processor_state(const struct processor *processor, struct boot_firmware_state *state);

uint64_t time_stamp(void);

/* One random number of the processor's; false when it has none to give after the tries the manual recommends. */
bool random_instruction(uint64_t *number);

/* Is QEMU's debug console at port 0xe9? Only then may anything be written there: on a PC the port may be something else's. */
bool debug_console_present(void);
void debug_console_write(const char *text);

void interrupts_disable(void);

#endif
