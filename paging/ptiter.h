/* ptiter: visit the table pages of an address space, children before their parents and never the root, so that a loop may free as it
 * goes. Only tables below root indexes [first, last] are visited.
 *
 *     for (ptiter_init(&it, paging, 0, 255); ptiter_active(&it); ptiter_next(&it))
 *         table_free(ptiter_table(&it));
 */
#ifndef PAGING_PTITER_H
#define PAGING_PTITER_H

#include "paging/paging.h"

struct ptiter {
    const struct paging *paging;
    unsigned last;
    uint8_t level;     /* of the table page the iterator is at; == paging->levels when done */
    vaddr_t va;        /* first address the table page covers, sign-extended */
    paddr_t table[6];  /* table[l]: the level-l table on the current path */
    uint16_t index[6]; /* index[l]: entry of the level-l table on the path */
};

void ptiter_init(struct ptiter *it, const struct paging *paging, unsigned first, unsigned last);
bool ptiter_active(const struct ptiter *it);
void ptiter_next(struct ptiter *it);

paddr_t ptiter_table(const struct ptiter *it); /* the table page */
vaddr_t ptiter_va(const struct ptiter *it);
vaddr_t ptiter_last_va(const struct ptiter *it); /* last byte it covers */

#endif
