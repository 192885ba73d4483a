/* The vector registers of a thread, all at once: xmm0 to xmm15, or with AVX ymm0 to ymm15. */
#ifndef USERLAND_VECTORS_H
#define USERLAND_VECTORS_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VECTORS             16
#define VECTOR_LEGACY_BYTES 16 /* xmm */
#define VECTOR_MAX_BYTES    32 /* ymm */

struct vectors {
    uint8_t bytes[VECTORS][VECTOR_MAX_BYTES] __attribute__((aligned(32)));
};

/* Set by vectors_detect(), which comes first. */
static bool have_avx;

static inline void vectors_detect(void)
{
    const unsigned osxsave = 1u << 27, avx = 1u << 28, sse_and_avx = 6;
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d);
    if ((c & (osxsave | avx)) != (osxsave | avx))
        return;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    have_avx = (a & sse_and_avx) == sse_and_avx;
}

#define EACH_VECTOR(op)                                                                                      \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD_XMM(n)  "movdqu 32*" #n "(%0), %%xmm" #n "\n\t"
#define STORE_XMM(n) "movdqu %%xmm" #n ", 32*" #n "(%0)\n\t"
#define LOAD_YMM(n)  "vmovdqu 32*" #n "(%0), %%ymm" #n "\n\t"
#define STORE_YMM(n) "vmovdqu %%ymm" #n ", 32*" #n "(%0)\n\t"

static inline void vectors_store(struct vectors *to)
{
    memset(to, 0, sizeof(*to));
    if (have_avx)
        __asm__ volatile(EACH_VECTOR(STORE_YMM)::"r"(to) : "memory");
    else
        __asm__ volatile(EACH_VECTOR(STORE_XMM)::"r"(to) : "memory");
}

static inline void vectors_load(const struct vectors *from)
{
    if (have_avx)
        __asm__ volatile(EACH_VECTOR(LOAD_YMM)::"r"(from) : "memory");
    else
        __asm__ volatile(EACH_VECTOR(LOAD_XMM)::"r"(from) : "memory");
}

static inline void vectors_fill(struct vectors *vectors, uint8_t seed)
{
    memset(vectors, 0, sizeof(*vectors));
    for (int i = 0; i < VECTORS; i++)
        memset(vectors->bytes[i], seed + i, have_avx ? VECTOR_MAX_BYTES : VECTOR_LEGACY_BYTES);
}

#endif
