/* See control.h. SDM vol. 3A, 2.5; PAT: 11.12. */
#include "kernel/cpu/control.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "paging/entry.h"

void cpu_control_start(void)
{
    uint64_t cr0 = read_cr0();
    uint64_t cr4 = read_cr4();

    cr0 |= CR0_WP | CR0_NE | CR0_MP | CR0_AM;
    cr0 &= ~(CR0_EM | CR0_TS);
    write_cr0(cr0);

    /* The full value: nothing that the firmware left on survives but the paging mode. A machine check without CR4.MCE shuts the processor down (SDM vol. 3A, 2.5), and INIT clears
     * it. */
    cr4 = (cr4 & CR4_LA57) | CR4_PAE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= (cpu_features.mce ? CR4_MCE : 0);
    cr4 |= (cpu_features.pge ? CR4_PGE : 0) | (cpu_features.umip ? CR4_UMIP : 0) |
           (cpu_features.smep ? CR4_SMEP : 0) | (cpu_features.smap ? CR4_SMAP : 0) |
           (cpu_features.xsave ? CR4_OSXSAVE : 0);
    write_cr4(cr4);
    /* Identifiers may be switched on only while the loaded one is 0 (SDM vol. 3A, 4.10.1). */
    if (cpu_features.pcid) {
        write_cr3(read_cr3() & ~CR3_IDENTIFIER);
        write_cr4(cr4 | CR4_PCIDE);
    }

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu_features.nx ? EFER_NXE : 0));
    if (cpu_features.pat && rdmsr(MSR_PAT) != PAT_VALUE)
        wrmsr(MSR_PAT, PAT_VALUE);
}
