/* See fpu.h. */
#include "kernel/cpu/fpu.h"

#include <stdint.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"

/* Legacy region, SDM vol. 1, table 10-2; header, 13.4.2. */
#define FXSAVE_CONTROL_WORD 0
#define FXSAVE_MXCSR        24
#define FXSAVE_MXCSR_MASK   28
#define FXSAVE_SIZE         512
#define FPU_CONTROL_INITIAL 0x037f
#define MXCSR_INITIAL       0x1f80
#define MXCSR_MASK_DEFAULT  0xffbf

/* Room for AVX-512 with space to spare; a larger state is cut to what fits by fpu_start(). */
#define FPU_STATE_MAX       4096

static uint8_t initial_state[FPU_STATE_MAX] __attribute__((aligned(64)));

static void xsetbv(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

void fpu_start(void)
{
    if (cpu_features.xsave) {
        xsetbv(cpu_features.xsave_mask);
        cpu_features.xsave_size = cpuid(13, 0).ebx; /* for the components now in XCR0 */
        if (cpu_features.xsave_size > FPU_STATE_MAX) {
            cpu_features.xsave_mask &= 7; /* x87, SSE, AVX */
            xsetbv(cpu_features.xsave_mask);
            cpu_features.xsave_size = cpuid(13, 0).ebx;
        }
    }
    ASSERT_LE(cpu_features.xsave_size, FPU_STATE_MAX);
    memset(initial_state, 0, sizeof(initial_state));
    *(uint16_t *)(initial_state + FXSAVE_CONTROL_WORD) = FPU_CONTROL_INITIAL;
    *(uint32_t *)(initial_state + FXSAVE_MXCSR) = MXCSR_INITIAL;
    fpu_load(initial_state);
}

void fpu_start_other(void)
{
    if (cpu_features.xsave)
        xsetbv(cpu_features.xsave_mask);
    fpu_load(initial_state);
}

uint32_t fpu_mxcsr_mask(void)
{
    uint8_t probe[FXSAVE_SIZE] __attribute__((aligned(16)));
    uint32_t mask;

    __asm__ volatile("fxsave64 %0" : "=m"(probe));
    memcpy(&mask, probe + FXSAVE_MXCSR_MASK, sizeof(mask));
    return mask ? mask : MXCSR_MASK_DEFAULT;
}

size_t fpu_state_size(void)
{
    return (cpu_features.xsave_size + 63) & ~(size_t)63;
}

void fpu_state_init(void *state)
{
    memcpy(state, initial_state, fpu_state_size());
}
