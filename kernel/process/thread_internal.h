/* Making and unmaking threads; for the scheduler and for fork. */
#ifndef KERNEL_PROCESS_THREAD_INTERNAL_H
#define KERNEL_PROCESS_THREAD_INTERNAL_H

#include "kernel/process/thread.h"

/* A thread that will run function(argument), not on any queue yet. NULL: no memory. */
must_check struct thread *thread_make_kernel(const char *name, void (*function)(void *argument),
                                             void *argument);

/* A thread that will enter user mode with `frame` and FPU state copied from `parent` (NULL: the initial one). NULL: no memory. */
must_check struct thread *thread_make_user(const struct trap_frame *frame, const struct thread *parent);

/* The thread is dead and off its stack. */
void thread_free(struct thread *thread);

#endif
