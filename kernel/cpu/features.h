/* What the boot processor can do, decided once from CPUID (SDM vol. 2A, CPUID), printed at boot. A feature is used only when its field
 * says so; `nocpu=NAME,NAME` on the command line clears fields, to try the fallbacks; `nx` and `pages_1g` stay, because the loader's
 * tables are made with them. Other processors are checked against it. */
#ifndef KERNEL_CPU_FEATURES_H
#define KERNEL_CPU_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_features {
    bool nx, pages_1g, pge, pat, smep, smap, umip, fsgsbase, xsave, xsaveopt, pcid, invpcid, la57, rdrand,
        rdseed;
    bool x2apic, tsc_deadline, tsc_invariant, arat, erms, rdtscp, mce, mtrr, hypervisor;
    uint8_t physical_width;  /* bits of a physical address */
    uint8_t linear_width;    /* bits of a linear address: 48 or 57 */
    uint32_t xsave_size;     /* bytes for the state components in xsave_mask; 512 with FXSAVE only */
    uint64_t xsave_mask;     /* XCR0 */
    uint64_t tsc_hz;         /* from CPUID 15H/16H; 0 when it does not say */
    uint64_t lapic_timer_hz; /* from CPUID 15H; 0 when it does not say */
    char vendor[13];
    char brand[49];
};

extern struct cpu_features cpu_features;

/* Fill cpu_features from CPUID and take out what `disabled` names (comma-separated field names; NULL: nothing). */
void cpu_features_detect(const char *disabled);

/* Log vendor, brand, widths and features. */
void cpu_features_log(void);

#endif
