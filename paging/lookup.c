/* The processor's walk: paging_lookup(). Order and conditions are those of SDM vol. 3A, 4.5 (entries), 4.6 (access rights) and 4.7
 * (error code). */
#include "paging/leaf.h"
#include "paging/table.h"

static uint32_t access_error_code(const struct paging *paging, struct paging_access access)
{
    uint32_t code = 0;
    if (access.write && !access.fetch)
        code |= FAULT_WRITE;
    if (access.user)
        code |= FAULT_USER;
    if (access.fetch && (paging->nx || access.smep))
        code |= FAULT_FETCH;
    return code;
}

/* Of the entries walked, the level of the first one that has (or, with `wanted` 0, has not) the bit as it must not be. */
static uint8_t first_level(const struct paging_walk *walk, uint64_t bit, uint64_t wanted)
{
    unsigned i = 0;
    while (i + 1u < walk->steps && (walk->step[i].entry & bit) == wanted)
        i++;
    return walk->step[i].level;
}

/* Access rights, once the walk has reached a leaf. */
static enum paging_refusal access_refusal(const struct paging *paging, const struct paging_walk *walk,
                                          struct paging_access access)
{
    bool user_page = walk->perm & PTE_U;
    if (access.user && !user_page)
        return PAGING_NOT_USER;
    if (access.fetch) {
        if (!access.user && user_page && access.smep)
            return PAGING_SMEP;
        return paging->nx && (walk->perm & PTE_NX) ? PAGING_NO_EXECUTE : PAGING_ALLOWED;
    }
    if (!access.user && user_page && access.smap && !access.ac)
        return PAGING_SMAP;
    if (access.write && !(walk->perm & PTE_W) && (access.user || access.wp))
        return PAGING_NOT_WRITABLE;
    return PAGING_ALLOWED;
}

static uint8_t refusal_level(const struct paging_walk *walk)
{
    switch (walk->refusal) {
    case PAGING_NOT_USER:
        return first_level(walk, PTE_U, PTE_U);
    case PAGING_NOT_WRITABLE:
        return first_level(walk, PTE_W, PTE_W);
    case PAGING_NO_EXECUTE:
        return first_level(walk, PTE_NX, 0);
    default: /* the page as a whole, or the last entry read */
        return walk->step[walk->steps - 1].level;
    }
}

/* Read entries from the root down, to a leaf or to an entry that cannot be used. */
static void walk_down(const struct paging *paging, vaddr_t va, struct paging_walk *walk)
{
    paddr_t table = paging->root;
    uint64_t above = PTE_P | PTE_W | PTE_U;
    for (unsigned level = paging->levels;; level--) {
        pte_t entry = pte_read(&table_entries(paging, table)[PAGEINDEX(va, level)]);
        walk->step[walk->steps++] = (struct paging_step){(uint8_t)level, entry};
        if (!(entry & PTE_P))
            walk->refusal = PAGING_NOT_PRESENT;
        else if (leaf_reserved(paging, entry, level))
            walk->refusal = PAGING_RESERVED_BIT;
        if (walk->refusal)
            return;
        above = perm_below(above, entry);
        walk->perm = above;
        if (pte_is_leaf(entry, level)) {
            walk->perm |= leaf_perm(entry, level) & ~(PTE_P | PTE_W | PTE_U | PTE_NX);
            walk->size = PAGING_SPAN(level);
            walk->pa = leaf_address(entry, level) | (va & (walk->size - 1));
            return;
        }
        table = table_address(entry);
    }
}

struct paging_walk paging_lookup(const struct paging *paging, vaddr_t va, struct paging_access access)
{
    struct paging_walk walk = {.pa = PADDR_NONE};
    if (!paging_canonical(paging, va)) {
        walk.refusal = PAGING_NON_CANONICAL;
        return walk;
    }
    walk_down(paging, va, &walk);
    if (!walk.refusal)
        walk.refusal = access_refusal(paging, &walk, access);
    if (!walk.refusal)
        return walk;

    walk.pa = PADDR_NONE;
    walk.refused_level = refusal_level(&walk);
    walk.error_code = access_error_code(paging, access);
    if (walk.refusal != PAGING_NOT_PRESENT)
        walk.error_code |= FAULT_PRESENT;
    if (walk.refusal == PAGING_RESERVED_BIT)
        walk.error_code |= FAULT_RESERVED;
    return walk;
}

const char *paging_refusal_name(enum paging_refusal refusal)
{
    static const char *const names[] = {
        [PAGING_ALLOWED] = "the access is allowed",
        [PAGING_NON_CANONICAL] = "the address is not canonical",
        [PAGING_NOT_PRESENT] = "nothing is mapped there",
        [PAGING_RESERVED_BIT] = "the entry has a reserved bit set",
        [PAGING_NOT_USER] = "the page is not for user mode",
        [PAGING_NOT_WRITABLE] = "the page is not writable",
        [PAGING_NO_EXECUTE] = "the page is not executable",
        [PAGING_SMEP] = "the kernel must not execute a user page",
        [PAGING_SMAP] = "the kernel must not touch a user page now",
    };
    return (unsigned)refusal < sizeof names / sizeof names[0] ? names[refusal] : "the refusal is unknown";
}
