/* The border: what a system call is to the kernel.
 *
 * A handler `sys_name` takes its arguments in the C types of its prototype and returns a value >= 0, or a negative errno, or one of -RESTART_* (kernel/process/signal_frame.h) when a signal interrupted
 * it and it may be made again. It runs in the calling thread with interrupts on and no lock held, and may sleep. It checks everything first, then commits a step that cannot fail. Registers beyond its
 * arguments are in syscall_frame(). */
#ifndef SYSCALLS_SYSCALL_H
#define SYSCALLS_SYSCALL_H

#include "kernel/debug/trap_frame.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/thread.h"

/* Open the border on this CPU: the SYSCALL registers (SDM vol. 3A, 5.8.8). */
void syscall_start(void);

/* Trace every call to the log (`trace` on the command line). */
void syscall_trace_set(bool on);

/* Call the handler of a number that has one, as entry.S does. */
long syscall_call(uint64_t number, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth,
                  uint64_t fifth, uint64_t sixth);

/* The caller's registers: always at the top of its kernel stack. */
static inline struct trap_frame *syscall_frame(void)
{
    return (struct trap_frame *)thread_current()->kernel_stack_top - 1;
}

#endif
