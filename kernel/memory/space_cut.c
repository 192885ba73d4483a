/* Cutting files short that are mapped somewhere. One at a time (MUTEX_CUT): spaces are marked with the pass that has met them. */
#include "kernel/memory/space_internal.h"

static struct mutex cutting;

void spaces_cut_start(void)
{
    mutex_init(&cutting, MUTEX_CUT, "cut of a file");
}

/* A reference to a space that is not ending already. */
static bool space_get_live(struct address_space *space)
{
    uint32_t references = __atomic_load_n(&space->references, __ATOMIC_RELAXED);

    while (references != 0)
        if (__atomic_compare_exchange_n(&space->references, &references, references + 1, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    return false;
}

/* The next space that this pass has not met, with a reference; NULL: all have been. */
static struct address_space *space_unvisited(uint64_t pass)
{
    struct address_space *space;

    spinlock_lock(&spaces_lock);
    LIST_FOREACH (space, &spaces, link)
        if (space->visited != pass && space_get_live(space))
            break;
    if (space != NULL)
        space->visited = pass;
    spinlock_unlock(&spaces_lock);
    return space;
}

static void region_cut(struct address_space *space, struct region *region, uint64_t size)
{
    uint64_t first = ROUND_UP(size, PAGE_SIZE);
    vaddr_t start = first > region->offset ? region->start + (first - region->offset) : region->start;

    if (start < region->end)
        space_pages_drop(space, start, region->end);
}

void spaces_cut_backing(bool (*of)(struct backing *backing, void *context), void *context, uint64_t size)
{
    static uint64_t passes;
    struct address_space *space;

    mutex_lock(&cutting);
    uint64_t pass = ++passes;
    while ((space = space_unvisited(pass)) != NULL) {
        mutex_lock(&space->mutex);
        struct region *region = region_find_from(&space->regions, 0);
        for (; region != NULL; region = region_next(region))
            if (region->backing != NULL && of(region->backing, context))
                region_cut(space, region, size);
        mutex_unlock(&space->mutex);
        space_put(space);
    }
    mutex_unlock(&cutting);
}
