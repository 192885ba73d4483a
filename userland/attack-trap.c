/* Attack: every exception a program can raise, and every int $n. Each must end in the signal that Linux
 * gives, and none in the kernel. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "userland/check.h"

#define VECTORS               256
#define VECTOR_NMI            2
#define VECTOR_BREAKPOINT     3
#define VECTOR_FIRST_RESERVED 22 /* to the last: SDM vol. 3A table 6-1 */
#define VECTOR_LAST_RESERVED  31
#define VECTOR_LINUX_32BIT    0x80

/* One stub per vector, `int $n; ret` padded to STUB_BYTES. int $3 must be the two-byte form, which the
 * assembler shortens. */
#define STUB_BYTES            8
__asm__(".text\n"
        ".balign 8\n"
        "interrupt_stubs:\n"
        ".set vector, 0\n"
        ".rept 256\n"
        ".byte 0xcd, vector\n"
        "ret\n"
        ".balign 8\n"
        ".set vector, vector + 1\n"
        ".endr\n");
extern const unsigned char interrupt_stubs[VECTORS][STUB_BYTES];

static void interrupt(const void *stub)
{
    __asm__ volatile("call *%0" ::"r"(stub), "a"(-1)
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* With registers and stack as hostile as they can be. */
static void interrupt_without_stack(const void *stub)
{
    __asm__ volatile("xorl %%esp, %%esp\n\tjmp *%0" ::"r"(stub));
    __builtin_unreachable();
}

static void divide_by_zero(const void *unused)
{
    (void)unused;
    __asm__ volatile("xorl %%ecx, %%ecx\n\tmovl $1, %%eax\n\tcltd\n\tidivl %%ecx" ::
                         : "rax", "rcx", "rdx", "cc");
}

static void divide_overflow(const void *unused)
{
    (void)unused;
    __asm__ volatile("movl $0x80000000, %%eax\n\tcltd\n\tmovl $-1, %%ecx\n\tidivl %%ecx" ::
                         : "rax", "rcx", "rdx", "cc");
}

#define BODY(name, text)                                                                                     \
    static void name(const void *unused)                                                                     \
    {                                                                                                        \
        (void)unused;                                                                                        \
        __asm__ volatile(text ::: "rax", "rcx", "rdx", "memory", "cc");                                      \
    }

BODY(breakpoint, "int3")
BODY(in_circuit_breakpoint, ".byte 0xf1")
BODY(undefined, "ud2")
BODY(undefined_1, "ud1 %%rax, %%rax")
BODY(overflow_of_old, ".byte 0xce")          /* into: gone in 64-bit mode */
BODY(bound_of_old, ".byte 0x62, 0x00, 0x00") /* bound: an incomplete EVEX prefix now */
BODY(push_segment_of_old, ".byte 0x06")      /* push es: gone */
BODY(lock_without_memory, ".byte 0xf0, 0x89, 0xc0")
BODY(lock_nothing, ".byte 0xf0, 0x90")
BODY(endless_prefixes, ".fill 20, 1, 0x66\n\tnop") /* longer than 15 bytes: #GP, SDM vol. 3A 6.15 */
BODY(misaligned_vector, "leaq -127(%%rsp), %%rax\n\tandq $-16, %%rax\n\tmovaps 1(%%rax), %%xmm0")

int main(void)
{
    check_begin("attack-trap");
    check_dies("divide by zero", SIGFPE, divide_by_zero, NULL);
    check_dies("divide the least number by -1", SIGFPE, divide_overflow, NULL);
    check_dies("int3", SIGTRAP, breakpoint, NULL);
    check_dies("ud2", SIGILL, undefined, NULL);
    check_dies("ud1", SIGILL, undefined_1, NULL);
    check_dies("into", SIGILL, overflow_of_old, NULL);
    check_dies("bound", SIGILL, bound_of_old, NULL);
    check_dies("push es", SIGILL, push_segment_of_old, NULL);
    check_dies("lock nop", SIGILL, lock_nothing, NULL);
    if (!check_cpu_is_emulated()) { /* which gives int1 to a debugger of its own, and overlooks some wrong prefixes */
        check_dies("int1", SIGTRAP, in_circuit_breakpoint, NULL);
        check_dies("lock mov without memory", SIGILL, lock_without_memory, NULL);
    }
    check_dies("an instruction of 21 bytes", SIGSEGV, endless_prefixes, NULL);
    check_dies("movaps of an odd address", SIGSEGV, misaligned_vector, NULL);

    for (int vector = 0; vector < VECTORS; vector++) {
        if (vector == VECTOR_LINUX_32BIT && check_on_linux)
            continue; /* Linux's 32-bit system calls, which Quire does not have */
        if (vector >= VECTOR_FIRST_RESERVED && vector <= VECTOR_LAST_RESERVED && check_cpu_is_shared())
            continue; /* no processor uses these, so a hypervisor may */
        char what[32];
        snprintf(what, sizeof(what), "int $%#x", (unsigned)vector);
        int signal = vector == VECTOR_BREAKPOINT ? SIGTRAP : SIGSEGV;
        check_dies(what, signal, interrupt, interrupt_stubs[vector]);
    }
    check_dies("int3 with rsp 0", SIGTRAP, interrupt_without_stack, interrupt_stubs[VECTOR_BREAKPOINT]);
    check_dies("int $2 with rsp 0", SIGSEGV, interrupt_without_stack, interrupt_stubs[VECTOR_NMI]);
    return check_verdict();
}
