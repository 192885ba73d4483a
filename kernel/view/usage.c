/* See usage.h. While the look lasts nothing can be allocated: room is made before it, from what was needed last time, and after it turns out to have been too little the look is
 * taken again. */
#include "kernel/view/usage.h"

#include <asm/errno.h>

#include "kernel/device/clock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/space_internal.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"

/* The letters of processes, in order of their ids: those that mean something else are left out (C console, F file, K kernel, L leaked, R reserved, S shared, W
 * copy-on-write). */
static const char letters[] = "123456789ABDEGHIJMNOPQTUVXYZabcdefghijklmnopqrstuvwxyz";

/* How long to wait for a moment in which no address space is being changed, and how often to make more room. */
#define PATIENCE   UINT64_C(500000000)
#define LOOKS      4
#define SPARE      8 /* processes that may come meanwhile */
#define REGIONS    64
#define WINDOWS    128
#define WINDOW_ROW (64 * PAGE_SIZE)

/* Regions there were at the last look, atomic: a hint. */
static unsigned regions_last;

static struct usage *usage_of(struct memory_look *look)
{
    return (struct usage *)look;
}

static struct usage *survey_usage(struct survey *survey)
{
    return (struct usage *)survey;
}
_Static_assert(__builtin_offsetof(struct usage, look) == 0 &&
                   __builtin_offsetof(struct memory_look, survey) == 0,
               "the survey is the beginning of the look, which is the beginning of the usage");

/* --- marks --- */

static struct usage_mark *mark_find(const struct usage *usage, paddr_t pa)
{
    unsigned low = 0, high = usage->chunk_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct usage_chunk *chunk = &usage->chunks[middle];
        if (pa < chunk->base)
            high = middle;
        else if ((pa - chunk->base) / PAGE_SIZE >= chunk->frames)
            low = middle + 1;
        else
            return &chunk->mark[(pa - chunk->base) / PAGE_SIZE];
    }
    return NULL;
}

const struct usage_mark *usage_mark_at(const struct usage *usage, paddr_t pa)
{
    return mark_find(usage, pa);
}

static unsigned number_of(const struct usage *usage, const struct usage_process *process)
{
    return process != NULL ? (unsigned)(process - usage->processes) + 1 : 0;
}

/* --- processes --- */

/* Under the tree's lock. Kept in order of process id. */
static int process_add(struct process *process, void *context)
{
    struct usage *usage = context;
    unsigned at = usage->process_count;

    if (usage->process_count == usage->process_room) {
        usage->incomplete = true;
        return 1;
    }
    while (at > 0 && usage->processes[at - 1].pid > process->pid) {
        usage->processes[at] = usage->processes[at - 1];
        at--;
    }
    usage->processes[at] = (struct usage_process){
        .pid = process->pid,
        .letter = letters[(unsigned)(process->pid - 1) % (sizeof(letters) - 1)],
        .zombie = process->zombie,
        .space = process->space,
    };
    strlcpy(usage->processes[at].name, process->name, sizeof(usage->processes[at].name));
    usage->process_count++;
    return 0;
}

static void windows_give(struct usage *usage)
{
    unsigned first = 0;

    memset(usage->windows, 0, usage->window_room * sizeof(usage->windows[0]));
    if (usage->process_count > usage->window_room)
        while (first < usage->process_count - 1 && usage->processes[first].pid < usage->window_pid)
            first++;
    for (unsigned i = 0; i < usage->window_room && first + i < usage->process_count; i++) {
        usage->windows[i].start = ROUND_DOWN(usage->window_start, WINDOW_ROW);
        usage->processes[first + i].window = &usage->windows[i];
    }
}

static void look_begin(struct memory_look *look)
{
    struct usage *usage = usage_of(look);

    usage->time = clock_now();
    usage->process_count = usage->region_count = 0;
    usage->error_count = 0;
    usage->leaked = 0;
    usage->incomplete = false;
    usage->current = NULL;
    for (unsigned i = 0; i < usage->chunk_count; i++)
        memset(usage->chunks[i].mark, 0, usage->chunks[i].frames * sizeof(usage->chunks[i].mark[0]));
    usage->again = false;
    process_each(process_add, usage);
    windows_give(usage);
}

/* The process whose space it is; of several the first. NULL: one that is being made, or of the kernel's tests. */
static struct usage_process *process_with(struct usage *usage, const struct address_space *space)
{
    for (unsigned i = 0; i < usage->process_count; i++)
        if (usage->processes[i].space == space)
            return &usage->processes[i];
    return NULL;
}

/* The visits of a space follow one another. */
static struct usage_process *process_visited(struct usage *usage, const struct address_space *space)
{
    if (usage->current == NULL || usage->current->space != space) {
        usage->current = process_with(usage, space);
        usage->next_region = 0;
    }
    return usage->current;
}

const struct usage_process *usage_process_by_pid(const struct usage *usage, int pid)
{
    for (unsigned i = 0; i < usage->process_count; i++)
        if (usage->processes[i].pid == pid)
            return &usage->processes[i];
    return NULL;
}

/* --- what is visited --- */

static void table_visit(struct survey *survey, struct address_space *space, paddr_t table, unsigned level)
{
    struct usage *usage = survey_usage(survey);
    struct usage_process *process = space != NULL ? process_visited(usage, space) : NULL;
    struct usage_mark *mark = mark_find(usage, table);

    if (process != NULL)
        process->tables++;
    if (mark == NULL)
        return;
    mark->flags |= USAGE_TABLE | (space == NULL ? USAGE_KERNEL : 0);
    mark->mappings = level;
    if (mark->process == 0)
        mark->process = (uint16_t)number_of(usage, process);
}

static void region_visit(struct survey *survey, struct address_space *space, struct region *region)
{
    struct usage *usage = survey_usage(survey);
    struct usage_process *process = process_visited(usage, space);
    bool shared_memory = region->backing != NULL && region->backing->operations->each_frame != NULL;

    if (process == NULL)
        return;
    process->mapped += (region->end - region->start) / PAGE_SIZE;
    if (usage->region_count++ >= usage->region_room) {
        usage->incomplete = true;
        return;
    }
    if (process->region_count++ == 0) {
        process->regions = &usage->regions[usage->region_count - 1];
        if (usage->window_start == 0 && process->window != NULL)
            process->window->start = ROUND_DOWN(region->start, WINDOW_ROW);
    }
    usage->regions[usage->region_count - 1] = (struct usage_region){
        .start = region->start,
        .end = region->end,
        .protection = region->protection,
        .flags = region->flags,
        .name = region->name,
        .shared_memory = shared_memory,
        .file = region->backing != NULL && !shared_memory,
    };
}

static void shared_visit(struct survey *survey, struct frame *frame)
{
    struct usage_mark *mark = mark_find(survey_usage(survey), frame_pa(frame));

    if (mark != NULL)
        mark->flags |= USAGE_HELD;
}

static unsigned page_flags(const struct surveyed_page *page)
{
    unsigned flags = leaf_parked(page->entry) ? USAGE_PARKED : 0;

    flags |= page->perm & PTE_U ? USAGE_USER : 0;
    flags |= page->perm & PTE_W ? USAGE_WRITABLE : 0;
    flags |= page->perm & PTE_P && !(page->perm & PTE_NX) ? USAGE_EXECUTABLE : 0;
    flags |= page->perm & PTE_P && page->entry & PTE_A ? USAGE_ACCESSED : 0;
    flags |= page->perm & PTE_P && page->entry & PTE_D ? USAGE_DIRTY : 0;
    flags |= page->size == PAGE_2M ? USAGE_LARGE : page->size == PAGE_1G ? USAGE_HUGE : 0;
    if (page->region != NULL && page->region->protection & REGION_WRITE &&
        !(page->region->flags & REGION_SHARED) && !(page->perm & PTE_W))
        flags |= USAGE_COPIES;
    return flags;
}

static void frame_mark(struct usage *usage, unsigned number, paddr_t pa, unsigned flags, bool first)
{
    struct usage_mark *mark = mark_find(usage, pa);

    if (mark == NULL)
        return;
    mark->flags |= (uint16_t)flags;
    if (first && !(mark->flags & USAGE_TABLE))
        mark->mappings++;
    if (mark->process != 0 && mark->process != number)
        mark->flags |= USAGE_SHARED;
    else
        mark->process = (uint16_t)number;
}

static void window_mark(struct usage_window *window, const struct surveyed_page *page)
{
    uint64_t flags = USAGE_WINDOW_MAPPED | (page->perm & PTE_U ? USAGE_WINDOW_USER : 0);
    vaddr_t end = window->start + USAGE_WINDOW_PAGES * PAGE_SIZE;

    for (uint64_t offset = 0; offset < page->size; offset += PAGE_SIZE) {
        vaddr_t va = page->va + offset;
        if (va >= window->start && va < end)
            window->page[(va - window->start) / PAGE_SIZE] = (page->pa + offset) | flags;
    }
}

/* The region's record; NULL: the page is in none. Pages come in ascending order. */
static struct usage_region *region_of(struct usage *usage, struct usage_process *process, vaddr_t va)
{
    while (usage->next_region < process->region_count && process->regions[usage->next_region].end <= va)
        usage->next_region++;
    if (usage->next_region == process->region_count || process->regions[usage->next_region].start > va)
        return NULL;
    return &process->regions[usage->next_region];
}

static void region_count_page(struct usage_region *region, const struct surveyed_page *page, unsigned flags)
{
    uint64_t pages = page->size / PAGE_SIZE;
    const struct frame *frame = frame_lookup(page->pa);

    region->resident += pages;
    region->copies += flags & USAGE_COPIES ? pages : 0;
    region->dirty += flags & USAGE_DIRTY ? pages : 0;
    region->accessed += flags & USAGE_ACCESSED ? pages : 0;
    region->large += flags & (USAGE_LARGE | USAGE_HUGE) ? pages : 0;
    region->zero += frame != NULL && frame->flags & FRAME_FLAG_ZERO ? pages : 0;
}

static void page_visit(struct survey *survey, struct address_space *space, const struct surveyed_page *page)
{
    struct usage *usage = survey_usage(survey);
    struct usage_process *process = process_visited(usage, space);
    unsigned flags = page_flags(page);

    for (uint64_t offset = 0; offset < page->size; offset += PAGE_SIZE)
        frame_mark(usage, number_of(usage, process), page->pa + offset, flags, offset == 0);
    if (process == NULL)
        return;
    process->resident += page->size / PAGE_SIZE;
    if (process->window != NULL)
        window_mark(process->window, page);
    struct usage_region *region = region_of(usage, process, page->va);
    if (region != NULL)
        region_count_page(region, page, flags);
}

static void kernel_page_visit(struct survey *survey, const struct surveyed_page *page)
{
    for (uint64_t offset = 0; offset < page->size; offset += PAGE_SIZE) {
        struct usage_mark *mark = mark_find(survey_usage(survey), page->pa + offset);
        if (mark != NULL)
            mark->flags |= (uint16_t)(page_flags(page) | USAGE_KERNEL);
    }
}

/* Pages that other processes map too can be told only when all have been seen. */
static void page_visit_again(struct memory_look *look, struct address_space *space,
                             const struct surveyed_page *page)
{
    struct usage *usage = usage_of(look);
    const struct usage_mark *mark = mark_find(usage, page->pa);

    if (!usage->again)
        usage->current = NULL; /* begins with the first region */
    usage->again = true;
    struct usage_process *process = process_visited(usage, space);
    if (process == NULL)
        return;
    struct usage_region *region = region_of(usage, process, page->va);
    if (mark == NULL || !(mark->flags & USAGE_SHARED))
        return;
    process->shared += page->size / PAGE_SIZE;
    if (region != NULL)
        region->shared += page->size / PAGE_SIZE;
}

static void wrong_note(struct memory_look *look, enum memory_wrong what, paddr_t pa, const char *text)
{
    struct usage *usage = usage_of(look);
    struct usage_mark *mark = pa != PADDR_NONE ? mark_find(usage, pa) : NULL;

    if (mark != NULL)
        mark->flags |= (uint16_t)(what == MEMORY_WRONG_LEAKED  ? USAGE_LEAKED
                                  : what == MEMORY_WRONG_FREED ? USAGE_FREED
                                                               : USAGE_WRONG);
    usage->leaked += what == MEMORY_WRONG_LEAKED;
    if (usage->error_count++ < USAGE_ERRORS_MAX)
        strlcpy(usage->errors[usage->error_count - 1], text, USAGE_ERROR_SIZE);
}

/* --- room --- */

static void chunk_count(struct frame *first, uint64_t count, void *context)
{
    (void)first, (void)count;
    ++*(unsigned *)context;
}

static void chunk_add(struct frame *first, uint64_t count, void *context)
{
    struct usage *usage = context;
    struct usage_mark *mark =
        usage->chunk_count < usage->chunk_room ? heap_alloc(count * sizeof(*mark)) : NULL;

    if (mark != NULL)
        usage->chunks[usage->chunk_count++] =
            (struct usage_chunk){.base = frame_pa(first), .frames = count, .mark = mark};
}

static struct usage *usage_make(vaddr_t start, int pid)
{
    struct usage *usage = heap_alloc_zeroed(sizeof(*usage));
    unsigned chunks = 0;

    if (usage == NULL)
        return NULL;
    usage->look = (struct memory_look){
        .survey = {table_visit, region_visit, page_visit, kernel_page_visit, shared_visit},
        .begin = look_begin,
        .page_again = page_visit_again,
        .wrong = wrong_note,
    };
    usage->window_start = start;
    usage->window_pid = pid;
    frame_each_chunk(chunk_count, &chunks);
    usage->chunk_room = chunks;
    usage->process_room = process_count() + SPARE;
    usage->region_room = __atomic_load_n(&regions_last, __ATOMIC_RELAXED) + REGIONS;
    usage->chunks = heap_alloc_zeroed(usage->chunk_room * sizeof(usage->chunks[0]));
    usage->window_room = usage->process_room < WINDOWS ? usage->process_room : WINDOWS;
    usage->processes = heap_alloc(usage->process_room * sizeof(usage->processes[0]));
    usage->windows = heap_alloc(usage->window_room * sizeof(usage->windows[0]));
    usage->regions = heap_alloc(usage->region_room * sizeof(usage->regions[0]));
    if (usage->chunks != NULL)
        frame_each_chunk(chunk_add, usage);
    if (usage->chunk_count == chunks && usage->processes != NULL && usage->windows != NULL &&
        usage->regions != NULL)
        return usage;
    usage_free(usage);
    return NULL;
}

void usage_free(struct usage *usage)
{
    if (usage == NULL)
        return;
    for (unsigned i = 0; usage->chunks != NULL && i < usage->chunk_count; i++)
        heap_free(usage->chunks[i].mark);
    heap_free(usage->chunks);
    heap_free(usage->processes);
    heap_free(usage->windows);
    heap_free(usage->regions);
    heap_free(usage);
}

/* --- all of it --- */

/* Processes with the memory of another (vfork) show what that one has. */
static void borrowers_fill(struct usage *usage)
{
    for (unsigned i = 1; i < usage->process_count; i++) {
        struct usage_process *process = &usage->processes[i];
        const struct usage_process *owner =
            process->space != NULL ? process_with(usage, process->space) : process;
        if (owner == process)
            continue;
        process->regions = owner->regions;
        process->region_count = owner->region_count;
        process->window = owner->window;
        process->tables = owner->tables;
        process->resident = owner->resident;
        process->shared = owner->shared;
        process->mapped = owner->mapped;
    }
}

/* false: no quiet moment came. */
static bool usage_look(struct usage *usage)
{
    uint64_t patience = clock_now() + PATIENCE;
    int result;

    while ((result = memory_look(&usage->look)) == -EAGAIN && clock_now() < patience)
        scheduler_yield();
    if (result < 0)
        return false;
    __atomic_store_n(&regions_last, usage->region_count, __ATOMIC_RELAXED);
    borrowers_fill(usage);
    return true;
}

struct usage *usage_gather(vaddr_t start, int pid)
{
    struct usage *usage = NULL;

    for (unsigned looks = 0; looks < LOOKS && (usage == NULL || usage->incomplete); looks++) {
        usage_free(usage);
        usage = usage_make(start, pid);
        if (usage == NULL || usage_look(usage))
            continue;
        usage_free(usage);
        return NULL;
    }
    return usage;
}
