/* Descriptor tables of one CPU: GDT, TSS with its interrupt stacks and I/O bitmap, and the IDT that all share
 * (SDM vol. 3A, 3.4.5, 6.10, 8.7, 19.5.2). */
#ifndef KERNEL_CPU_TABLES_H
#define KERNEL_CPU_TABLES_H

/* Selectors. SYSCALL/SYSRET fix the order: kernel code, kernel data, (32-bit user code), user data, user code. */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_BASE   0x18
#define SELECTOR_USER_DATA   0x23
#define SELECTOR_USER_CODE   0x2b
#define SELECTOR_TSS         0x30

/* Exceptions that get a stack of their own, because they may come when RSP or GS is not the kernel's: NMI, #DF, #MC, #DB. */
#define IST_NMI              1
#define IST_DOUBLE_FAULT     2
#define IST_MACHINE_CHECK    3
#define IST_DEBUG            4
#define IST_COUNT            4
#define IST_STACK_SIZE       8192

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#include "kernel/debug/cpu_local.h"

struct cpu_tables;

/* Make `cpu` this processor's block and load its tables. GS is set first of all, so that locks and the log work from here on. The tables and
 * their stacks are `tables`, cpu_tables_size() bytes, page-aligned, zeroed. Interrupts off. */
void cpu_tables_load(struct cpu *cpu, struct cpu_tables *tables);
uint64_t cpu_tables_size(void);

/* The boot CPU's blocks, in the kernel image. */
extern struct cpu boot_cpu;
struct cpu_tables *cpu_tables_boot(void);

/* The page below an interrupt stack (0 .. IST_COUNT-1), which kernel/memory unmaps. */
uint64_t cpu_interrupt_stack_guard(const struct cpu_tables *tables, unsigned stack);

/* Where traps from user mode start: into the TSS, and for the system-call entry. */
void cpu_set_kernel_stack(uint64_t top);

/* Whether `address` is in one of this CPU's interrupt stacks: for backtraces and double-fault reports. */
bool cpu_on_interrupt_stack(uint64_t address);

#endif
#endif
