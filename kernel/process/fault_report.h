/* What the log says when an exception ends a program: everything a reader needs to see why. */
#ifndef KERNEL_PROCESS_FAULT_REPORT_H
#define KERNEL_PROCESS_FAULT_REPORT_H

#include <stdint.h>

struct trap_frame;

/* The current process's exception: what and where (with the program's own symbols when its file has them), the walk for a page fault, the regions around the address and what
 * would have made the access legal, registers, backtrace. Thread context; may sleep. */
void fault_report(const struct trap_frame *frame, uint64_t address, const char *reason);

/* The last one, for the debugger's `quire why`. */
struct fault_record {
    int pid;
    uint64_t vector, error, address, rip, rsp, cr3;
    char process[16];
    char reason[64];
};
extern struct fault_record fault_last;

#endif
