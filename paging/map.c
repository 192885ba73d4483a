/* Mapping ranges: paging_map() and paging_copy(). Both go over the range twice: the first time they look for what is in the way and make
 * every table, the second time they write leaves and cannot fail. */
#include "paging/table.h"

#include <asm/errno.h>

enum pass { PREPARE, COMMIT };

/* Level of the largest leaf that may begin at [va, va+size) -> pa. `most` is the level of the (empty) entry that is there. */
static unsigned fitting_level(const struct paging *paging, vaddr_t va, paddr_t pa, uint64_t size,
                              uint64_t largest, unsigned most)
{
    for (unsigned level = paging->pages_1g ? 3 : 2; level > 1; level--) {
        uint64_t span = PAGING_SPAN(level);
        if (level <= most && span <= largest && size >= span && !((va | pa) & (span - 1)))
            return level;
    }
    return 1;
}

/* Take `size` bytes from it->va to `pa` through one pass; the iterator ends behind them. */
static int range_pass(struct vmiter *it, paddr_t pa, uint64_t size, uint64_t perm, uint64_t largest,
                      enum pass pass)
{
    while (size > 0) {
        if (vmiter_present(it))
            return -EEXIST;
        if (!perm_within(perm, it->above))
            return -EINVAL;
        unsigned level = fitting_level(it->paging, it->va, pa, size, largest, it->level);
        int error = table_reach(it, level, NULL);
        if (error)
            return error;

        /* The rest of this table, as far as the range goes and nothing is in the way; a hole is at least one leaf. */
        uint64_t span = PAGING_SPAN(level);
        uint64_t leaves = PAGING_TABLE_ENTRIES - PAGEINDEX(it->va, level);
        if (leaves > size / span)
            leaves = size / span;
        pte_t leaf = leaf_make(it->paging, pa, perm, level);
        uint64_t done = 0;
        do {
            if (pass == COMMIT)
                pte_write(it->entry + done, leaf + done * span);
            done++;
        } while (done < leaves && !(pte_read(it->entry + done) & PTE_P));

        size -= done * span;
        pa += done * span;
        vmiter_advance(it, done * span);
    }
    return 0;
}

int paging_map(struct paging *paging, vaddr_t va, paddr_t pa, uint64_t size, uint64_t perm, uint64_t largest)
{
    if (leaf_check_range(paging, va, size) || leaf_check_frames(paging, pa, size) ||
        leaf_check_perm(paging, va, perm) || leaf_level(largest) == 0)
        return -EINVAL;
    for (enum pass pass = PREPARE; pass <= COMMIT; pass++) {
        struct vmiter it;
        vmiter_init(&it, paging, va);
        int error = range_pass(&it, pa, size, perm, largest, pass);
        if (error)
            return error;
    }
    return 0;
}

static int copy_pass(struct paging *to, const struct paging *from, vaddr_t start, vaddr_t end, enum pass pass)
{
    struct paging source_tables = *from; /* an iterator could write; this one does not */
    struct vmiter source, target;
    vmiter_init(&source, &source_tables, start);
    vmiter_init(&target, to, start);
    for (; source.va < end; vmiter_next(&source)) {
        if (!vmiter_present(&source))
            continue;
        uint64_t leaf = vmiter_size(&source);
        uint64_t size = leaf - (source.va & (leaf - 1));
        if (end != VMITER_END && size > end - source.va)
            size = end - source.va;
        paddr_t pa = vmiter_pa(&source);
        uint64_t perm = vmiter_perm(&source);
        if (leaf_check_perm(to, source.va, perm) || leaf_check_frames(to, pa, size))
            return -EINVAL;
        vmiter_advance(&target, source.va - target.va);
        int error = range_pass(&target, pa, size, perm, leaf, pass);
        if (error)
            return error;
    }
    return 0;
}

int paging_copy(struct paging *to, const struct paging *from, vaddr_t start, vaddr_t end)
{
    if (PAGEOFFSET(start) || (PAGEOFFSET(end) && end != VMITER_END))
        return -EINVAL;
    int error = copy_pass(to, from, start, end, PREPARE);
    return error ? error : copy_pass(to, from, start, end, COMMIT);
}
