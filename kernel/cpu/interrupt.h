/* Interrupt vectors above the 32 exceptions: who handles each.
 *
 * A handler runs with interrupts off on the interrupted thread's kernel stack, must not sleep, and sends the end-of-interrupt itself
 * (lapic_end_of_interrupt) when its source needs one. */
#ifndef KERNEL_CPU_INTERRUPT_H
#define KERNEL_CPU_INTERRUPT_H

#include <stdint.h>

#include "kernel/debug/trap_frame.h"
#include "paging/types.h"

#define VECTOR_FIRST_DEVICE 0x30 /* 0x20-0x2f stay with the masked legacy PICs */
#define VECTOR_LAST_DEVICE  0xdf
#define VECTOR_TIMER        0xe0
#define VECTOR_LAPIC_ERROR  0xe1
#define VECTOR_RESCHEDULE   0xe2
#define VECTOR_FLUSH        0xe3
#define VECTOR_STOP         0xe4
#define VECTOR_STANDSTILL   0xe5
#define VECTOR_SPURIOUS     0xff

typedef void interrupt_handler(struct trap_frame *frame, void *context);

/* Set the handler of one vector (32..255). One handler a vector: -EBUSY when it has another. */
int must_check interrupt_register(uint8_t vector, interrupt_handler *handler, void *context);

/* A free device vector, or -ENOSPC. */
int must_check interrupt_vector_alloc(void);

#endif
