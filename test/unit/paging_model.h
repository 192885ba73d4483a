/* A flat model of an address space for the paging tests: a sorted list of extents, no tables. It knows nothing of paging/'s code. */
#ifndef TEST_UNIT_PAGING_MODEL_H
#define TEST_UNIT_PAGING_MODEL_H

#include "test/unit/paging_memory.h"

#define MODEL_EXTENTS 4096

/* `pages` pages from page number `first` (va / 4096) on, mapped to frames from `frame` on. */
struct extent {
    uint64_t first, pages, frame, flags;
};

struct model {
    const struct machine *machine;
    unsigned count;
    struct extent extents[MODEL_EXTENTS]; /* sorted, not overlapping; neighbours may be mergeable */
};

/* The flags that a processor of this machine sees when `perm` is asked for, as manual_walk() gives them. */
uint64_t model_flags(const struct machine *machine, uint64_t perm);

bool model_overlaps(const struct model *model, uint64_t first, uint64_t pages);
void model_remove(struct model *model, uint64_t first, uint64_t pages);
/* Over what was there. */
void model_set(struct model *model, uint64_t first, uint64_t pages, uint64_t frame, uint64_t flags);
/* flags = (flags & ~clear) | set for every mapped page. */
void model_change(struct model *model, uint64_t first, uint64_t pages, uint64_t clear, uint64_t set);
/* The extent that holds a page, or NULL. */
const struct extent *model_find(const struct model *model, uint64_t page);
/* Join neighbours that continue each other; flags in `ignored` become 0. */
void model_normalize(struct model *model, uint64_t ignored);

/* Prove that the tables map exactly what the model says. */
void model_check(const struct model *model, const struct paging *paging);

/* Prove that every mapping of `before` that is gone or different in `after` is covered by `flush`. */
void model_check_flush(const struct model *before, const struct model *after,
                       const struct paging_flush *flush);

#endif
