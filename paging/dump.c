/* What is mapped, for people: paging_dump(). */
#include "paging/text.h"
#include "paging/vmiter.h"

/* Memory types by PAT index, as PAT_VALUE programs them. */
static const char *memory_type_name(uint64_t perm)
{
    static const char *const names[8] = {"wb", "wt", "uc-", "uc", "wb", "wc", "uc-", "uc"};
    unsigned index = (perm & PTE_PWT ? 1 : 0) | (perm & PTE_PCD ? 2 : 0) | (perm & PERM_PAT ? 4 : 0);
    return names[index];
}

/* "1 GiB", in the largest unit that leaves no fraction. */
static void text_size(struct text *text, uint64_t size)
{
    static const char *const units[] = {" KiB", " MiB", " GiB", " TiB"};
    unsigned unit = 0;
    for (size >>= 10; unit < 3 && size % 1024 == 0; unit++)
        size >>= 10;
    text_decimal(text, size);
    text_string(text, units[unit]);
}

static void dump_line(struct text *text, vaddr_t start, vaddr_t end, paddr_t pa, uint64_t perm)
{
    uint64_t size = end == VMITER_END ? -start : end - start;
    text_start(text);
    text_hex(text, start);
    text_string(text, "-");
    text_hex(text, end);
    text_string(text, " -> ");
    text_hex(text, pa);
    text_string(text, "  ");
    unsigned column = text->length;
    text_size(text, size);
    text_pad(text, column + 7);
    text_string(text, " r");
    text_string(text, perm & PTE_W ? "w" : "-");
    text_string(text, perm & PTE_NX ? "-" : "x");
    text_string(text, perm & PTE_U ? "u " : "- ");
    text_string(text, perm & PTE_G ? "g " : "- ");
    text_string(text, memory_type_name(perm));
}

void paging_dump(const struct paging *paging, vaddr_t start, vaddr_t end, paging_print *print, void *context)
{
    struct paging tables = *paging; /* an iterator could write; this one does not */
    struct vmiter it;
    vmiter_init(&it, &tables, ROUND_DOWN(start, PAGE_SIZE));
    while (it.va < end) {
        vaddr_t first = it.va;
        paddr_t pa = vmiter_pa(&it);
        uint64_t perm = vmiter_perm(&it);
        vmiter_next_range(&it);
        if (!(perm & PTE_P))
            continue;
        struct text text;
        dump_line(&text, first, it.va < end ? it.va : end, pa, perm);
        print(context, text.line);
    }
}
