/* Who uses memory, at one moment: what the memory viewer draws and what its text and JSON say.
 *
 * Gathered by visits (kernel/memory/space_visit.h) into a mark per frame that is in use, a record per process and per region, and a list of what is wrong. It costs
 * memory (eight bytes per frame taken into use) and time only while someone looks. Thread context; takes every process's address-space mutex in turn, so the picture of
 * several processors at work is not of one instant; what looks wrong is looked at again before it is said. */
#ifndef KERNEL_VIEW_USAGE_H
#define KERNEL_VIEW_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/memory/space_visit.h"

/* What was found out about one frame (usage_mark.flags). */
#define USAGE_TABLE      (1u << 0) /* a page table that some root reaches */
#define USAGE_KERNEL     (1u << 1) /* reached by the kernel's own half */
#define USAGE_USER       (1u << 2) /* user mode of some process may use it */
#define USAGE_SHARED     (1u << 3) /* more than one process maps it */
#define USAGE_WRITABLE   (1u << 4)
#define USAGE_EXECUTABLE (1u << 5)
#define USAGE_ACCESSED   (1u << 6)
#define USAGE_DIRTY      (1u << 7)
#define USAGE_LARGE      (1u << 8)  /* by a leaf of 2 MiB */
#define USAGE_HUGE       (1u << 9)  /* by a leaf of 1 GiB */
#define USAGE_HELD       (1u << 10) /* by the backing of a shared mapping */
#define USAGE_COPIES     (1u << 11) /* copy-on-write: its region may be written, this page not yet */
#define USAGE_PARKED     (1u << 12) /* mapped with no right at all */
#define USAGE_LEAKED     (1u << 13) /* in use, and nobody reaches it */
#define USAGE_FREED      (1u << 14) /* free, and mapped */
#define USAGE_WRONG      (1u << 15) /* the kernel's and user-accessible, or its count is not its mappings */

struct usage_mark {
    uint16_t process; /* index + 1 of the first process found; 0: none */
    uint16_t flags;
    uint32_t mappings; /* leaves of processes; for a table its level instead */
};

struct usage_region {
    vaddr_t start, end;
    uint32_t protection, flags; /* REGION_* */
    const char *name;           /* NULL: none; static text */
    bool file, shared_memory;   /* what is behind it; neither: anonymous */
    uint64_t resident, shared, copies, zero, dirty, accessed, large; /* pages */
};

struct usage_process {
    int pid;
    char letter; /* that stands for it in every picture */
    bool zombie;
    char name[16];
    struct address_space *space;  /* a reference, or NULL */
    struct usage_region *regions; /* in ascending order */
    unsigned region_count, region_room;
    uint64_t tables;   /* pages of page tables */
    uint64_t resident; /* pages mapped */
    uint64_t shared;   /* of these, mapped by other processes too */
    uint64_t mapped;   /* pages that its regions promise */
};

struct usage_chunk {
    paddr_t base;
    uint64_t frames;
    struct usage_mark *mark;
};

#define USAGE_ERRORS_MAX 16
#define USAGE_ERROR_SIZE 96

struct usage {
    uint64_t time; /* clock_now() */
    struct usage_chunk *chunks;
    unsigned chunk_count, chunk_room;
    struct usage_process *processes; /* by pid */
    unsigned process_count, process_room;
    uint64_t owned[FRAME_OWNERS];
    uint64_t total, free, untouched, leaked;
    unsigned error_count; /* all; the first are kept */
    char errors[USAGE_ERRORS_MAX][USAGE_ERROR_SIZE];
    bool incomplete; /* memory ran out while gathering */
};

/* Look. The caller gives it back with usage_free(); NULL when there is no memory for it. */
must_check struct usage *usage_gather(void);
void usage_free(struct usage *usage);

/* The mark of the frame at `pa`, NULL when it is not in use. */
const struct usage_mark *usage_mark_at(const struct usage *usage, paddr_t pa);

/* The process that a mark names, or NULL. */
static inline const struct usage_process *usage_process_of(const struct usage *usage,
                                                           const struct usage_mark *mark)
{
    return mark != NULL && mark->process != 0 ? &usage->processes[mark->process - 1] : NULL;
}

const struct usage_process *usage_process_by_pid(const struct usage *usage, int pid);

#endif
