/* Address spaces: a sorted set of regions over a page table.
 *
 * Regions are the promise, page tables the part of it that is there: the fault handler is the only place that fills pages in. A page is in the table of a space only inside
 * one of its regions, with no more rights than the region's. Lock: `mutex`, for regions and user page tables; it is taken inside unless said otherwise, so callers hold no
 * spinlock, and may sleep. */
#ifndef KERNEL_MEMORY_ADDRESS_SPACE_H
#define KERNEL_MEMORY_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/mutex.h"
#include "kernel/memory/region.h"
#include "kernel/memory/tlb_tag.h"
#include "kernel/memory/user_copy.h"
#include "paging/paging.h"

struct address_space {
    LIST_ENTRY(address_space) link; /* spaces_lock */
    uint32_t references;            /* atomic */
    uint64_t visited;               /* spaces_lock: number of the last pass over all spaces that has met it */
    struct mutex mutex;
    struct tlb_version version;
    struct cpu_mask active; /* CPUs that have the tables loaded; atomic, see space_activate() */
    struct paging paging;
    struct region_tree regions;
    vaddr_t map_base;                       /* mmap looks for room downwards from here */
    vaddr_t break_start, break_end;         /* the heap of brk() */
    vaddr_t stack_end;                      /* top of the main stack */
    uint64_t stack_limit;                   /* bytes it may grow to */
    vaddr_t arguments_start, arguments_end; /* the strings of argv as exec put them there */
    uint64_t pages_resident;                /* leaves in the table */
    uint64_t tables;                        /* table pages, the root included */
    uint64_t pages_mapped;                  /* bytes of regions / PAGE_SIZE */
    uint64_t faults;                        /* pages filled in or copied */
};

/* An empty space with the kernel half, one reference. NULL: no memory. */
must_check struct address_space *space_create(void);

/* One reference less; the last one frees frames, tables and regions. The space is on no CPU then. */
void space_put(struct address_space *space);
void space_get(struct address_space *space);

/* Others than the caller have a reference: processes that share the memory, or somebody who looks at it. */
static inline bool space_shared(const struct address_space *space)
{
    return __atomic_load_n(&space->references, __ATOMIC_RELAXED) > 1;
}

/* A copy for fork: the same regions; private pages are shared until either writes. NULL: no memory, nothing changed but that the parent's pages may be write-protected. */
must_check struct address_space *space_fork(struct address_space *parent);

/* Load the space's tables on this CPU (NULL: the kernel's own). Interrupts off. */
void space_activate(struct address_space *space);

/* --- changing what is promised; addresses are page-aligned, sizes in bytes and rounded up --- */

#define SPACE_FIXED      (1u << 0) /* exactly at `address`; what is there goes */
#define SPACE_NO_REPLACE (1u << 1) /* with FIXED: -EEXIST when something is there */
#define SPACE_POPULATE   (1u << 2) /* fill in now */

/* Map `size` bytes at or near `address` (0: anywhere) with the properties' protection, flags, backing, offset and name. The address in *result. -EINVAL, -ENOMEM, -EEXIST. */
int must_check space_map(struct address_space *space, vaddr_t address, uint64_t size, unsigned how,
                         const struct region *properties, vaddr_t *result);

/* Forget [address, address+size): pages, frames and regions. Holes are fine. -EINVAL, -ENOMEM (nothing changed). */
int must_check space_unmap(struct address_space *space, vaddr_t address, uint64_t size);

/* Change the protection of [address, address+size), which must be mapped throughout: -ENOMEM else; -EINVAL; -EACCES: a shared file opened for reading cannot become writable; all or nothing. */
int must_check space_protect(struct address_space *space, vaddr_t address, uint64_t size,
                             uint32_t protection);

#define SPACE_MAY_MOVE (1u << 3)

/* mremap: give the mapping of [old, old+old_size), which is part of one region, `new_size` bytes: where it is when possible, else elsewhere with MAY_MOVE, or exactly at *address with FIXED. The
 * place in *address. -EINVAL, -EFAULT (not mapped, or several regions), -ENOMEM (nothing changed, but that FIXED has unmapped its target). */
int must_check space_move(struct address_space *space, vaddr_t old, uint64_t old_size, uint64_t new_size,
                          unsigned how, vaddr_t *address);

/* madvise: what to do with the pages of a range. -EINVAL; -ENOMEM when part of it is not mapped (the rest is done), or when there is no memory. */
enum space_advice {
    SPACE_NOTHING,     /* only check the range */
    SPACE_DISCARD,     /* private pages read as zeroes, or as their file, again */
    SPACE_FREE,        /* the same, for anonymous private memory only */
    SPACE_SMALL_PAGES, /* no huge pages from now on; those that are there stay */
    SPACE_HUGE_PAGES,  /* huge pages where they fit */
};
int must_check space_advise(struct address_space *space, vaddr_t address, uint64_t size,
                            enum space_advice advice);

/* mincore: a byte for each page, 1 when it is in memory. -EINVAL, -ENOMEM (not mapped throughout), -EFAULT. */
int must_check space_residency(struct address_space *space, vaddr_t address, uint64_t size,
                               uint8_t __user *to);

/* What stands behind mappings has ended at `size` bytes: take the pages beyond it out of every space that maps a backing for which `of(backing, context)` holds; the next touch is a
 * SIGBUS. May sleep. */
void spaces_cut_start(void); /* before the first */
void spaces_cut_backing(bool (*of)(struct backing *backing, void *context), void *context, uint64_t size);

/* Every page of the range is in some region. */
bool space_range_mapped(struct address_space *space, vaddr_t address, uint64_t size);

/* Move the end of the heap; the end after the call, which is the old one when it could not be moved. */
vaddr_t space_break(struct address_space *space, vaddr_t end);

/* --- filling in --- */

enum space_fault {
    SPACE_FAULT_DONE,        /* filled in, or there already: run the instruction again */
    SPACE_FAULT_UNMAPPED,    /* SIGSEGV, SEGV_MAPERR */
    SPACE_FAULT_REFUSED,     /* SIGSEGV, SEGV_ACCERR */
    SPACE_FAULT_BEYOND_FILE, /* SIGBUS, BUS_ADRERR */
    SPACE_FAULT_NO_MEMORY,   /* the frame or table could not be had */
};

/* `access`: REGION_READ, REGION_WRITE or REGION_EXEC, the one that was tried at `address`. */
enum space_fault space_fault(struct address_space *space, vaddr_t address, uint32_t access);

/* For trap_operations.page_fault: fills in for user mode and for user_copy. */
struct trap_frame;
bool space_page_fault(struct trap_frame *frame, uint64_t address);

/* Why space_page_fault() did not fill in: for the signal's code and the log. SPACE_FAULT_DONE: another thread has changed the mapping since, and the instruction can be run again. */
enum space_fault space_fault_reason(struct address_space *space, const struct trap_frame *frame,
                                    vaddr_t address);

#endif
