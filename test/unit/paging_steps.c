#include "test/unit/paging_steps.h"

#include "paging/vmiter.h"
#include "test/unit/paging_probe.h"

#include <asm/errno.h>
#include <string.h>

#define PAGES_2M      UINT64_C(512)
#define PAGES_1G      (512 * PAGES_2M)
#define MANY_LIVE     160 /* table pages: beyond, a space is emptied so that whole comparisons stay quick */

/* The bits of flags that protecting may change. */
#define PROTECT_FLAGS (UINT64_C(1) << 63 | 7 << 9 | 7)

static uint64_t draw(struct steps *steps, unsigned bytes)
{
    if (!steps->data)
        return random_next(&steps->seed) >> (64 - 8 * bytes);
    uint64_t value = 0;
    while (bytes-- > 0 && steps->size > 0) {
        value = value << 8 | *steps->data++;
        steps->size--;
    }
    return value;
}

static uint64_t below(struct steps *steps, uint64_t limit)
{
    return draw(steps, limit > 256 ? 3 : 1) % limit;
}

/* First page of the high half, as a page number of 52 bits. */
static uint64_t high_page(const struct machine *machine)
{
    return (UINT64_C(1) << 52) - (UINT64_C(1) << (9 * machine->levels - 1));
}

static uint64_t low_pages(const struct machine *machine)
{
    return UINT64_C(1) << (9 * machine->levels - 1);
}

struct range {
    uint64_t first, pages; /* page numbers; may run out of its half */
};

static vaddr_t page_va(uint64_t page)
{
    return page << 12;
}

static bool range_fits(const struct machine *machine, struct range range)
{
    uint64_t end = range.first + range.pages;
    return end <= low_pages(machine) || (range.first >= high_page(machine) && end <= UINT64_C(1) << 52);
}

/* A range near one of the places where something begins or ends. */
static struct range draw_range(struct steps *steps)
{
    const struct machine *machine = steps->machines;
    const uint64_t places[8] = {0,
                                PAGES_2M,
                                PAGES_1G,
                                512 * PAGES_1G,
                                low_pages(machine) - 2 * PAGES_1G,
                                high_page(machine),
                                high_page(machine) + 511 * PAGES_1G,
                                (UINT64_C(1) << 52) - 2 * PAGES_1G};
    struct range range = {places[below(steps, 8)], 1};
    switch (below(steps, 6)) {
    case 0:
        range.first += below(steps, 64);
        range.pages = 1 + below(steps, 16);
        break;
    case 1:
        range.first += below(steps, 2048);
        range.pages = 1 + below(steps, 1500);
        break;
    case 2:
        range.first += below(steps, 8) * PAGES_2M;
        range.pages = (1 + below(steps, 4)) * PAGES_2M;
        break;
    case 3:
        range.first += below(steps, 2) * PAGES_1G;
        range.pages = (1 + below(steps, 2)) * PAGES_1G;
        break;
    case 4: /* ends with the region: the half's last page, for two of the places */
        range.pages = 1 + below(steps, 700);
        range.first += 2 * PAGES_1G - range.pages;
        break;
    default:
        range.first += below(steps, 700);
        range.pages = below(steps, 3) * PAGES_2M + below(steps, 700);
        break;
    }
    return range;
}

/* Any perm that is allowed at the range; now and then one that is not. */
static uint64_t draw_perm(struct steps *steps, vaddr_t va)
{
    static const uint64_t types[] = {PERM_WRITE_BACK,      PERM_WRITE_BACK, PERM_UNCACHED,
                                     PERM_WRITE_COMBINING, PERM_PAT,        PTE_PCD | PERM_PAT};
    uint64_t dice = draw(steps, 2), perm = PTE_P | types[dice % 6];
    perm |= dice & 0x0100 ? PTE_W | PTE_NX : dice & 0x0200 ? PTE_NX : 0;
    perm |= dice & 0x0400 && !(va >> 63) ? PTE_U : 0;
    perm |= dice & 0x0800 ? PTE_G : 0;
    perm |= dice & 0x1000 ? PTE_SOFT0 : 0;
    perm |= dice & 0x2000 ? PTE_SOFT2 : 0;
    perm |= dice & 0x4000 ? PTE_A | PTE_D : 0;
    switch (below(steps, 64)) {
    case 0:
        return perm & ~PTE_P;
    case 1:
        return (perm | PTE_W) & ~PTE_NX;
    case 2:
        return perm | PTE_U;
    case 3:
        return perm | PTE_PS;
    case 4:
        return perm | PTE_MARK;
    default:
        return perm;
    }
}

static bool perm_fits(const struct machine *machine, vaddr_t va, uint64_t perm)
{
    bool writable = perm & 2, user = perm & 4, no_execute = perm >> 63;
    uint64_t known = UINT64_C(1) << 63 | 0x1f7f; /* all but bit 7 of the low 13 */
    return (perm & 1) && !(perm & ~known) && !(machine->nx && writable && !no_execute) && !(va >> 63 && user);
}

/* Frames for a range: aligned like it, or not, or beyond the machine's reach. */
static uint64_t draw_frame(struct steps *steps, struct range range)
{
    uint64_t frames = UINT64_C(1) << (steps->machines[0].physical_width - 12);
    uint64_t gib = below(steps, 8) * PAGES_1G;
    switch (below(steps, 16)) {
    case 0:
        return gib + below(steps, 2000);
    case 1:
        return gib + range.first % PAGES_2M;
    case 2:
        return frames - (range.pages < frames ? range.pages : 0); /* just fits */
    case 3:
        return frames - (range.pages < frames ? range.pages : 0) + 1; /* one too far */
    default:
        return gib + range.first % PAGES_1G;
    }
}

static bool frames_fit(const struct machine *machine, uint64_t frame, uint64_t pages)
{
    uint64_t frames = UINT64_C(1) << (machine->physical_width - 12);
    return frame <= frames && pages <= frames - frame;
}

/* Was `error` right? `expected` is what must come when memory suffices; running out of memory may hide it, unless the arguments
 * are wrong. */
static bool judge(struct steps *steps, int error, int expected)
{
    bool exhausted = steps->memory.allocations == 0 || steps->memory.live == MEMORY_FRAMES;
    CHECK(error == expected || (error == -ENOMEM && exhausted && expected != -EINVAL),
          "error %d instead of %d", error, expected);
    if (error)
        steps->refused++;
    return error == 0;
}

static void step_map(struct steps *steps, unsigned s)
{
    const struct machine *machine = &steps->machines[s];
    struct range range = draw_range(steps);
    vaddr_t va = page_va(range.first);
    uint64_t frame = draw_frame(steps, range), perm = draw_perm(steps, va);
    /* Many small leaves only for small ranges. */
    uint64_t largest = range.pages > 2 * PAGES_2M ? PAGE_1G : below(steps, 2) ? PAGE_2M : PAGE_SIZE;
    if (range.pages > 4 * PAGES_2M && (range.first ^ frame) % PAGES_2M)
        return;
    uint64_t odd = below(steps, 32) == 0 ? 8 : 0;
    int expected = 0;
    if (odd || !perm_fits(machine, va, perm) || !range_fits(machine, range) ||
        !frames_fit(machine, frame, range.pages))
        expected = -EINVAL;
    else if (model_overlaps(&steps->models[s], range.first, range.pages))
        expected = -EEXIST;
    int error =
        paging_map(&steps->spaces[s], va + odd, page_va(frame), range.pages * PAGE_SIZE, perm, largest);
    if (range.pages == 0 && error == 0)
        return;
    if (judge(steps, error, expected))
        model_set(&steps->models[s], range.first, range.pages, frame, model_flags(machine, perm));
}

static void step_unmap(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    struct range range = draw_range(steps);
    int error = paging_unmap(&steps->spaces[s], page_va(range.first), range.pages * PAGE_SIZE, flush);
    if (range.pages == 0 && error == 0)
        return;
    if (judge(steps, error, range_fits(&steps->machines[s], range) ? 0 : -EINVAL))
        model_remove(&steps->models[s], range.first, range.pages);
}

static void step_protect(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    const struct machine *machine = &steps->machines[s];
    struct range range = draw_range(steps);
    vaddr_t va = page_va(range.first);
    uint64_t perm = draw_perm(steps, va);
    bool fits = range_fits(machine, range) && perm_fits(machine, va, perm);
    int error = paging_protect(&steps->spaces[s], va, range.pages * PAGE_SIZE, perm, flush);
    if (range.pages == 0 && error == 0)
        return;
    if (judge(steps, error, fits ? 0 : -EINVAL))
        model_change(&steps->models[s], range.first, range.pages, PROTECT_FLAGS,
                     model_flags(machine, perm) & PROTECT_FLAGS);
}

static void step_split(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    struct range range = draw_range(steps);
    range.pages = 1;
    vaddr_t va = page_va(range.first);
    bool fits = range_fits(&steps->machines[s], range);
    if (!judge(steps, paging_split(&steps->spaces[s], va, flush), fits ? 0 : -EINVAL))
        return;
    struct manual_walk walk = manual_walk(&steps->spaces[s], va);
    CHECK(!walk.present || va % walk.size == 0, "a leaf of %#jx crosses %#jx", (uintmax_t)walk.size,
          (uintmax_t)va);
}

static void step_copy(struct steps *steps, unsigned s)
{
    struct range range = draw_range(steps);
    uint64_t end = range.first + range.pages;
    vaddr_t start = page_va(range.first), last = end >> 52 ? VMITER_END : page_va(end);
    if (below(steps, 8) == 0) { /* everything */
        range.first = start = 0;
        last = VMITER_END;
        end = UINT64_C(1) << 52;
    }
    if (!manual_walk(&steps->spaces[s], start).canonical)
        return;
    const struct model *from = &steps->models[!s];
    static struct model result;
    result = steps->models[s];
    int expected = 0;
    for (unsigned i = 0; i < from->count; i++) {
        struct extent e = from->extents[i];
        uint64_t skip = e.first < range.first ? range.first - e.first : 0;
        if (skip >= e.pages || e.first >= end)
            continue;
        uint64_t stop = e.first + e.pages < end ? e.first + e.pages : end;
        uint64_t pages = stop - e.first - skip;
        if (model_overlaps(&steps->models[s], e.first + skip, pages))
            expected = -EEXIST;
        else
            model_set(&result, e.first + skip, pages, e.frame + skip, e.flags);
    }
    if (judge(steps, paging_copy(&steps->spaces[s], &steps->spaces[!s], start, last), expected))
        steps->models[s] = result;
}

/* No table that lies wholly in the range is empty. */
static bool pruned(const struct paging *paging, uint64_t table, unsigned level, uint64_t page,
                   struct range range)
{
    const uint64_t *entries = memory_table(paging->context, table);
    uint64_t span = UINT64_C(1) << (9 * (level - 1));
    bool empty = true, right = true;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t here = page + i * span;
        if (level == paging->levels && i >= 256)
            here |= (UINT64_C(1) << 52) - 512 * span;
        empty = empty && !(entries[i] & 1);
        if ((entries[i] & 1) && level > 1 && !(level < 4 && (entries[i] & 128)))
            right =
                right && pruned(paging, entries[i] & UINT64_C(0x000ffffffffff000), level - 1, here, range);
    }
    bool inside =
        level < paging->levels && page >= range.first && page + 512 * span <= range.first + range.pages;
    return right && !(inside && empty);
}

static void step_prune(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    struct paging *paging = &steps->spaces[s];
    struct range range = draw_range(steps);
    if (below(steps, 4) == 0)
        range = (struct range){0, UINT64_C(1) << 52};
    uint64_t end = range.first + range.pages;
    struct range canonical = {range.first, 1};
    if (!range_fits(paging->levels == 5 ? &steps->machines[0] : &steps->machines[s], canonical))
        return;
    paging_prune(paging, page_va(range.first), end >> 52 ? VMITER_END : page_va(end), flush);
    CHECK(pruned(paging, paging->root, paging->levels, 0, range), "an empty table is left");
    CHECK(flush->structure == (flush->tables != PADDR_NONE), "unlinked tables must be flushed");
    CHECK(!flush->structure || flush->start != flush->end, "an empty flush hides unlinked tables");
}

static void step_iterator_map(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    static const uint64_t sizes[] = {PAGE_SIZE, PAGE_SIZE, PAGE_2M, PAGE_1G, 2 * PAGE_SIZE};
    const struct machine *machine = &steps->machines[s];
    struct range range = draw_range(steps);
    vaddr_t va = page_va(range.first);
    uint64_t frame = draw_frame(steps, range), perm = draw_perm(steps, va), size = sizes[below(steps, 5)];
    range.pages = size / PAGE_SIZE;
    struct manual_walk walk = manual_walk(&steps->spaces[s], va);
    if (!walk.canonical)
        return;
    bool fresh = below(steps, 4) == 0; /* no flush: nothing may be there */
    int expected = 0;
    unsigned level = size == PAGE_SIZE ? 1 : size == PAGE_2M ? 2 : 3;
    if (size == 2 * PAGE_SIZE || (range.first | frame) % range.pages || !perm_fits(machine, va, perm) ||
        (size == PAGE_1G && !machine->pages_1g) || !frames_fit(machine, frame, range.pages))
        expected = -EINVAL;
    else if (walk.level < level || (fresh && walk.present))
        expected = -EEXIST;
    struct vmiter it;
    vmiter_init(&it, &steps->spaces[s], va);
    if (judge(steps, vmiter_map(&it, page_va(frame), perm, size, fresh ? NULL : flush), expected))
        model_set(&steps->models[s], range.first, range.pages, frame, model_flags(machine, perm));
    if (expected == 0)
        probe_iterator(&it, va);
}

static void step_iterator_unmap(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    static const uint64_t sizes[] = {PAGE_SIZE, PAGE_SIZE, PAGE_2M, PAGE_1G, 3 * PAGE_SIZE};
    struct range range = draw_range(steps);
    vaddr_t va = page_va(range.first);
    uint64_t size = sizes[below(steps, 5)];
    range.pages = size / PAGE_SIZE;
    struct manual_walk walk = manual_walk(&steps->spaces[s], va);
    if (!walk.canonical)
        return;
    unsigned level = size == PAGE_SIZE ? 1 : size == PAGE_2M ? 2 : 3;
    int expected = 0;
    if (size == 3 * PAGE_SIZE || range.first % range.pages)
        expected = -EINVAL;
    else if (walk.level < level)
        expected = -EEXIST;
    struct vmiter it;
    vmiter_init(&it, &steps->spaces[s], va);
    if (judge(steps, vmiter_unmap(&it, size, flush), expected))
        model_remove(&steps->models[s], range.first, range.pages);
    probe_iterator(&it, va);
}

static void step_iterator_reach(struct steps *steps, unsigned s)
{
    vaddr_t va = page_va(draw_range(steps).first);
    struct manual_walk walk = manual_walk(&steps->spaces[s], va);
    if (!walk.canonical)
        return;
    struct vmiter it;
    vmiter_init(&it, &steps->spaces[s], va);
    /* The model stays as it is: nothing is mapped by it. */
    if (judge(steps, vmiter_reach(&it), walk.present && walk.level > 1 ? -EEXIST : 0))
        CHECK(it.level == 1, "the table for %#jx is not there", (uintmax_t)va);
    probe_iterator(&it, va);
}

static void step_iterator_protect(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    const struct machine *machine = &steps->machines[s];
    vaddr_t va = page_va(draw_range(steps).first);
    uint64_t perm = draw_perm(steps, va);
    struct manual_walk walk = manual_walk(&steps->spaces[s], va);
    if (!walk.canonical)
        return;
    struct vmiter it;
    vmiter_init(&it, &steps->spaces[s], va);
    vmiter_protect(&it, perm, flush);
    uint64_t first = (va & ~(walk.size - 1)) >> 12, pages = walk.size >> 12;
    if (walk.present && !(perm & PTE_P))
        model_remove(&steps->models[s], first, pages);
    if (!walk.present || !(perm & PTE_P))
        return;
    if (perm & PTE_W)
        perm |= PTE_NX;
    if (va >> 63)
        perm &= ~PTE_U;
    model_change(&steps->models[s], first, pages, PROTECT_FLAGS, model_flags(machine, perm) & PROTECT_FLAGS);
}

/* What a processor does to a leaf it uses. */
static void step_touch(struct steps *steps, unsigned s)
{
    uint64_t page = draw_range(steps).first, flags = below(steps, 2) ? PTE_A | PTE_D : PTE_A;
    struct manual_walk walk = manual_walk(&steps->spaces[s], page_va(page));
    if (!walk.present)
        return;
    *walk.entry |= flags;
    uint64_t pages = walk.size >> 12;
    model_change(&steps->models[s], page & ~(pages - 1), pages, 0, flags);
}

static void step_free(struct steps *steps, unsigned s)
{
    unsigned first = (unsigned)below(steps, 512), last = (unsigned)(first + below(steps, 512 - first));
    uint64_t span = UINT64_C(1) << (9 * (steps->machines[s].levels - 1));
    steps->memory.watch = false;
    paging_free(&steps->spaces[s], first, last);
    if (first == 0 && last == 511)
        CHECK(paging_init(&steps->spaces[s]) == 0, "no root");
    for (unsigned i = first; i <= last; i++) {
        uint64_t page = i * span;
        if (i >= 256)
            page += (UINT64_C(1) << 52) - 512 * span;
        model_remove(&steps->models[s], page, span);
    }
}

static void step_empty(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    uint64_t half = low_pages(steps->machines) * PAGE_SIZE;
    steps->memory.allocations = -1;
    CHECK(paging_unmap(&steps->spaces[s], 0, half, flush) == 0, "the low half");
    CHECK(paging_unmap(&steps->spaces[s], -half, half, flush) == 0, "the high half");
    paging_prune(&steps->spaces[s], 0, VMITER_END, flush);
    steps->models[s].count = 0;
}

static void step_change(struct steps *steps, unsigned s, struct paging_flush *flush)
{
    switch (draw(steps, 1) % 24) {
    default:
        step_map(steps, s);
        break;
    case 0 ... 2:
        step_unmap(steps, s, flush);
        break;
    case 3 ... 5:
        step_protect(steps, s, flush);
        break;
    case 6:
        step_split(steps, s, flush);
        break;
    case 7:
        step_copy(steps, s);
        break;
    case 8:
        step_prune(steps, s, flush);
        break;
    case 9 ... 12:
        step_iterator_map(steps, s, flush);
        break;
    case 13:
        step_iterator_unmap(steps, s, flush);
        break;
    case 14:
        step_iterator_protect(steps, s, flush);
        break;
    case 15:
        step_touch(steps, s);
        break;
    case 16:
        if (below(steps, 8) == 0)
            step_free(steps, s);
        break;
    case 17:
        step_iterator_reach(steps, s);
        break;
    }
}

void steps_start(struct steps *steps, const struct machine *machine, bool other_1g, bool memory_at_top)
{
    paddr_t top = UINT64_C(1) << machine->physical_width;
    memory_open(&steps->memory, memory_at_top ? top - MEMORY_FRAMES * PAGE_SIZE : 0);
    steps->done = steps->refused = 0;
    for (unsigned s = 0; s < 2; s++) {
        steps->machines[s] = *machine;
        if (s == 1)
            steps->machines[s].pages_1g = other_1g;
        machine_start(&steps->spaces[s], &steps->memory, &steps->machines[s]);
        steps->models[s].machine = &steps->machines[s];
        steps->models[s].count = 0;
    }
}

bool steps_run(struct steps *steps)
{
    if (steps->data && steps->size == 0)
        return false;
    uint64_t dice = draw(steps, 1);
    unsigned s = dice & 1;
    steps->before = steps->models[s];
    steps->memory.allocations = (dice & 6) == 6 ? (int64_t)below(steps, 6) : -1;
    steps->memory.watch = true;
    struct paging_flush flush = PAGING_FLUSH_NONE;
    if (steps->memory.live > MANY_LIVE || steps->models[s].count > MODEL_EXTENTS / 8)
        step_empty(steps, s, &flush);
    else
        step_change(steps, s, &flush);
    if (steps->memory.watch)
        model_check_flush(&steps->before, &steps->models[s], &flush);
    steps->memory.watch = false;
    steps->memory.allocations = -1;
    steps->memory.unlinked = true;
    paging_flush_free_tables(&steps->spaces[s], &flush);
    steps->memory.unlinked = false;
    CHECK(flush.tables == PADDR_NONE, "the chain of tables is not used up");

    memory_check_live(&steps->memory, &steps->spaces[0], &steps->spaces[1]);
    model_check(&steps->models[s], &steps->spaces[s]);
    CHECK(paging_check(&steps->spaces[s], NULL, NULL) == 0, "step %u", steps->done);
    probe_ranges(&steps->models[s], &steps->spaces[s]);
    for (unsigned i = 0; i < 3; i++)
        probe_lookup(&steps->spaces[s], page_va(draw_range(steps).first) + draw(steps, 2) % 8192);
    struct vmiter it;
    vmiter_init(&it, &steps->spaces[s], page_va(draw_range(steps).first));
    for (unsigned i = 0; i < 6; i++)
        probe_move(&it, (unsigned)below(steps, 256), page_va(draw_range(steps).first),
                   draw_range(steps).pages << 11);
    steps->done++;
    return true;
}

void steps_end(struct steps *steps)
{
    for (unsigned s = 0; s < 2; s++)
        paging_free(&steps->spaces[s], 0, 511);
    CHECK(steps->memory.live == 0, "%u table pages leaked", steps->memory.live);
    memory_close(&steps->memory);
}
