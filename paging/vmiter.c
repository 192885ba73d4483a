#include "paging/vmiter.h"

#include "paging/table.h"

/* What an iterator points at when there is no more address. */
static const pte_t no_entry = 0;

static void vmiter_finish(struct vmiter *it)
{
    it->va = VMITER_END;
    it->entry = (pte_t *)&no_entry;
    it->above = 0;
    it->level = it->paging->levels;
}

void vmiter_init(struct vmiter *it, struct paging *paging, vaddr_t va)
{
    it->paging = paging;
    vmiter_find(it, va);
}

void vmiter_descend(struct vmiter *it)
{
    unsigned level = it->level, shift = PAGE_SHIFT + 9 * (level - 1);
    uint64_t above = it->above;
    pte_t *at = it->entry, entry;
    while (pte_is_table(entry = pte_read(at), level)) {
        above = perm_below(above, entry);
        level--;
        shift -= 9;
        at = table_entries(it->paging, table_address(entry)) + (it->va >> shift & (PAGING_TABLE_ENTRIES - 1));
    }
    it->entry = at;
    it->above = above;
    it->level = (uint8_t)level;
}

void vmiter_find(struct vmiter *it, vaddr_t va)
{
    const struct paging *paging = it->paging;
    if (va == VMITER_END) {
        vmiter_finish(it);
        return;
    }
    if (!paging_canonical(paging, va))
        va = UINT64_MAX << (PAGE_SHIFT + 9 * paging->levels - 1);
    it->va = va;
    it->level = paging->levels;
    it->above = PTE_P | PTE_W | PTE_U;
    it->entry = table_entries(paging, paging->root) + PAGEINDEX(va, it->level);
    vmiter_descend(it);
}

/* Go to `to`, which lies after it->va, by the shortest way. */
static void vmiter_forward(struct vmiter *it, vaddr_t to)
{
    if (to != VMITER_END && it->level < it->paging->levels && (it->va ^ to) < PAGING_SPAN(it->level + 1)) {
        it->entry += PAGEINDEX(to, it->level) - PAGEINDEX(it->va, it->level);
        it->va = to;
        vmiter_descend(it);
    } else {
        vmiter_find(it, to);
    }
}

void vmiter_next_table(struct vmiter *it)
{
    if (it->va == VMITER_END)
        return;
    uint64_t span = PAGING_SPAN(it->level);
    vaddr_t next = ROUND_DOWN(it->va, span) + span;
    vmiter_forward(it, next ? next : VMITER_END);
}

void vmiter_advance_table(struct vmiter *it, uint64_t delta)
{
    vaddr_t to = it->va + delta;
    if (it->va == VMITER_END)
        return;
    vmiter_forward(it, to < it->va ? VMITER_END : to);
}

/* What must be equal for two neighbours to be one mapping. */
static uint64_t vmiter_kind(const struct vmiter *it)
{
    return vmiter_perm(it) & ~(PTE_A | PTE_D);
}

void vmiter_next_range(struct vmiter *it)
{
    if (!vmiter_present(it)) {
        do
            vmiter_next(it);
        while (it->va != VMITER_END && !vmiter_present(it));
        return;
    }
    uint64_t kind = vmiter_kind(it);
    uint64_t delta = vmiter_pa(it) - it->va; /* constant as long as both go on together */
    vaddr_t next;
    do {
        next = ROUND_DOWN(it->va, vmiter_size(it)) + vmiter_size(it);
        vmiter_next(it);
    } while (it->va == next && vmiter_kind(it) == kind && vmiter_pa(it) - it->va == delta);
}
