/* Making all other CPUs stand still, for looks at everything at once: memory_check(), the viewer, the debugger.
 *
 * A CPU stands still where its interrupts are on, so it holds no spinlock; it may hold mutexes and be anywhere else in the kernel. */
#ifndef KERNEL_MEMORY_STANDSTILL_H
#define KERNEL_MEMORY_STANDSTILL_H

#include <stdbool.h>

#include "paging/types.h"

/* Take the interrupt; once, before another CPU is started. */
void standstill_start(void);

/* Stop them all and wait until they stand. Interrupts off, no spinlock held. false: another CPU is doing the same; turn interrupts on before trying again, so that it can stop this one. */
bool must_check standstill_begin(void);
void standstill_end(void);

/* Meanwhile: the root of the tables that this or another CPU has loaded. */
struct cpu;
paddr_t standstill_root(const struct cpu *cpu);

#endif
