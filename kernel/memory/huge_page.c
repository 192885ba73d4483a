/* Huge pages, see space_internal.h. They are made only where a write finds a whole empty 2 MiB of a private anonymous region, and are unmade as soon as anything smaller happens to them:
 * fork, a cut through the middle, a move. So a huge page has always one mapping, and its block one reference. `hugepages=off` on the command line does without. */
#include <asm/errno.h>

#include "kernel/cpu/features.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/space_internal.h"

static bool switched_off(void)
{
    static enum { UNKNOWN, ON, OFF } state;

    if (state == UNKNOWN) {
        const char *value = option_value("hugepages");
        state = value != NULL && strcmp(value, "off") == 0 ? OFF : ON;
    }
    return state == OFF;
}

bool huge_page_fill(struct address_space *space, const struct region *region, struct vmiter *it)
{
    vaddr_t start = ROUND_DOWN(it->va, PAGE_2M);

    /* An entry of level 1, or one that is not zero, says that there are small pages, or were. */
    if (it->level < 2 || *it->entry != 0 || region->backing != NULL ||
        region->flags & (REGION_SHARED | REGION_GROWS_DOWN | REGION_SMALL_PAGES) || start < region->start ||
        region->end - start < PAGE_2M || region->protection & REGION_EXEC || switched_off() ||
        !frame_plenty())
        return false;
    struct frame *block = frame_alloc_order(FRAME_ORDER_2M, FRAME_ANONYMOUS);
    if (block == NULL)
        return false;
    for (uint64_t i = 0; i < PAGE_2M / PAGE_SIZE; i++)
        page_clear(frame_pointer(block + i));
    struct vmiter first = *it;
    first.va = start; /* the same entry decides it */
    if (vmiter_map(&first, frame_pa(block), region_perm(region, true, false), PAGE_2M, NULL) != 0) {
        frame_put(block);
        vmiter_find(it, it->va); /* a table may have been made on the way */
        return false;
    }
    space->pages_resident += PAGE_2M / PAGE_SIZE;
    space->faults++;
    return true;
}

static bool leaf_huge(const struct vmiter *it)
{
    return it->level == 2 && (*it->entry & PTE_P || leaf_parked(*it->entry));
}

/* The leaf at `it` is huge: the table gets 512 small leaves, the block becomes 512 frames. */
static int leaf_split(struct address_space *space, struct vmiter *it, struct paging_flush *flush)
{
    pte_t entry = *it->entry;
    vaddr_t start = ROUND_DOWN(it->va, PAGE_2M);
    bool parked = leaf_parked(entry);
    struct frame *block = leaf_frame(it, entry);

    /* The library splits what is present: a parked leaf is made so for a moment, without any right. */
    if (parked)
        *it->entry = (entry & ~(PTE_PARKED | PTE_U | PTE_W)) | PTE_P;
    int error = paging_split(&space->paging, start + PAGE_SIZE, flush);
    if (error != 0) {
        *it->entry = entry;
        /* A processor may have read the entry while it was present. */
        if (parked)
            space_flush_add(flush, start, PAGE_2M);
        return error;
    }
    frame_split(block, FRAME_ORDER_2M);
    vmiter_find(it, start);
    for (; parked && it->va < start + PAGE_2M; vmiter_next(it))
        *it->entry = (*it->entry & ~PTE_P) | PTE_PARKED | (entry & PTE_U);
    vmiter_find(it, start);
    return 0;
}

int huge_page_split_range(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct paging_flush flush = PAGING_FLUSH_NONE;
    struct vmiter it;
    int error = 0;

    for (vmiter_init(&it, &space->paging, start); it.va < end && error == 0; vmiter_next(&it))
        if (leaf_huge(&it))
            error = leaf_split(space, &it, &flush);
    tlb_flush(space, &flush);
    return error;
}

int huge_page_split_at(struct address_space *space, vaddr_t va)
{
    struct paging_flush flush = PAGING_FLUSH_NONE;
    struct vmiter it;

    if (va % PAGE_2M == 0)
        return 0;
    vmiter_init(&it, &space->paging, va);
    if (!leaf_huge(&it))
        return 0;
    int error = leaf_split(space, &it, &flush);
    tlb_flush(space, &flush);
    return error;
}
