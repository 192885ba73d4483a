/* See survey.h. */
#include "kernel/memory/survey.h"

#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"
#include "paging/layout.h"
#include "paging/ptiter.h"

/* A new number for each survey, so that a backing knows whether this one has met it. */
static uint32_t survey_number;

static void survey_tables(struct survey *survey, struct address_space *space, struct paging *paging,
                          unsigned first, unsigned last)
{
    struct ptiter it;

    if (survey->table == NULL)
        return;
    for (ptiter_init(&it, paging, first, last); ptiter_active(&it); ptiter_next(&it))
        survey->table(survey, space, ptiter_table(&it), it.level);
    survey->table(survey, space, paging->root, paging->levels);
}

static void shared_visit(struct frame *frame, void *context)
{
    struct survey *survey = context;

    survey->shared(survey, frame);
}

static void survey_region(struct survey *survey, struct address_space *space, struct region *region)
{
    if (survey->region != NULL)
        survey->region(survey, space, region);
    if (survey->shared == NULL || region->backing == NULL || region->backing->surveyed == survey_number)
        return;
    region->backing->surveyed = survey_number;
    backing_each_frame(region->backing, shared_visit, survey);
}

/* false: nothing is there. */
static bool page_read(const struct vmiter *it, struct surveyed_page *page)
{
    pte_t entry = pte_read(it->entry);

    if (!(entry & PTE_P) && !leaf_parked(entry))
        return false;
    page->va = it->va;
    page->size = vmiter_size(it);
    page->pa = entry & leaf_address_mask(page->size);
    page->entry = entry;
    page->perm = vmiter_perm(it);
    return true;
}

static void survey_kernel_pages(struct survey *survey, vaddr_t start, vaddr_t end)
{
    struct surveyed_page page = {.region = NULL};
    struct vmiter it;

    for (vmiter_init(&it, &kernel_paging, start); it.va < end; vmiter_next(&it))
        if (page_read(&it, &page))
            survey->kernel_page(survey, &page);
}

static void survey_kernel(struct survey *survey)
{
    survey_tables(survey, NULL, &kernel_paging, kernel_space_first_index(), PAGING_TABLE_ENTRIES - 1);
    if (survey->kernel_page == NULL)
        return;
    survey_kernel_pages(survey, KERNEL_MAP_BASE, FRAME_MAP_BASE);
    survey_kernel_pages(survey, KERNEL_IMAGE_BASE, VMITER_END);
}

/* Pages are visited by the tables, not by the regions, so that one outside of every region is seen too. */
static void survey_pages(struct survey *survey, struct address_space *space)
{
    struct region *region = region_find_from(&space->regions, 0);
    struct surveyed_page page;
    struct vmiter it;

    for (vmiter_init(&it, &space->paging, 0); it.va < USER_END; vmiter_next(&it)) {
        if (!page_read(&it, &page))
            continue;
        while (region != NULL && region->end <= it.va)
            region = region_next(region);
        page.region = region != NULL && region->start <= it.va ? region : NULL;
        survey->page(survey, space, &page);
    }
}

static void survey_space(struct survey *survey, struct address_space *space)
{
    survey_tables(survey, space, &space->paging, 0, kernel_space_first_index() - 1);
    struct region *region = region_find_from(&space->regions, 0);
    for (; region != NULL; region = region_next(region))
        survey_region(survey, space, region);
    if (survey->page != NULL)
        survey_pages(survey, space);
}

bool survey_spaces(struct survey *survey)
{
    struct address_space *space;
    bool quiet = true;

    spinlock_lock(&spaces_lock);
    LIST_FOREACH (space, &spaces, link)
        quiet &= mutex_free(&space->mutex);
    if (quiet) {
        survey_number++;
        survey_kernel(survey);
        LIST_FOREACH (space, &spaces, link)
            survey_space(survey, space);
    }
    spinlock_unlock(&spaces_lock);
    return quiet;
}
