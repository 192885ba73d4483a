/* Floating-point and vector state of threads: saved and loaded whole at every switch, so that no register leaks from one to another
 * (SDM vol. 1, chapter 13: XSAVE; 10.5: FXSAVE). The kernel itself uses none of it. */
#ifndef KERNEL_CPU_FPU_H
#define KERNEL_CPU_FPU_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/cpu/features.h"

/* Set XCR0, decide the size and keep the initial state; on the boot CPU, after cpu_control_start(). */
void fpu_start(void);

/* The same settings on another CPU. */
void fpu_start_other(void);

/* Bytes of one state, a multiple of 64; states are 64-byte aligned. */
size_t fpu_state_size(void);

/* The state of a program that has just begun. */
void fpu_state_init(void *state);

static inline void fpu_save(void *state)
{
    uint32_t low = (uint32_t)cpu_features.xsave_mask;
    uint32_t high = (uint32_t)(cpu_features.xsave_mask >> 32);

    if (cpu_features.xsaveopt)
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(state), "a"(low), "d"(high) : "memory");
    else if (cpu_features.xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(state), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(state) : "memory");
}

/* The MXCSR bits that may be set on this CPU (SDM vol. 1, 11.6.6). */
uint32_t fpu_mxcsr_mask(void);

/* Load a state that fpu_save() or fpu_state_init() made. */
static inline void fpu_load(const void *state)
{
    uint32_t low = (uint32_t)cpu_features.xsave_mask;
    uint32_t high = (uint32_t)(cpu_features.xsave_mask >> 32);

    if (cpu_features.xsave)
        __asm__ volatile("xrstor64 (%0)" : : "r"(state), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(state) : "memory");
}

#endif
