/* See memory_check.h. Expected counts are kept in the frames themselves (owner_data, which only slabs use otherwise), so the check needs no memory. */
#include "kernel/memory/memory_check.h"

#include <asm/errno.h>
#include <stdarg.h>

#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/format.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"
#include "kernel/memory/standstill.h"
#include "kernel/memory/survey.h"

#define REPORTS_MAX 16 /* lines; more are only counted */

#define LINE_MAX    160

static struct {
    struct memory_look *look;
    unsigned violations;
    struct address_space *space;
    uint64_t resident, mapped; /* of `space` */
    vaddr_t region_end;
    uint64_t free_listed;
} check;

/* `pa`: the page that it is about, or PADDR_NONE. */
static void violation(enum memory_wrong what, paddr_t pa, const char *format, ...) printf_like(3, 4);
static void violation(enum memory_wrong what, paddr_t pa, const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;

    check.violations++;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    check.look->wrong(check.look, what, pa, line);
}

static uint64_t *expected(struct frame *frame)
{
    return (uint64_t *)&frame->owner_data;
}

static bool counted(const struct frame *frame)
{
    return frame->owner != FRAME_HEAP && frame->owner != FRAME_FREE;
}

static void chunk_clear(struct frame *first, uint64_t count, void *context)
{
    (void)context;
    for (struct frame *frame = first; frame < first + count; frame++)
        /* Frames that do not exist share one read-only page of descriptions. */
        if (counted(frame) && frame->owner != FRAME_RESERVED)
            *expected(frame) = 0;
}

static void space_finish(void)
{
    if (check.space == NULL)
        return;
    if (check.space->pages_resident != check.resident)
        violation(MEMORY_WRONG_USE, PADDR_NONE, "space %p counts %lu pages, its tables hold %lu",
                  (void *)check.space, check.space->pages_resident, check.resident);
    if (check.space->pages_mapped != check.mapped)
        violation(MEMORY_WRONG_USE, PADDR_NONE, "space %p counts %lu mapped pages, its regions hold %lu",
                  (void *)check.space, check.space->pages_mapped, check.mapped);
    check.space = NULL;
}

static void table_check(struct survey *survey, struct address_space *space, paddr_t table, unsigned level)
{
    struct frame *frame = frame_lookup(table);

    (void)survey;
    if (check.look->survey.table != NULL)
        check.look->survey.table(&check.look->survey, space, table, level);
    if (space != check.space) {
        space_finish();
        check.space = space;
        check.resident = check.mapped = 0;
        check.region_end = 0;
    }
    if (frame == NULL)
        return; /* one of the loader's, in RAM not taken into use yet */
    if (frame->owner != FRAME_TABLE && frame->owner != FRAME_KERNEL)
        violation(MEMORY_WRONG_USE, table, "level-%u table %#lx is owned as %s", level, table,
                  frame_owner_name(frame->owner));
    else
        ++*expected(frame);
}

static void region_check(struct survey *survey, struct address_space *space, struct region *region)
{
    (void)survey;
    if (check.look->survey.region != NULL)
        check.look->survey.region(&check.look->survey, space, region);
    if (region->start >= region->end || PAGEOFFSET(region->start | region->end) != 0 ||
        region->start < check.region_end || region->end > USER_END)
        violation(MEMORY_WRONG_USE, PADDR_NONE, "space %p: region %#lx-%#lx is empty, misaligned or overlaps",
                  (void *)space, region->start, region->end);
    check.region_end = region->end;
    check.mapped += (region->end - region->start) / PAGE_SIZE;
}

static void rights_check(const struct surveyed_page *page, struct frame *frame)
{
    const struct region *region = page->region;
    pte_t entry = page->entry;

    if (leaf_parked(entry)) {
        if (region->protection != 0)
            violation(MEMORY_WRONG_USE, page->pa, "%#lx is parked in a region that may be used", page->va);
        return;
    }
    if (entry & PTE_W && !(region->protection & REGION_WRITE))
        violation(MEMORY_WRONG_USE, page->pa, "%#lx is writable, its region is not", page->va);
    if (!(entry & PTE_NX) && kernel_paging.nx && !(region->protection & REGION_EXEC))
        violation(MEMORY_WRONG_USE, page->pa, "%#lx is executable, its region is not", page->va);
    if (entry & PTE_W && !(entry & PTE_NX) && kernel_paging.nx)
        violation(MEMORY_WRONG_USE, page->pa, "%#lx is writable and executable", page->va);
    if (entry & PTE_W && !(region->flags & REGION_SHARED) &&
        (frame == zero_frame || frame->count != 1 || frame->owner != FRAME_ANONYMOUS))
        violation(MEMORY_WRONG_USE, page->pa, "%#lx is writable, but its %s frame %#lx is used %u times",
                  page->va, frame_owner_name(frame->owner), page->pa, frame->count);
}

static void page_check(struct survey *survey, struct address_space *space, const struct surveyed_page *page)
{
    struct frame *frame = frame_lookup(page->pa);

    (void)survey;
    check.resident += page->size / PAGE_SIZE;
    if (check.look->survey.page != NULL)
        check.look->survey.page(&check.look->survey, space, page);
    if (frame == NULL ||
        (frame->owner != FRAME_ANONYMOUS && frame->owner != FRAME_SHARED && frame->owner != FRAME_FILE)) {
        violation(frame != NULL && frame->owner == FRAME_FREE ? MEMORY_WRONG_FREED : MEMORY_WRONG_USE,
                  page->pa, "%#lx maps %#lx, which is %s", page->va, page->pa,
                  frame ? frame_owner_name(frame->owner) : "no frame");
        return;
    }
    if (page->region == NULL)
        violation(MEMORY_WRONG_USE, page->pa, "%#lx is mapped, but in no region", page->va);
    else
        rights_check(page, frame);
    if (frame != zero_frame)
        ++*expected(frame);
}

static void kernel_page_show(struct survey *survey, const struct surveyed_page *page)
{
    (void)survey;
    check.look->survey.kernel_page(&check.look->survey, page);
}

static void page_show_again(struct survey *survey, struct address_space *space,
                            const struct surveyed_page *page)
{
    (void)survey;
    check.look->page_again(check.look, space, page);
}

static void shared_check(struct survey *survey, struct frame *frame)
{
    (void)survey;
    if (check.look->survey.shared != NULL)
        check.look->survey.shared(&check.look->survey, frame);
    ++*expected(frame);
}

/* What holds frames besides tables: the kernel its own, archives their pages, one for the zero page. */
static uint64_t base_references(const struct frame *frame)
{
    if (frame->owner == FRAME_KERNEL || frame->owner == FRAME_RESERVED || frame->owner == FRAME_DEVICE)
        return 1;
    if (frame->owner == FRAME_FILE)
        return 1;
    return frame == zero_frame ? 1 : 0;
}

static void slab_check(const struct frame *slab)
{
    unsigned free = 0;

    if (!(slab->flags & FRAME_FLAG_SLAB))
        return;
    for (void **object = slab->owner_data; object != NULL && free <= PAGE_SIZE / 16; object = *object)
        free++;
    if (free + slab->count - 1 != heap_slab_objects(slab))
        violation(MEMORY_WRONG_USE, frame_pa(slab), "slab %#lx has %u free and %u used objects of %u",
                  frame_pa(slab), free, slab->count - 1, heap_slab_objects(slab));
}

static void chunk_check(struct frame *first, uint64_t count, void *context)
{
    (void)context;
    for (struct frame *frame = first; frame < first + count; frame++) {
        if (frame->owner == FRAME_RESERVED)
            continue;
        if (frame->owner == FRAME_FREE) {
            if (frame->count != 0)
                violation(MEMORY_WRONG_USE, frame_pa(frame), "free frame %#lx is used %u times",
                          frame_pa(frame), frame->count);
            check.free_listed += frame->flags & FRAME_FLAG_FREE_HEAD ? UINT64_C(1) << frame->order
                                 : frame->flags & FRAME_FLAG_CACHED  ? 1
                                                                     : 0;
        } else if (frame->owner == FRAME_HEAP) {
            slab_check(frame);
        } else if (!(frame->flags & FRAME_FLAG_TAIL)) {
            uint64_t wanted = *expected(frame) + base_references(frame);
            /* Tables of the loader are the kernel's: counted once, by the walk or as its own. */
            if (frame->owner == FRAME_KERNEL)
                wanted = 1;
            if (frame->count != wanted)
                violation(wanted == 0 ? MEMORY_WRONG_LEAKED : MEMORY_WRONG_USE, frame_pa(frame),
                          "%s frame %#lx counts %u references, %lu exist%s", frame_owner_name(frame->owner),
                          frame_pa(frame), frame->count, wanted, wanted == 0 ? ": leaked" : "");
            *expected(frame) = 0;
        }
    }
}

/* All spaces, and then all frames. false: some space is being changed. */
static bool everything_check(void)
{
    struct survey survey = {
        .table = table_check, .region = region_check, .page = page_check, .shared = shared_check};
    struct frame_statistics *frames = &check.look->frames;

    if (check.look->survey.kernel_page != NULL)
        survey.kernel_page = kernel_page_show;
    frame_each_chunk(chunk_clear, NULL);
    if (!survey_spaces(&survey))
        return false;
    space_finish();
    frame_each_chunk(chunk_check, NULL);
    frame_statistics(frames);
    if (check.free_listed + frames->untouched != frames->free)
        violation(MEMORY_WRONG_USE, PADDR_NONE, "%lu frames are free, %lu are in the lists",
                  frames->free - frames->untouched, check.free_listed);
    if (frame_zeroed_wrong() != 0)
        violation(MEMORY_WRONG_USE, PADDR_NONE, "%lu words of frames that were cleared ahead are not 0",
                  frame_zeroed_wrong());
    check.violations += paging_check(&kernel_paging, NULL, NULL);
    survey = (struct survey){.page = page_show_again};
    return check.look->page_again == NULL || survey_spaces(&survey);
}

/* All other CPUs stand still where their interrupts are on. What they were doing to a space they do under its mutex, to all else under a spinlock; so what is found wrong is wrong. */
int memory_look(struct memory_look *look)
{
    bool enabled = interrupts_disable();

    if (!standstill_begin()) {
        interrupts_restore(enabled);
        return -EAGAIN;
    }
    check.look = look;
    check.violations = 0;
    check.space = NULL;
    check.free_listed = 0;
    if (look->begin != NULL)
        look->begin(look);
    int result = everything_check() ? (int)check.violations : -EAGAIN;
    standstill_end();
    interrupts_restore(enabled);
    return result;
}

struct log_look {
    struct memory_look look;
    int lines;
};

static void violation_log(struct memory_look *look, enum memory_wrong what, paddr_t pa, const char *text)
{
    struct log_look *log = (struct log_look *)look;

    (void)what, (void)pa;
    if (log->lines++ < REPORTS_MAX)
        log_error("memory: %s", text);
}

int memory_check(void)
{
    struct log_look log = {.look = {.wrong = violation_log}};
    int violations = memory_look(&log.look);

    if (violations > REPORTS_MAX)
        log_error("memory: %d violations in all", violations);
    return violations;
}
