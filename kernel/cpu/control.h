/* Control registers of one CPU: switch on every protection it has. */
#ifndef KERNEL_CPU_CONTROL_H
#define KERNEL_CPU_CONTROL_H

/* Set CR0, CR4, EFER and PAT of this CPU to the full value Quire wants, from cpu_features: WP, NXE, SMEP, SMAP, UMIP, PGE, FPU. Interrupts off. */
void cpu_control_start(void);

#endif
