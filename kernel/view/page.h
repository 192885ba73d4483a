/* The pages of the memory viewer: what was gathered, laid out as cells of a text screen.
 *
 * The first page is WeensyOS's, line for line: 512 pages of physical memory, 64 a row, and 768 pages of one process's virtual space. The others are for
 * machines that have more of both. Pure functions of what was gathered. */
#ifndef KERNEL_VIEW_PAGE_H
#define KERNEL_VIEW_PAGE_H

#include "kernel/view/cell.h"

enum view_page {
    VIEW_WEENSY,    /* physical and virtual, 4 KiB a cell */
    VIEW_PHYSICAL,  /* physical memory at any zoom */
    VIEW_PROCESSES, /* every process's virtual space by region */
    VIEW_PAGES
};

const char *view_page_name(enum view_page page);

struct view_settings {
    enum view_page page;
    enum view_lens lens;
    uint64_t zoom;    /* bytes a cell of VIEW_PHYSICAL: PAGE_SIZE, PAGE_2M or PAGE_1G */
    paddr_t physical; /* where it begins, unless... */
    bool automatic;   /* ...the viewer finds the place where most of what processes have for themselves is */
    vaddr_t virtual;  /* where the virtual part begins; 0: at the process's first region */
    int pid;          /* whose virtual space; 0: the first process that has one */
};

#define VIEW_SETTINGS_DEFAULT ((struct view_settings){.zoom = PAGE_SIZE, .automatic = true})

/* CGA cells, row by row (character | attribute << 8). */
struct view_grid {
    unsigned rows, columns;
    uint16_t *cells;
};

#define VIEW_ROWS_MIN    25
#define VIEW_COLUMNS_MIN 80

/* Draw. The grid is at least 25 rows of 80 columns; all of it is written. */
void view_draw(const struct usage *usage, const struct view_settings *settings, struct view_grid *grid);

/* Where the automatic mode begins, and whose virtual space is shown. */
paddr_t view_physical_start(const struct usage *usage, const struct view_settings *settings);
const struct usage_process *view_process(const struct usage *usage, const struct view_settings *settings);

/* Text at a place, cut at the right edge. */
void view_text(struct view_grid *grid, unsigned row, unsigned column, uint8_t attribute, const char *text);

#endif
