/* memory_check(): one walk over every page table, region and frame that proves that nothing is lost and nothing is shared that should not be.
 *
 * It verifies: each frame's reference count equals the mappings and holders that exist; user pages are only anonymous, shared or file frames; no page is writable and executable, or
 * has more rights than its region; every page lies in a region; page tables are owned as such and reached once; free frames are in the free lists and nowhere else; counters of
 * address spaces are exact; slabs add up. What it finds is logged. */
#ifndef KERNEL_MEMORY_MEMORY_CHECK_H
#define KERNEL_MEMORY_MEMORY_CHECK_H

#include <stdbool.h>

#include "kernel/memory/survey.h"

/* What may be wrong with a page. */
enum memory_wrong {
    MEMORY_WRONG_USE,    /* used as it must not be, or its count is not its uses */
    MEMORY_WRONG_FREED,  /* free, and mapped */
    MEMORY_WRONG_LEAKED, /* in use, and nobody reaches it */
};

/* One who looks on while memory is checked. Everything is called with interrupts off and all other CPUs standing still, so it allocates nothing and does not sleep; spinlocks may be
 * taken. Any but `wrong` may be NULL. The survey's functions are those of survey.h. */
struct memory_look {
    struct survey survey;
    /* Before anything else. */
    void (*begin)(struct memory_look *look);
    /* After all of the survey: every page of every process once more. */
    void (*page_again)(struct memory_look *look, struct address_space *space,
                       const struct surveyed_page *page);
    /* A violation: about the page at `pa`, or about no page (PADDR_NONE), and one line of text without its end. */
    void (*wrong)(struct memory_look *look, enum memory_wrong what, paddr_t pa, const char *text);
    /* Filled in: how many frames were what. */
    struct frame_statistics frames;
};

/* Check, and show `look` everything on the way: the number of violations, or -EAGAIN as memory_check(); `begin` may have been called then. */
int memory_look(struct memory_look *look);

/* The number of violations, or -EAGAIN when some address space was being changed, or another CPU checks. Thread context, no spinlock held; other CPUs are made to stand still. */
int memory_check(void);

#endif
