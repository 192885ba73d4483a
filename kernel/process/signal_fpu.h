/* The floating-point part of a signal frame, as Linux lays it out: what FXSAVE or XSAVE wrote, 64-byte aligned. With XSAVE the bytes that the processor leaves to software say how long it
 * is and what is in it, and a magic number follows it; a program that finds none, or takes it away, deals in the 512 bytes of FXSAVE alone. */
#ifndef KERNEL_PROCESS_SIGNAL_FPU_H
#define KERNEL_PROCESS_SIGNAL_FPU_H

#include <stddef.h>

#include "paging/types.h"

/* Bytes on the stack. */
size_t signal_fpu_size(void);

/* Save the running thread's state at `at`. -EFAULT. May sleep. */
int signal_fpu_push(vaddr_t at);

/* Give the running thread the state at `from`, or the initial one when that is 0: then, and on -EFAULT, it is the initial one. What would make the processor fault is taken out. May
 * sleep. */
int signal_fpu_pop(vaddr_t from);

#endif
