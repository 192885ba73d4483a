/* Exceptions of user mode become signals, with a log line that says why. */
#ifndef KERNEL_PROCESS_FAULT_H
#define KERNEL_PROCESS_FAULT_H

struct trap_frame;

/* Register with the traps: page faults, exceptions, work on the way to user mode; and the running process in panics. */
void process_faults_start(void);

#endif
