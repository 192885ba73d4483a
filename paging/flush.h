/* Noting in a struct paging_flush what a change left stale. Used inside paging/ only. */
#ifndef PAGING_FLUSH_H
#define PAGING_FLUSH_H

#include "paging/paging.h"

/* `pages` leaves in [va, va+size) changed; they had been `entry`. A NULL flush: nobody asks. */
void flush_add(struct paging_flush *flush, vaddr_t va, uint64_t size, unsigned pages, pte_t entry);

/* Put a table page that was just unlinked, whose range begins at `va`, onto flush->tables. */
void flush_add_table(const struct paging *paging, struct paging_flush *flush, vaddr_t va, paddr_t table);

#endif
