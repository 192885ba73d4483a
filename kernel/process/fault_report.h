/* What the log says when an exception ends a program: everything a reader needs to see why. */
#ifndef KERNEL_PROCESS_FAULT_REPORT_H
#define KERNEL_PROCESS_FAULT_REPORT_H

#include <stdint.h>

struct trap_frame;

/* Once, before there are programs. */
void fault_report_start(void);

/* The current process's exception: what and where (with the program's own symbols when its file has them), the walk for a page fault, the regions around the address and what
 * would have made the access legal, or the instruction; registers, backtrace, the last lines of the log since the report before. Thread context; may sleep. */
void fault_report(const struct trap_frame *frame, uint64_t address, const char *reason);

/* The last one, for the debugger's `quire why`: it is explained even when the process is gone. */
#define FAULT_LEVELS 5
struct fault_record {
    int pid;
    uint32_t levels; /* of the page tables */
    uint64_t entry
        [FAULT_LEVELS]; /* of the walk of `address`, the root's first; up to the leaf or to one that is not present */
    uint64_t region_start, region_end; /* the region of `address`, or the next one above; 0: none */
    uint64_t region_protection;
    uint64_t vector, error, address, rip, rsp, cr3;
    char process[16];
    char reason[64];
};
extern struct fault_record fault_last;

#endif
