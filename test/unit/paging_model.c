#include "test/unit/paging_model.h"

#include <string.h>

#define FLAG_ACCESSED UINT64_C(0x20)
#define FLAG_DIRTY    UINT64_C(0x40)
#define FLAG_GLOBAL   UINT64_C(0x100)

uint64_t model_flags(const struct machine *machine, uint64_t perm)
{
    uint64_t flags = perm;
    if (!machine->nx)
        flags &= ~(UINT64_C(1) << 63);
    if (!machine->global)
        flags &= ~FLAG_GLOBAL;
    if (!machine->pat) {
        /* What each PAT index of Quire becomes on a processor that has only the indexes 0 to 3. */
        static const uint64_t replacement[8] = {0, 1, 2, 3, 0, 3, 2, 3};
        uint64_t index = (perm >> 3 & 3) | (perm >> 12 & 1) << 2;
        flags &= ~(UINT64_C(3) << 3 | UINT64_C(1) << 12);
        flags |= replacement[index] << 3;
    }
    return flags;
}

static void model_insert(struct model *model, unsigned at, struct extent extent)
{
    CHECK(model->count < MODEL_EXTENTS, "the model is full");
    memmove(&model->extents[at + 1], &model->extents[at], (model->count - at) * sizeof extent);
    model->extents[at] = extent;
    model->count++;
}

static struct extent extent_part(struct extent extent, uint64_t skip, uint64_t pages)
{
    return (struct extent){extent.first + skip, pages, extent.frame + skip, extent.flags};
}

/* Let an extent begin at `page` if one holds it. The index of the first extent at or behind `page`. */
static unsigned model_cut(struct model *model, uint64_t page)
{
    unsigned i = 0;
    while (i < model->count && model->extents[i].first + model->extents[i].pages <= page)
        i++;
    if (i == model->count || model->extents[i].first >= page)
        return i;
    struct extent whole = model->extents[i];
    uint64_t head = page - whole.first;
    model->extents[i] = extent_part(whole, 0, head);
    model_insert(model, i + 1, extent_part(whole, head, whole.pages - head));
    return i + 1;
}

bool model_overlaps(const struct model *model, uint64_t first, uint64_t pages)
{
    for (unsigned i = 0; i < model->count; i++) {
        const struct extent *e = &model->extents[i];
        if (e->first < first + pages && first < e->first + e->pages)
            return true;
    }
    return false;
}

void model_remove(struct model *model, uint64_t first, uint64_t pages)
{
    unsigned from = model_cut(model, first), to = model_cut(model, first + pages);
    memmove(&model->extents[from], &model->extents[to], (model->count - to) * sizeof model->extents[0]);
    model->count -= to - from;
}

void model_set(struct model *model, uint64_t first, uint64_t pages, uint64_t frame, uint64_t flags)
{
    if (pages == 0)
        return;
    model_remove(model, first, pages);
    model_insert(model, model_cut(model, first), (struct extent){first, pages, frame, flags});
}

void model_change(struct model *model, uint64_t first, uint64_t pages, uint64_t clear, uint64_t set)
{
    unsigned from = model_cut(model, first), to = model_cut(model, first + pages);
    for (unsigned i = from; i < to; i++)
        model->extents[i].flags = (model->extents[i].flags & ~clear) | set;
}

const struct extent *model_find(const struct model *model, uint64_t page)
{
    for (unsigned i = 0; i < model->count; i++)
        if (page - model->extents[i].first < model->extents[i].pages)
            return &model->extents[i];
    return NULL;
}

/* Add an extent behind the last one, joining them when they continue each other. */
static void model_append(struct model *model, struct extent extent)
{
    if (model->count > 0) {
        struct extent *last = &model->extents[model->count - 1];
        if (last->first + last->pages == extent.first && last->frame + last->pages == extent.frame &&
            last->flags == extent.flags) {
            last->pages += extent.pages;
            return;
        }
    }
    model_insert(model, model->count, extent);
}

void model_normalize(struct model *model, uint64_t ignored)
{
    unsigned count = model->count;
    model->count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct extent extent = model->extents[i];
        extent.flags &= ~ignored;
        model_append(model, extent);
    }
}

static void model_add_leaf(void *context, uint64_t va, uint64_t size, uint64_t pa, uint64_t flags)
{
    model_append(context, (struct extent){va >> 12, size >> 12, pa >> 12, flags});
}

void model_check(const struct model *model, const struct paging *paging)
{
    static struct model expected, found;
    expected = *model;
    model_normalize(&expected, 0);
    found.count = 0;
    manual_enumerate(paging, model_add_leaf, &found);
    for (unsigned i = 0; i < expected.count || i < found.count; i++) {
        struct extent none = {0}, e = i < expected.count ? expected.extents[i] : none,
                      f = i < found.count ? found.extents[i] : none;
        CHECK(memcmp(&e, &f, sizeof e) == 0,
              "extent %u is page %#jx +%#jx -> %#jx flags %#jx; the model says %#jx +%#jx -> %#jx flags %#jx",
              i, (uintmax_t)f.first, (uintmax_t)f.pages, (uintmax_t)f.frame, (uintmax_t)f.flags,
              (uintmax_t)e.first, (uintmax_t)e.pages, (uintmax_t)e.frame, (uintmax_t)e.flags);
    }
}

static void check_covered(const struct paging_flush *flush, const struct extent *old, uint64_t first,
                          uint64_t end)
{
    uint64_t flush_end = flush->end == UINT64_MAX ? UINT64_C(1) << 52 : flush->end >> 12;
    CHECK(flush->start != flush->end && flush->start >> 12 <= first && end <= flush_end && flush->pages > 0,
          "pages %#jx to %#jx changed, the flush covers %#jx to %#jx", (uintmax_t)first, (uintmax_t)end,
          (uintmax_t)flush->start, (uintmax_t)flush->end);
    CHECK(flush->global || !(old->flags & FLAG_GLOBAL), "page %#jx was global", (uintmax_t)first);
}

void model_check_flush(const struct model *before, const struct model *after,
                       const struct paging_flush *flush)
{
    const uint64_t ignored = FLAG_ACCESSED | FLAG_DIRTY;
    for (unsigned i = 0; i < before->count; i++) {
        const struct extent *old = &before->extents[i];
        uint64_t page = old->first, end = old->first + old->pages;
        while (page < end) {
            /* The next stretch of `old` that has one fate. */
            uint64_t stop = end;
            bool same = false;
            for (unsigned j = 0; j < after->count; j++) {
                const struct extent *new = &after->extents[j];
                if (new->first > page &&new->first < stop)
                    stop = new->first;
                if (page - new->first >= new->pages)
                    continue;
                if (new->first + new->pages < stop)
                    stop = new->first + new->pages;
                same = page - new->first + new->frame == page - old->first + old->frame &&
                       ((new->flags ^ old->flags) & ~ignored) == 0;
            }
            if (!same)
                check_covered(flush, old, page, stop);
            page = stop;
        }
    }
}
