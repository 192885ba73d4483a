/* See features.h. */
#include "kernel/cpu/features.h"

#include <stddef.h>

#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/lib/string.h"

struct cpu_features cpu_features;

/* For assembly: CLAC and STAC exist. */
uint8_t cpu_has_smap;

enum cpuid_register { EAX, EBX, ECX, EDX };

#define FEATURE(field, leaf, subleaf, register, bit)                                                         \
    {                                                                                                        \
#field, offsetof(struct cpu_features, field), leaf, subleaf, register, bit                           \
    }

/* Where CPUID tells of each feature (SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E). */
static const struct {
    const char *name;
    uint16_t offset;
    uint32_t leaf, subleaf;
    enum cpuid_register from;
    uint8_t bit;
} features[] = {
    FEATURE(x2apic, 1, 0, ECX, 21),
    FEATURE(tsc_deadline, 1, 0, ECX, 24),
    FEATURE(pcid, 1, 0, ECX, 17),
    FEATURE(xsave, 1, 0, ECX, 26),
    FEATURE(rdrand, 1, 0, ECX, 30),
    FEATURE(hypervisor, 1, 0, ECX, 31),
    FEATURE(mce, 1, 0, EDX, 7),
    FEATURE(mtrr, 1, 0, EDX, 12),
    FEATURE(pge, 1, 0, EDX, 13),
    FEATURE(pat, 1, 0, EDX, 16),
    FEATURE(arat, 6, 0, EAX, 2),
    FEATURE(fsgsbase, 7, 0, EBX, 0),
    FEATURE(smep, 7, 0, EBX, 7),
    FEATURE(erms, 7, 0, EBX, 9),
    FEATURE(invpcid, 7, 0, EBX, 10),
    FEATURE(rdseed, 7, 0, EBX, 18),
    FEATURE(smap, 7, 0, EBX, 20),
    FEATURE(umip, 7, 0, ECX, 2),
    FEATURE(la57, 7, 0, ECX, 16),
    FEATURE(xsaveopt, 13, 1, EAX, 0),
    FEATURE(nx, 0x80000001, 0, EDX, 20),
    FEATURE(pages_1g, 0x80000001, 0, EDX, 26),
    FEATURE(rdtscp, 0x80000001, 0, EDX, 27),
    FEATURE(tsc_invariant, 0x80000007, 0, EDX, 8),
};

#define FEATURES         (sizeof(features) / sizeof(features[0]))

/* State components that Quire saves: x87, SSE, AVX and AVX-512 (SDM vol. 1, 13.1). MPX, PKRU and the rest stay off. */
#define XSAVE_COMPONENTS UINT64_C(0xe7)
#define FXSAVE_SIZE      512

static bool *feature_field(unsigned i)
{
    return (bool *)((char *)&cpu_features + features[i].offset);
}

static bool leaf_exists(uint32_t leaf)
{
    return cpuid(leaf & 0x80000000, 0).eax >= leaf;
}

static struct cpuid leaf_read(uint32_t leaf, uint32_t subleaf)
{
    return leaf_exists(leaf) ? cpuid(leaf, subleaf) : (struct cpuid){0};
}

/* The loader has made page tables with these already. */
static bool in_use(const char *name)
{
    return strcmp(name, "nx") == 0 || strcmp(name, "pages_1g") == 0;
}

static bool name_listed(const char *name, const char *list)
{
    size_t length = strlen(name);

    for (const char *at = list; at != NULL && *at != '\0';) {
        const char *comma = strchr(at, ',');
        size_t word = comma ? (size_t)(comma - at) : strlen(at);
        if (word == length && strncmp(at, name, length) == 0)
            return true;
        at += word + (comma != NULL);
    }
    return false;
}

static void names_detect(void)
{
    struct cpuid leaf = cpuid(0, 0);
    memcpy(cpu_features.vendor, &leaf.ebx, 4);
    memcpy(cpu_features.vendor + 4, &leaf.edx, 4);
    memcpy(cpu_features.vendor + 8, &leaf.ecx, 4);
    if (!leaf_exists(0x80000004))
        return;
    for (uint32_t i = 0; i < 3; i++) {
        leaf = cpuid(0x80000002 + i, 0);
        memcpy(cpu_features.brand + 16 * i, &leaf, 16);
    }
}

/* CPUID 15H and 16H: the ratio of TSC and crystal, SDM vol. 3B, 18.7.3. */
static void clocks_detect(void)
{
    struct cpuid ratio = leaf_read(0x15, 0);

    if (ratio.eax == 0 || ratio.ebx == 0 || ratio.ecx == 0)
        return;
    cpu_features.tsc_hz = (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
    cpu_features.lapic_timer_hz = ratio.ecx;
}

static void xsave_detect(void)
{
    cpu_features.xsave_size = FXSAVE_SIZE;
    cpu_features.xsave_mask = 3;
    cpu_features.xsaveopt &= cpu_features.xsave;
    if (!cpu_features.xsave)
        return;
    struct cpuid leaf = leaf_read(13, 0);
    cpu_features.xsave_mask = ((uint64_t)leaf.edx << 32 | leaf.eax) & XSAVE_COMPONENTS;
    /* The size for exactly these components: XCR0 is set to them by fpu_start(), which reads it again. */
    cpu_features.xsave_size = leaf.ecx;
}

void cpu_features_detect(const char *disabled)
{
    memset(&cpu_features, 0, sizeof(cpu_features));
    for (unsigned i = 0; i < FEATURES; i++) {
        struct cpuid leaf = leaf_read(features[i].leaf, features[i].subleaf);
        const uint32_t word[] = {[EAX] = leaf.eax, [EBX] = leaf.ebx, [ECX] = leaf.ecx, [EDX] = leaf.edx};
        bool off = name_listed(features[i].name, disabled) && !in_use(features[i].name);
        *feature_field(i) = word[features[i].from] >> features[i].bit & 1 && !off;
    }

    /* Flushing a kernel page under every identifier at once needs it to be global. */
    cpu_features.pcid &= cpu_features.pge;

    struct cpuid widths = leaf_read(0x80000008, 0);
    cpu_features.physical_width = widths.eax & 0xff ? (uint8_t)widths.eax : 36;
    cpu_features.linear_width = widths.eax >> 8 & 0xff ? (uint8_t)(widths.eax >> 8) : 48;
    if (cpu_features.physical_width > 52)
        cpu_features.physical_width = 52;
    names_detect();
    clocks_detect();
    xsave_detect();
    cpu_has_smap = cpu_features.smap;
}

void cpu_features_log(void)
{
    char present[LOG_LINE_MAX] = "", absent[LOG_LINE_MAX] = "";

    for (unsigned i = 0; i < FEATURES; i++) {
        char *list = *feature_field(i) ? present : absent;
        size_t length = strlen(list);
        snprintf(list + length, LOG_LINE_MAX - length, " %s", features[i].name);
    }
    log_info("cpu: %s, %s", cpu_features.vendor, cpu_features.brand);
    log_info("cpu: physical addresses %u bits, linear %u bits", cpu_features.physical_width,
             cpu_features.linear_width);
    log_info("cpu: has%s", present);
    log_info("cpu: lacks%s", absent);
}
