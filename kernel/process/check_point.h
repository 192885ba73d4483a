/* When memory_check() runs by itself: `check=exit` on the command line, after every end of a child of the first process (each user test is one); `check=N`, after every
 * N-th page fault. A violation is a panic. */
#ifndef KERNEL_PROCESS_CHECK_POINT_H
#define KERNEL_PROCESS_CHECK_POINT_H

/* Read the option. */
void check_point_start(void);

/* A process has ended and given back its memory; a page fault has been handled. Thread context, no lock held. */
struct process;
void check_point_exit(const struct process *process);
void check_point_fault(void);

#endif
