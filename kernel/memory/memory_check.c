/* See memory_check.h. Expected counts are kept in the frames themselves (owner_data, which only slabs use otherwise), so the check needs no memory. */
#include "kernel/memory/memory_check.h"

#include <asm/errno.h>
#include <stdarg.h>

#include "kernel/cpu/cpus.h"
#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/clock.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"
#include "kernel/memory/standstill.h"
#include "kernel/memory/survey.h"

#define REPORTS_MAX  16 /* lines; more are only counted */

/* Looks at what another CPU may be in the middle of, and the time it gets in between. */
#define RACING_TRIES 8
#define RACING_DELAY UINT64_C(500000)

static struct {
    unsigned violations;
    bool silent;
    struct address_space *space;
    uint64_t resident, mapped; /* of `space` */
    vaddr_t region_end;
    uint64_t free_listed;
} check;

static void violation(const char *format, ...) printf_like(1, 2);
static void violation(const char *format, ...)
{
    va_list arguments;

    if (check.violations++ >= REPORTS_MAX || check.silent)
        return;
    va_start(arguments, format);
    log_vline(LOG_ERROR, format, arguments);
    va_end(arguments);
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
        violation("memory: space %p counts %lu pages, its tables hold %lu", (void *)check.space,
                  check.space->pages_resident, check.resident);
    if (check.space->pages_mapped != check.mapped)
        violation("memory: space %p counts %lu mapped pages, its regions hold %lu", (void *)check.space,
                  check.space->pages_mapped, check.mapped);
    check.space = NULL;
}

static void table_check(struct survey *survey, struct address_space *space, paddr_t table, unsigned level)
{
    struct frame *frame = frame_lookup(table);

    (void)survey;
    if (space != check.space) {
        space_finish();
        check.space = space;
        check.resident = check.mapped = 0;
        check.region_end = 0;
    }
    if (frame == NULL)
        return; /* one of the loader's, in RAM not taken into use yet */
    if (frame->owner != FRAME_TABLE && frame->owner != FRAME_KERNEL)
        violation("memory: level-%u table %#lx is owned as %s", level, table, frame_owner_name(frame->owner));
    else
        ++*expected(frame);
}

static void region_check(struct survey *survey, struct address_space *space, struct region *region)
{
    (void)survey;
    if (region->start >= region->end || PAGEOFFSET(region->start | region->end) != 0 ||
        region->start < check.region_end || region->end > USER_END)
        violation("memory: space %p: region %#lx-%#lx is empty, misaligned or overlaps", (void *)space,
                  region->start, region->end);
    check.region_end = region->end;
    check.mapped += (region->end - region->start) / PAGE_SIZE;
}

static void rights_check(struct region *region, vaddr_t va, pte_t entry, struct frame *frame)
{
    if (leaf_parked(entry)) {
        if (region->protection != 0)
            violation("memory: %#lx is parked in a region that may be used", va);
        return;
    }
    if (entry & PTE_W && !(region->protection & REGION_WRITE))
        violation("memory: %#lx is writable, its region is not", va);
    if (!(entry & PTE_NX) && kernel_paging.nx && !(region->protection & REGION_EXEC))
        violation("memory: %#lx is executable, its region is not", va);
    if (entry & PTE_W && !(entry & PTE_NX) && kernel_paging.nx)
        violation("memory: %#lx is writable and executable", va);
    if (entry & PTE_W && !(region->flags & REGION_SHARED) &&
        (frame == zero_frame || frame->count != 1 || frame->owner != FRAME_ANONYMOUS))
        violation("memory: %#lx is writable, but its %s frame %#lx is used %u times", va,
                  frame_owner_name(frame->owner), frame_pa(frame), frame->count);
}

static void page_check(struct survey *survey, struct address_space *space, struct region *region, vaddr_t va,
                       pte_t entry, uint64_t size)
{
    struct frame *frame = frame_lookup(entry & leaf_address_mask(size));

    (void)survey;
    (void)space;
    check.resident += size / PAGE_SIZE;
    if (frame == NULL ||
        (frame->owner != FRAME_ANONYMOUS && frame->owner != FRAME_SHARED && frame->owner != FRAME_FILE)) {
        violation("memory: %#lx maps %#lx, which is %s", va, entry & PTE_ADDRESS_MASK,
                  frame ? frame_owner_name(frame->owner) : "no frame");
        return;
    }
    if (region == NULL)
        violation("memory: %#lx is mapped, but in no region", va);
    else
        rights_check(region, va, entry, frame);
    if (frame != zero_frame)
        ++*expected(frame);
}

static void shared_check(struct survey *survey, struct frame *frame)
{
    (void)survey;
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
        violation("memory: slab %#lx has %u free and %u used objects of %u", frame_pa(slab), free,
                  slab->count - 1, heap_slab_objects(slab));
}

static void chunk_check(struct frame *first, uint64_t count, void *context)
{
    (void)context;
    for (struct frame *frame = first; frame < first + count; frame++) {
        if (frame->owner == FRAME_RESERVED)
            continue;
        if (frame->owner == FRAME_FREE) {
            if (frame->count != 0)
                violation("memory: free frame %#lx is used %u times", frame_pa(frame), frame->count);
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
                violation("memory: %s frame %#lx counts %u references, %lu exist%s",
                          frame_owner_name(frame->owner), frame_pa(frame), frame->count, wanted,
                          wanted == 0 ? ": leaked" : "");
            *expected(frame) = 0;
        }
    }
}

/* One check, with all other CPUs standing still. -EAGAIN: somebody is in the middle of a change, or checks too. */
static int check_once(bool silent)
{
    struct survey survey = {
        .table = table_check, .region = region_check, .page = page_check, .shared = shared_check};
    struct frame_statistics frames;
    bool enabled = interrupts_disable();

    if (!standstill_begin()) {
        interrupts_restore(enabled);
        return -EAGAIN;
    }
    check.violations = 0;
    check.silent = silent;
    check.space = NULL;
    check.free_listed = 0;
    frame_each_chunk(chunk_clear, NULL);
    bool quiet = survey_spaces(&survey);
    if (quiet) {
        space_finish();
        frame_each_chunk(chunk_check, NULL);
        frame_statistics(&frames);
        if (check.free_listed + frames.untouched != frames.free)
            violation("memory: %lu frames are free, %lu are in the lists", frames.free - frames.untouched,
                      check.free_listed);
        if (frame_zeroed_wrong() != 0)
            violation("memory: %lu words of frames that were cleared ahead are not 0", frame_zeroed_wrong());
        check.violations += paging_check(&kernel_paging, NULL, NULL);
    }
    int violations = (int)check.violations;
    standstill_end();
    interrupts_restore(enabled);
    return quiet ? violations : -EAGAIN;
}

/* Another CPU that was stopped between two steps without a lock, a table made but not linked yet, is no violation: what is, stays. */
int memory_check(void)
{
    unsigned tries = cpu_count_now() > 1 ? RACING_TRIES : 1;
    int violations = 0;

    while (tries-- > 0) {
        violations = check_once(tries > 0);
        if (violations <= 0)
            return violations;
        if (tries > 0)
            clock_delay(RACING_DELAY);
    }
    if (violations > REPORTS_MAX)
        log_error("memory: %d violations in all", violations);
    return violations;
}
