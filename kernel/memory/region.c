/* See region.h. A red-black tree by start address. */
#include "kernel/memory/region.h"

#include <asm/errno.h>

#include "kernel/memory/heap.h"

static int region_compare(const struct region *left, const struct region *right)
{
    return left->start < right->start ? -1 : left->start > right->start;
}

RB_GENERATE_STATIC(region_tree, region, node, region_compare)

struct region *region_find_from(struct region_tree *tree, vaddr_t va)
{
    struct region *found = NULL;

    for (struct region *at = RB_ROOT(tree); at != NULL;) {
        if (va < at->end) {
            found = at;
            at = RB_LEFT(at, node);
        } else {
            at = RB_RIGHT(at, node);
        }
    }
    return found;
}

struct region *region_find(struct region_tree *tree, vaddr_t va)
{
    struct region *region = region_find_from(tree, va);
    return region != NULL && region->start <= va ? region : NULL;
}

struct region *region_next(struct region *region)
{
    return region_tree_RB_NEXT(region);
}

struct region *region_previous(struct region *region)
{
    return region_tree_RB_PREV(region);
}

/* `right` goes on where `left` ends, with the same properties. */
static bool regions_fit(const struct region *left, const struct region *right)
{
    return left->end == right->start && left->protection == right->protection &&
           left->flags == right->flags && left->backing == right->backing && left->name == right->name &&
           (left->backing == NULL || left->offset + (left->end - left->start) == right->offset);
}

void region_remove(struct region_tree *tree, struct region *region)
{
    RB_REMOVE(region_tree, tree, region);
    if (region->backing != NULL)
        backing_put(region->backing);
    heap_free(region);
}

struct region *region_merge(struct region_tree *tree, struct region *region)
{
    struct region *before = region_previous(region);

    if (before == NULL || !regions_fit(before, region))
        return region;
    before->end = region->end;
    region_remove(tree, region);
    return before;
}

struct region *region_insert_apart(struct region_tree *tree, const struct region *properties)
{
    struct region *region = heap_alloc(sizeof(*region));

    if (region == NULL)
        return NULL;
    *region = *properties;
    if (region->backing != NULL)
        backing_get(region->backing);
    RB_INSERT(region_tree, tree, region);
    return region;
}

void region_merge_both(struct region_tree *tree, struct region *region)
{
    region = region_merge(tree, region);
    struct region *after = region_next(region);
    if (after != NULL)
        region_merge(tree, after);
}

int region_insert(struct region_tree *tree, const struct region *properties)
{
    struct region *region = region_insert_apart(tree, properties);

    if (region == NULL)
        return -ENOMEM;
    region_merge_both(tree, region);
    return 0;
}

int region_split_at(struct region_tree *tree, vaddr_t va)
{
    struct region *region = region_find(tree, va);

    if (region == NULL || region->start == va)
        return 0;
    struct region *upper = heap_alloc(sizeof(*upper));
    if (upper == NULL)
        return -ENOMEM;
    *upper = *region;
    upper->start = va;
    upper->offset += va - region->start;
    region->end = va;
    if (upper->backing != NULL)
        backing_get(upper->backing);
    RB_INSERT(region_tree, tree, upper);
    return 0;
}

vaddr_t region_find_gap(struct region_tree *tree, vaddr_t low, vaddr_t high, uint64_t size)
{
    struct region *above = region_find_from(tree, high);
    /* The last region that begins below `high`. */
    struct region *below = above == NULL         ? RB_MAX(region_tree, tree)
                           : above->start < high ? above
                                                 : region_previous(above);

    while (below != NULL && below->end > low) {
        if (below->end < high && high - below->end >= size)
            return high - size;
        if (below->start < high)
            high = below->start;
        below = region_previous(below);
    }
    return high > low && high - low >= size ? high - size : 0;
}

bool region_range_free(struct region_tree *tree, vaddr_t start, vaddr_t end)
{
    struct region *region = region_find_from(tree, start);
    return region == NULL || region->start >= end;
}
