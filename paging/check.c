/* What every Quire table promises: paging_check(). */
#include "paging/table.h"
#include "paging/text.h"

struct check {
    struct paging *paging;
    paging_print *print;
    void *context;
    unsigned violations;
};

static void violation(struct check *check, const char *what, vaddr_t va, unsigned level, pte_t entry)
{
    check->violations++;
    if (!check->print)
        return;
    struct text text;
    text_start(&text);
    text_hex(&text, va);
    text_string(&text, " level ");
    text_decimal(&text, level);
    text_string(&text, " entry ");
    text_hex(&text, entry & ~PTE_MARK);
    text_string(&text, ": ");
    text_string(&text, what);
    check->print(check->context, text.line);
}

static void check_leaf(struct check *check, vaddr_t va, unsigned level, pte_t entry, uint64_t perm)
{
    if (check->paging->nx && (perm & PTE_W) && !(perm & PTE_NX))
        violation(check, "the page is writable and executable", va, level, entry);
}

/* Set the mark of a table. Whether it was set already: this table has been here before. */
static bool table_mark(pte_t *entries)
{
    return __atomic_fetch_or(&entries[0], PTE_MARK, __ATOMIC_RELAXED) & PTE_MARK;
}

static bool table_unmark(pte_t *entries)
{
    return __atomic_fetch_and(&entries[0], ~PTE_MARK, __ATOMIC_RELAXED) & PTE_MARK;
}

/* Recursion is at most five deep: `level` falls each time, whatever the tables say. */
static void check_table(struct check *check, pte_t *entries, unsigned level, vaddr_t va, uint64_t above)
{
    struct paging *paging = check->paging;
    for (unsigned i = 0; i < PAGING_TABLE_ENTRIES; i++) {
        pte_t entry = pte_read(&entries[i]);
        if (!(entry & PTE_P))
            continue;
        vaddr_t below = table_index_va(paging, va, level, i);
        if (high_half(below) && (entry & PTE_U))
            violation(check, "user mode may pass in the kernel's half", below, level, entry);
        if (leaf_reserved(paging, entry, level)) {
            violation(check, "a reserved bit is set", below, level, entry);
            continue; /* its address may lead anywhere */
        }
        uint64_t perm = perm_below(above, entry);
        if (pte_is_leaf(entry, level)) {
            check_leaf(check, below, level, entry, perm);
            continue;
        }
        pte_t *table = table_entries(paging, table_address(entry));
        if (table_mark(table))
            violation(check, "the table is reached twice", below, level, entry);
        else
            check_table(check, table, level - 1, below, perm);
    }
}

/* Goes only where marks lead, and each only once, so that it ends even in tables that form a circle. */
static void unmark_tables(const struct paging *paging, pte_t *entries, unsigned level)
{
    for (unsigned i = 0; i < PAGING_TABLE_ENTRIES; i++) {
        pte_t entry = pte_read(&entries[i]);
        if (!pte_is_table(entry, level) || leaf_reserved(paging, entry, level))
            continue;
        pte_t *table = table_entries(paging, table_address(entry));
        if (table_unmark(table))
            unmark_tables(paging, table, level - 1);
    }
}

unsigned paging_check(struct paging *paging, paging_print *print, void *context)
{
    struct check check = {paging, print, context, 0};
    pte_t *root = table_entries(paging, paging->root);
    table_mark(root);
    check_table(&check, root, paging->levels, 0, PTE_P | PTE_W | PTE_U);
    table_unmark(root);
    unmark_tables(paging, root, paging->levels);
    return check.violations;
}
