/* One cell of the memory viewer: a letter and a CGA attribute (background << 4 | foreground) for one page, or for a range of pages.
 *
 * The owner lens speaks WeensyOS's language: letters and colours mean what they mean to a student of any of its courses. The other lenses ask other questions of the same
 * marks. Every colour comes with a letter, so that nothing is told by colour alone. Pure functions of what was gathered. */
#ifndef KERNEL_VIEW_CELL_H
#define KERNEL_VIEW_CELL_H

#include "kernel/view/usage.h"

enum view_lens {
    VIEW_OWNER,      /* whose page it is */
    VIEW_PERMISSION, /* what user mode may do with it; the kernel's own rights in capitals */
    VIEW_SHARING,    /* how many times it is mapped, and copy-on-write */
    VIEW_HEAT,       /* accessed and dirty bits */
    VIEW_SIZE,       /* the size of the leaf that maps it */
    VIEW_TABLES,     /* page-table pages, by level */
    VIEW_LENSES
};

/* "owner", "permission", ... */
const char *view_lens_name(enum view_lens lens);

/* What the letters mean, in one line. */
const char *view_lens_legend(enum view_lens lens);

struct view_cell {
    char letter;
    uint8_t attribute;
};

/* The page at `pa`. */
struct view_cell view_cell_physical(const struct usage *usage, paddr_t pa, enum view_lens lens);

/* The pages of [start, end) together: the letter that most of those in use have, dimmed when more than half of them are free. */
struct view_cell view_cell_range(const struct usage *usage, paddr_t start, paddr_t end, enum view_lens lens);

/* What a process sees, by its window (usage_window.page): the page behind the address, in reverse when user mode may use it. */
struct view_cell view_cell_virtual(const struct usage *usage, uint64_t page, enum view_lens lens);

/* Nothing: outside memory, or not mapped. */
#define VIEW_CELL_BLANK ((struct view_cell){' ', 0x07})

#endif
