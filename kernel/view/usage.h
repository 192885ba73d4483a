/* Who uses memory, at one moment: what the memory viewer draws and what its text and JSON say.
 *
 * Gathered by the look that memory_check() is made of (kernel/memory/memory_check.h), so at one moment and with all that it finds wrong: a mark per frame that is in use, a record
 * per process and per region. It costs memory (eight bytes per frame taken into use, six KiB per process) and time only while someone looks. Thread context, no spinlock held. */
#ifndef KERNEL_VIEW_USAGE_H
#define KERNEL_VIEW_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/memory/frame.h"
#include "kernel/memory/memory_check.h"
#include "kernel/memory/memory_kind.h"

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
#define USAGE_WRONG      (1u << 15) /* anything else that memory_check() says of it */

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

/* What a process sees of so many pages from one address on: the physical page behind each, and whether user mode may use it; 0: nothing. */
#define USAGE_WINDOW_PAGES  768
#define USAGE_WINDOW_MAPPED 1
#define USAGE_WINDOW_USER   2
struct usage_window {
    vaddr_t start;
    uint64_t page[USAGE_WINDOW_PAGES];
};

struct usage_process {
    int pid;
    char letter; /* that stands for it in every picture */
    bool zombie;
    char name[16];
    const struct address_space *space; /* which one it is, no more: it may be gone; NULL: none */
    struct usage_region *regions;      /* in ascending order */
    unsigned region_count;
    struct usage_window *window; /* NULL: there are more processes than windows */
    uint64_t tables;             /* pages of page tables */
    uint64_t resident;           /* pages mapped */
    uint64_t shared;             /* of these, mapped by other processes too */
    uint64_t mapped;             /* pages that its regions promise */
};

struct usage_chunk {
    paddr_t base;
    uint64_t frames;
    struct usage_mark *mark;
};

#define USAGE_ERRORS_MAX 16
#define USAGE_ERROR_SIZE 96

struct usage {
    struct memory_look look; /* frames: how many are what */
    uint64_t time;           /* clock_now() */
    struct usage_chunk *chunks;
    unsigned chunk_count, chunk_room;
    struct usage_process *processes; /* by pid */
    unsigned process_count, process_room;
    struct usage_window *windows;
    unsigned window_room;
    struct usage_region *regions; /* of all processes */
    unsigned region_count, region_room;
    vaddr_t window_start;          /* of all windows; 0: at each process's first region */
    int window_pid;                /* when there are more processes than windows, from this one on */
    bool again;                    /* the second round has begun */
    struct usage_process *current; /* whose space is being visited */
    unsigned next_region; /* the first of its regions that does not end before the page that is visited */
    uint64_t leaked;
    unsigned error_count; /* all; the first are kept */
    char errors[USAGE_ERRORS_MAX][USAGE_ERROR_SIZE];
    bool incomplete; /* something came for which no room had been made */
};

/* Look; windows begin at `start`, or where each process's regions begin (0); when there are many processes those from `pid` on have one. The caller gives it back with usage_free(). NULL when there is no memory for it, or when memory is being
 * changed all the time. May sleep. */
must_check struct usage *usage_gather(vaddr_t start, int pid);
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
