/* Looking at one address or one walk with paging/ and with the second walker, and comparing. Every check aborts with a message. */
#ifndef TEST_UNIT_PAGING_PROBE_H
#define TEST_UNIT_PAGING_PROBE_H

#include "paging/vmiter.h"
#include "test/unit/paging_model.h"

/* The iterator stands at `va` (canonical or VMITER_END) and says of it what the second walker says. */
void probe_iterator(const struct vmiter *it, vaddr_t va);

/* Move the iterator by `how` (0..255) and probe where it is: a find of `target`, an advance by `delta`, or next. */
void probe_move(struct vmiter *it, unsigned how, vaddr_t target, uint64_t delta);

/* vmiter_next_range() from 0 to the end finds exactly the model's ranges, whatever A and D are. */
void probe_ranges(const struct model *model, struct paging *paging);

/* paging_lookup() says what the second walker says for every kind of access to `va`. */
void probe_lookup(const struct paging *paging, vaddr_t va);

#endif
