/* Floating-point state as threads see it. The tests run in a kernel thread, which has none: the registers are theirs to spoil. */
#include "kernel/cpu/fpu.h"

#include "kernel/cpu/features.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"

#define STATE_MAX           4096
#define FPU_CONTROL_INITIAL 0x037f /* SDM vol. 1, 8.1.5 */
#define MXCSR_INITIAL       0x1f80 /* 10.2.3 */
#define XMM_REGISTERS       16
#define COMPONENT_AVX       4 /* XCR0 bit 2 */

static uint8_t first[STATE_MAX] __attribute__((aligned(64)));
static uint8_t second[STATE_MAX] __attribute__((aligned(64)));

static void xmm_fill(uint64_t with)
{
    __asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm7; movq %0, %%xmm15" : : "r"(with));
}

static uint64_t xmm_any(void)
{
    uint64_t a, b, c;

    __asm__ volatile("movq %%xmm0, %0; movq %%xmm7, %1; movq %%xmm15, %2" : "=r"(a), "=r"(b), "=r"(c));
    return a | b | c;
}

SELFTEST(fpu_state_has_room)
{
    size_t size = fpu_state_size();

    CHECK(size >= 512 && size % 64 == 0 && size <= STATE_MAX);
    CHECK_EQ(cpu_features.xsave_mask & 3, 3);
}

SELFTEST(fpu_programs_begin_with_clean_registers)
{
    uint32_t mxcsr;
    uint16_t control;

    xmm_fill(UINT64_C(0x5ec4e75ec4e75ec4));
    fpu_state_init(first);
    bool enabled = interrupts_disable();
    fpu_load(first);
    uint64_t left = xmm_any();
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
    interrupts_restore(enabled);
    CHECK_EQ(left, 0);
    CHECK_EQ(mxcsr, MXCSR_INITIAL);
    CHECK_EQ(control, FPU_CONTROL_INITIAL);
    CHECK_EQ(fpu_mxcsr_mask() & MXCSR_INITIAL, MXCSR_INITIAL);
}

SELFTEST(fpu_states_keep_apart)
{
    uint64_t one = UINT64_C(0x1111222233334444), two = UINT64_C(0xaaaabbbbccccdddd);

    fpu_state_init(first);
    fpu_state_init(second);
    bool enabled = interrupts_disable();
    fpu_load(first);
    xmm_fill(one);
    fpu_save(first);
    fpu_load(second);
    uint64_t seen_fresh = xmm_any();
    xmm_fill(two);
    fpu_save(second);
    fpu_load(first);
    uint64_t seen_one = xmm_any();
    fpu_load(second);
    uint64_t seen_two = xmm_any();
    interrupts_restore(enabled);
    CHECK_EQ(seen_fresh, 0);
    CHECK_EQ(seen_one, one);
    CHECK_EQ(seen_two, two);
}

SELFTEST(fpu_keeps_wide_registers)
{
    uint64_t wide[4] = {1, 2, 3, 4}, seen[4] = {0}, fresh[4] = {9, 9, 9, 9};

    if (!(cpu_features.xsave_mask & COMPONENT_AVX))
        return;
    fpu_state_init(first);
    fpu_state_init(second);
    bool enabled = interrupts_disable();
    __asm__ volatile("vmovdqu %0, %%ymm3" : : "m"(wide));
    fpu_save(first);
    fpu_load(second);
    __asm__ volatile("vmovdqu %%ymm3, %0" : "=m"(fresh));
    fpu_load(first);
    __asm__ volatile("vmovdqu %%ymm3, %0" : "=m"(seen));
    interrupts_restore(enabled);
    CHECK_EQ(memcmp(seen, wide, sizeof(wide)), 0);
    CHECK_EQ(fresh[0] | fresh[1] | fresh[2] | fresh[3], 0);
}
