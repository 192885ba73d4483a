/* When memory_check() runs by itself: `check=exit` on the command line, after every end of a child of the first process (each user test is one); `check=N`, after every
 * N-th page fault or system call. A violation is a panic. */
#ifndef KERNEL_PROCESS_CHECK_POINT_H
#define KERNEL_PROCESS_CHECK_POINT_H

#include <stdbool.h>

/* Read the option. */
void check_point_start(void);

/* `check=N` was given: whoever handles traps is to report them. */
bool check_point_counts(void);

/* A process has ended and given back its memory; a page fault or a system call has been dealt with. Thread context, no lock held. */
struct process;
void check_point_exit(const struct process *process);
void check_point_trap(void);

#endif
