/* Simulated physical memory for the paging tests: a pool of frames that hold table pages, a struct paging over them, and a second walker
 * written from the manual that reads them without any of paging/'s code. Every check aborts with a message. */
#ifndef TEST_UNIT_PAGING_MEMORY_H
#define TEST_UNIT_PAGING_MEMORY_H

#include "paging/paging.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#define MEMORY_FRAMES 2048

struct memory {
    paddr_t base;   /* physical address of frame 0 */
    uint8_t *pages; /* page-aligned; free frames are poisoned */
    bool used[MEMORY_FRAMES];
    unsigned next;       /* where the search for a free frame goes on */
    unsigned live;       /* frames in use */
    int64_t allocations; /* still to succeed; negative: no limit */
    bool watch;          /* a table_free() now would be wrong */
    bool
        unlinked; /* tables that come back now must have no present entry: a processor may have looked there */
};

/* A machine's configuration, for loops over several of them. */
struct machine {
    const char *name;
    uint8_t levels, physical_width;
    bool nx, global, pages_1g, pat;
};

extern const struct machine machines[];
extern const unsigned machine_count;

/* Give `memory` its frames, at the bottom of physical memory or at its very top, and describe `machine` in `paging`, with a root. */
void memory_open(struct memory *memory, paddr_t base);
void memory_close(struct memory *memory);
void machine_start(struct paging *paging, struct memory *memory, const struct machine *machine);

/* The tables' raw entries. */
uint64_t *memory_table(struct memory *memory, paddr_t table);

/* What the second walker found at an address. */
struct manual_walk {
    bool canonical;
    bool present;       /* reached a leaf through present entries without reserved bits */
    bool reserved;      /* stopped at an entry with a reserved bit set */
    unsigned level;     /* of the deciding entry */
    uint64_t *entry;    /* the deciding entry */
    uint64_t size;      /* of the leaf, or of the hole */
    uint64_t pa, flags; /* where it leads; bits P W U PWT PCD A D G AVL PAT(12) NX, effective */
    unsigned visited;   /* entries read */
    uint64_t entries[5];
};
struct manual_walk manual_walk(const struct paging *paging, uint64_t va);

/* An access by the manual: the page-fault error code (0 is one), or one of these. */
#define MANUAL_ALLOWED            (-1)
#define MANUAL_GENERAL_PROTECTION (-2)
int manual_access(const struct paging *paging, const struct manual_walk *walk, struct paging_access access);

/* Call `leaf` for every leaf in address order, without vmiter. The number of table pages that hang below the root, root included. */
unsigned manual_enumerate(const struct paging *paging,
                          void (*leaf)(void *context, uint64_t va, uint64_t size, uint64_t pa,
                                       uint64_t flags),
                          void *context);

/* Prove that exactly the frames in the tables of `paging` (and `other`, unless NULL) are in use. */
void memory_check_live(struct memory *memory, const struct paging *paging, const struct paging *other);

/* A small generator: the same numbers for the same seed everywhere. */
uint64_t random_next(uint64_t *state);

#endif
