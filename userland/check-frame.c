/* The floating-point part of a signal handler's frame: where Linux has it, in Linux's form, for a handler to read and to change. */
#include <cpuid.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/vectors.h"

/* UC_FP_XSTATE, FP_XSTATE_MAGIC1 and FP_XSTATE_MAGIC2 of Linux, whose headers do not go together with the C library's. */
#define FRAME_HAS_XSTATE 1u
#define MAGIC1           0x46505853u
#define MAGIC2           0x46505845u
#define CPUID_OSXSAVE    (1u << 27)
#define MXCSR_INITIAL    0x1f80u
#define MXCSR_DOWN       0x3f80u /* round towards minus infinity */

/* What FXSAVE writes, and Linux's words in the bytes it leaves alone; what XSAVE adds, AVX where all processors have it (SDM vol. 1, table 10-2; 13.4). */
struct state {
    uint8_t x87[24];
    uint32_t mxcsr;
    uint8_t registers[132];
    uint8_t xmm[VECTORS][VECTOR_LEGACY_BYTES];
    uint8_t reserved[48];
    struct {
        uint32_t magic1, extended_size;
        uint64_t components;
        uint32_t size;
        uint32_t padding[7];
    } described;
    uint64_t header[8];
    uint8_t upper[VECTORS][VECTOR_LEGACY_BYTES];
};

_Static_assert(offsetof(struct state, xmm) == 160 && offsetof(struct state, described) == 464 &&
                   offsetof(struct state, upper) == 576,
               "FXSAVE's and XSAVE's layout");

static bool have_xsave;
static int calls;
static void (*change)(ucontext_t *context, struct state *state);

static uint64_t enabled_components(void)
{
    unsigned a, d;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a | (uint64_t)d << 32;
}

static uint32_t mxcsr_read(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static uint32_t *magic2_of(struct state *state)
{
    return (uint32_t *)((char *)state + state->described.size);
}

static void vector_put(struct state *state, int number, int byte)
{
    memset(state->xmm[number], byte, VECTOR_LEGACY_BYTES);
    if (have_avx)
        memset(state->upper[number], byte, VECTOR_LEGACY_BYTES);
}

static void handle(int signal, siginfo_t *info, void *argument)
{
    ucontext_t *context = argument;

    (void)signal;
    (void)info;
    calls++;
    change(context, (struct state *)context->uc_mcontext.fpregs);
}

/* What the registers are after a handler that found `before` in them. */
static struct vectors after_signal(void (*what)(ucontext_t *context, struct state *state), uint8_t before)
{
    struct vectors vectors;
    long result, process = getpid();

    vectors_fill(&vectors, before);
    change = what;
    calls = 0;
    vectors_load(&vectors);
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_kill), "D"(process), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory");
    vectors_store(&vectors);
    check_that(result == 0 && calls == 1, "kill returns %ld, %d calls", result, calls);
    return vectors;
}

static void inspect(ucontext_t *context, struct state *state)
{
    struct vectors expected;

    vectors_fill(&expected, 0x21);
    check_that((uintptr_t)state % 64 == 0, "the state is at %p", (void *)state);
    check_that(state->mxcsr == MXCSR_DOWN, "the frame has mxcsr %#x", state->mxcsr);
    for (int i = 0; i < VECTORS; i++)
        check_that(memcmp(state->xmm[i], expected.bytes[i], VECTOR_LEGACY_BYTES) == 0,
                   "xmm%d is not in its place", i);
    check_that(have_xsave == ((context->uc_flags & FRAME_HAS_XSTATE) != 0), "the frame's flags are %#lx",
               (unsigned long)context->uc_flags);
    if (!have_xsave) {
        check_that(state->described.magic1 == 0, "a state by FXSAVE is described as more: %#x",
                   state->described.magic1);
        return;
    }
    check_that(state->described.magic1 == MAGIC1, "the first magic number is %#x", state->described.magic1);
    check_that(state->described.extended_size == state->described.size + 4,
               "%u bytes of state, %u with what follows", state->described.size,
               state->described.extended_size);
    check_that((state->described.components & ~enabled_components()) == 0 &&
                   (state->described.components & 3) == 3,
               "components %#lx", (unsigned long)state->described.components);
    check_that(*magic2_of(state) == MAGIC2, "the second magic number is %#x", *magic2_of(state));
    for (int i = 0; have_avx && i < VECTORS; i++)
        check_that(memcmp(state->upper[i], expected.bytes[i] + VECTOR_LEGACY_BYTES, VECTOR_LEGACY_BYTES) == 0,
                   "the upper half of ymm%d is not in its place", i);
}

static void replace(ucontext_t *context, struct state *state)
{
    (void)context;
    vector_put(state, 5, 0x77);
    state->mxcsr = MXCSR_INITIAL;
}

static void replace_and_deny(ucontext_t *context, struct state *state)
{
    replace(context, state);
    state->described.magic1 = 0;
}

static void replace_and_cut(ucontext_t *context, struct state *state)
{
    replace(context, state);
    *magic2_of(state) = 0;
}

static void replace_and_shorten(ucontext_t *context, struct state *state)
{
    replace(context, state);
    state->described.extended_size = 8;
}

/* Bits of the header that no processor knows: the components there are must be loaded, or the program end by SIGSEGV; never the kernel. */
static void spoil_header(ucontext_t *context, struct state *state)
{
    (void)context;
    if (have_xsave)
        memset(state->header, 0xff, sizeof(state->header));
    state->mxcsr = 0xffffffff;
}

static void take_away(ucontext_t *context, struct state *state)
{
    (void)state;
    context->uc_mcontext.fpregs = NULL;
}

static void point_nowhere(ucontext_t *context, struct state *state)
{
    (void)state;
    context->uc_mcontext.fpregs = (void *)UINT64_C(0xffff800000000000);
}

static void found(const char *what, const struct vectors *vectors, const struct vectors *expected)
{
    for (int i = 0; i < VECTORS; i++)
        check_that(memcmp(vectors->bytes[i], expected->bytes[i], VECTOR_MAX_BYTES) == 0,
                   "%s: vector register %d is %02x, its upper half %02x; expected %02x and %02x", what, i,
                   vectors->bytes[i][0], vectors->bytes[i][VECTOR_LEGACY_BYTES], expected->bytes[i][0],
                   expected->bytes[i][VECTOR_LEGACY_BYTES]);
}

static void upper_halves_clear(struct vectors *vectors)
{
    for (int i = 0; i < VECTORS; i++)
        memset(vectors->bytes[i] + VECTOR_LEGACY_BYTES, 0, VECTOR_LEGACY_BYTES);
}

static void die_of(const void *what)
{
    after_signal(what == NULL ? spoil_header : point_nowhere, 0x51);
}

int main(void)
{
    const uint32_t down = MXCSR_DOWN;
    const struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    unsigned a, b, c, d;
    struct vectors expected, vectors;

    __cpuid(1, a, b, c, d);
    have_xsave = c & CPUID_OSXSAVE;
    vectors_detect();
    check_begin("check-frame");
    check_result("sigaction", sigaction(SIGUSR1, &action, NULL), 0);

    __asm__ volatile("ldmxcsr %0" ::"m"(down));
    vectors_fill(&expected, 0x21);
    vectors = after_signal(inspect, 0x21);
    found("after a handler that only looks", &vectors, &expected);
    check_that(mxcsr_read() == MXCSR_DOWN, "mxcsr is %#x", mxcsr_read());

    memset(expected.bytes[5], 0x77, have_avx ? VECTOR_MAX_BYTES : VECTOR_LEGACY_BYTES);
    vectors = after_signal(replace, 0x21);
    found("after a handler that changes its frame", &vectors, &expected);
    check_that(mxcsr_read() == MXCSR_INITIAL, "mxcsr is %#x", mxcsr_read());

    if (have_xsave) {
        upper_halves_clear(&expected);
        vectors = after_signal(replace_and_deny, 0x21);
        found("after a frame without the first magic number", &vectors, &expected);
        vectors = after_signal(replace_and_cut, 0x21);
        found("after a frame without the second magic number", &vectors, &expected);
        vectors = after_signal(replace_and_shorten, 0x21);
        found("after a frame too short for its state", &vectors, &expected);
    }

    memset(&expected, 0, sizeof(expected));
    __asm__ volatile("ldmxcsr %0" ::"m"(down));
    vectors = after_signal(take_away, 0x21);
    found("after a frame without a state", &vectors, &expected);
    check_that(mxcsr_read() == MXCSR_INITIAL, "mxcsr is %#x", mxcsr_read());

    check_dies_or_survives("reserved bits in the frame", SIGSEGV, die_of, NULL);
    check_dies("a state at an address of the kernel's", SIGSEGV, die_of, "");
    return check_verdict();
}
