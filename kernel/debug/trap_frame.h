/* The registers of interrupted code, as kernel/cpu/trap_entry.S and syscalls/entry.S push them: lowest address first.
 *
 * The last five are what the processor itself pushes in 64-bit mode (SDM vol. 3A, 6.14.2). On a system call the same frame is made by hand:
 * vector is TRAP_SYSCALL, error the system call's number, rcx and r11 hold what SYSCALL left there. Who replaces the registers of a system call (execve, a signal's frame) leaves another
 * vector: then all of them are loaded on the way back. */
#ifndef KERNEL_DEBUG_TRAP_FRAME_H
#define KERNEL_DEBUG_TRAP_FRAME_H

#define TRAP_SYSCALL 256

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector;
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(offsetof(struct trap_frame, vector) == 120, "entry code pushes 15 registers");
_Static_assert(sizeof(struct trap_frame) == 176, "known to assembly");

static inline bool trap_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) == 3;
}

#endif
#endif
