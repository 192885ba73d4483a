/* See usage.h. */
#include "kernel/view/usage.h"

#include "kernel/device/clock.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"

/* The letters of processes, in order of their ids: those that mean something else are left out (C console, F file, K kernel, L leaked, R reserved, S shared, W
 * copy-on-write). */
static const char letters[] = "123456789ABDEGHIJMNOPQTUVXYZabcdefghijklmnopqrstuvwxyz";

/* Gather again at most so often when something looks wrong: it may have changed under the look. */
#define LOOKS 3

/* --- arrays that grow --- */

/* Room for one more of `size` bytes; false when there is no memory. */
static bool array_grow(void **array, unsigned count, unsigned *room, size_t size)
{
    if (count < *room)
        return true;
    unsigned wanted = *room > 0 ? *room * 2 : 16;
    void *more = heap_alloc_zeroed(wanted * size);
    if (more == NULL)
        return false;
    memcpy(more, *array, count * size);
    heap_free(*array);
    *array = more;
    *room = wanted;
    return true;
}

/* --- marks --- */

static void chunk_add(struct frame *first, uint64_t count, void *context)
{
    struct usage *usage = context;

    if (!array_grow((void **)&usage->chunks, usage->chunk_count, &usage->chunk_room,
                    sizeof(usage->chunks[0]))) {
        usage->incomplete = true;
        return;
    }
    struct usage_chunk *chunk = &usage->chunks[usage->chunk_count];
    chunk->base = frame_pa(first);
    chunk->frames = count;
    chunk->mark = heap_alloc_zeroed(count * sizeof(chunk->mark[0]));
    if (chunk->mark == NULL)
        usage->incomplete = true;
    else
        usage->chunk_count++;
}

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

/* --- what is visited --- */

struct visit {
    struct usage *usage;
    struct usage_process *process; /* NULL: the kernel's half */
    unsigned number;               /* index + 1 */
};

static void table_visit(void *context, const struct visited_table *table)
{
    struct visit *visit = context;
    struct usage_mark *mark = mark_find(visit->usage, table->table);

    if (visit->process != NULL)
        visit->process->tables++;
    if (mark == NULL)
        return;
    mark->flags |= USAGE_TABLE | (visit->process == NULL ? USAGE_KERNEL : 0);
    mark->mappings = table->level;
    if (mark->process == 0)
        mark->process = (uint16_t)visit->number;
}

static unsigned page_flags(const struct visited_page *page)
{
    unsigned flags = page->parked ? USAGE_PARKED : 0;

    flags |= page->perm & PTE_U ? USAGE_USER : 0;
    flags |= page->perm & PTE_W ? USAGE_WRITABLE : 0;
    flags |= page->perm & PTE_P && !(page->perm & PTE_NX) ? USAGE_EXECUTABLE : 0;
    flags |= page->perm & PTE_A ? USAGE_ACCESSED : 0;
    flags |= page->perm & PTE_D ? USAGE_DIRTY : 0;
    flags |= page->size == PAGE_2M ? USAGE_LARGE : page->size == PAGE_1G ? USAGE_HUGE : 0;
    if (page->region != NULL && page->region->protection & REGION_WRITE &&
        !(page->region->flags & REGION_SHARED) && !(page->perm & PTE_W))
        flags |= USAGE_COPIES;
    return flags;
}

static void mark_page(struct visit *visit, paddr_t pa, unsigned flags, bool first)
{
    struct usage_mark *mark = mark_find(visit->usage, pa);

    if (mark == NULL)
        return;
    mark->flags |= (uint16_t)flags;
    if (visit->process == NULL) {
        mark->flags |= USAGE_KERNEL;
        return;
    }
    if (first && !(mark->flags & USAGE_TABLE))
        mark->mappings++;
    if (mark->process != 0 && mark->process != visit->number)
        mark->flags |= USAGE_SHARED;
    else
        mark->process = (uint16_t)visit->number;
}

static void region_count_page(struct usage_region *region, const struct visited_page *page, unsigned flags)
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

static void error_add(struct usage *usage, const char *format, ...) printf_like(2, 3);

static void error_add(struct usage *usage, const char *format, ...)
{
    va_list arguments;

    if (usage->error_count++ >= USAGE_ERRORS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(usage->errors[usage->error_count - 1], USAGE_ERROR_SIZE, format, arguments);
    va_end(arguments);
}

static void page_visit(void *context, const struct visited_page *page)
{
    struct visit *visit = context;
    struct usage_process *process = visit->process;
    unsigned flags = page_flags(page);

    for (paddr_t pa = page->pa; pa < page->pa + page->size; pa += PAGE_SIZE)
        mark_page(visit, pa, flags, pa == page->pa);
    if (process == NULL)
        return;
    process->resident += page->size / PAGE_SIZE;
    if ((flags & (USAGE_WRITABLE | USAGE_EXECUTABLE)) == (USAGE_WRITABLE | USAGE_EXECUTABLE))
        error_add(visit->usage, "process %d: %#lx is writable and executable", process->pid, page->va);
    if (page->region == NULL)
        error_add(visit->usage, "process %d: %#lx is mapped outside every region", process->pid, page->va);
    else if (process->region_count > 0)
        region_count_page(&process->regions[process->region_count - 1], page, flags);
}

static void held_visit(struct frame *frame, void *context)
{
    struct usage_mark *mark = mark_find(context, frame_pa(frame));

    if (mark != NULL)
        mark->flags |= USAGE_HELD;
}

static void region_visit(void *context, const struct region *region)
{
    struct visit *visit = context;
    struct usage_process *process = visit->process;

    process->mapped += (region->end - region->start) / PAGE_SIZE;
    bool shared_memory = region->backing != NULL && region->backing->operations->each_frame != NULL;
    if (shared_memory)
        backing_each_frame(region->backing, held_visit, visit->usage);
    if (!array_grow((void **)&process->regions, process->region_count, &process->region_room,
                    sizeof(process->regions[0]))) {
        visit->usage->incomplete = true;
        return;
    }
    process->regions[process->region_count++] = (struct usage_region){
        .start = region->start,
        .end = region->end,
        .protection = region->protection,
        .flags = region->flags,
        .name = region->name,
        .shared_memory = shared_memory,
        .file = region->backing != NULL && !shared_memory,
    };
}

/* --- processes --- */

static int process_count_visit(struct process *process, void *context)
{
    (void)process;
    ++*(unsigned *)context;
    return 0;
}

/* Under the tree's lock: no allocation. Kept in order of process id. */
static int process_visit(struct process *process, void *context)
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
        .space = process_space_get(process),
    };
    strlcpy(usage->processes[at].name, process->name, sizeof(usage->processes[at].name));
    usage->process_count++;
    return 0;
}

static void processes_gather(struct usage *usage)
{
    unsigned count = 0;

    process_each(process_count_visit, &count);
    usage->process_room = count + 8;
    usage->processes = heap_alloc_zeroed(usage->process_room * sizeof(usage->processes[0]));
    if (usage->processes == NULL) {
        usage->process_room = 0;
        usage->incomplete = true;
        return;
    }
    process_each(process_visit, usage);
}

const struct usage_process *usage_process_by_pid(const struct usage *usage, int pid)
{
    for (unsigned i = 0; i < usage->process_count; i++)
        if (usage->processes[i].pid == pid)
            return &usage->processes[i];
    return NULL;
}

/* --- what is wrong --- */

static bool owner_is_kernels(enum frame_owner owner)
{
    return owner == FRAME_KERNEL || owner == FRAME_HEAP || owner == FRAME_TABLE;
}

static int first_pid(const struct usage *usage, const struct usage_mark *mark)
{
    const struct usage_process *process = usage_process_of(usage, mark);

    return process != NULL ? process->pid : 0;
}

/* Does the frame's count agree with who was found to use it? Only where every user is known. */
static bool count_agrees(const struct frame *frame, const struct usage_mark *mark)
{
    uint32_t known = mark->mappings;

    if (frame->flags & (FRAME_FLAG_ZERO | FRAME_FLAG_TAIL))
        return true;
    if (frame->owner == FRAME_SHARED)
        known += mark->flags & USAGE_HELD ? 1 : 0;
    else if (frame->owner != FRAME_ANONYMOUS)
        return true;
    return known == __atomic_load_n(&frame->count, __ATOMIC_RELAXED);
}

static bool frame_leaked(const struct frame *frame, const struct usage_mark *mark)
{
    if (frame->flags & (FRAME_FLAG_ZERO | FRAME_FLAG_TAIL))
        return false;
    if (frame->owner == FRAME_TABLE)
        return !(mark->flags & USAGE_TABLE);
    if (frame->owner == FRAME_SHARED)
        return mark->mappings == 0 && !(mark->flags & USAGE_HELD);
    return frame->owner == FRAME_ANONYMOUS && mark->mappings == 0;
}

static void frame_judge(struct usage *usage, const struct frame *frame, struct usage_mark *mark)
{
    paddr_t pa = frame_pa(frame);

    usage->owned[frame->owner]++;
    if (mark->flags & USAGE_USER && frame->owner == FRAME_FREE) {
        mark->flags |= USAGE_FREED;
        error_add(usage, "freed page %#lx is mapped by process %d", pa, first_pid(usage, mark));
    } else if (mark->flags & USAGE_USER && owner_is_kernels(frame->owner)) {
        mark->flags |= USAGE_WRONG;
        error_add(usage, "%s page %#lx is accessible to process %d", frame_owner_name(frame->owner), pa,
                  first_pid(usage, mark));
    } else if (frame_leaked(frame, mark)) {
        mark->flags |= USAGE_LEAKED;
        usage->leaked++;
    } else if (!count_agrees(frame, mark)) {
        mark->flags |= USAGE_WRONG;
        error_add(usage, "page %#lx has an invalid reference count: %u, mapped %u times", pa, frame->count,
                  mark->mappings);
    }
}

static void frames_judge(struct usage *usage)
{
    for (unsigned i = 0; i < usage->chunk_count; i++) {
        struct usage_chunk *chunk = &usage->chunks[i];
        for (uint64_t j = 0; j < chunk->frames; j++)
            frame_judge(usage, frame_of(chunk->base + j * PAGE_SIZE), &chunk->mark[j]);
    }
}

/* Pages that other processes map too can be told only when all have been seen. */
struct shared_count {
    struct usage *usage;
    struct usage_process *process;
    unsigned region;
};

static void shared_visit(void *context, const struct visited_page *page)
{
    struct shared_count *count = context;
    const struct usage_mark *mark = mark_find(count->usage, page->pa);
    struct usage_process *process = count->process;

    while (count->region < process->region_count && process->regions[count->region].end <= page->va)
        count->region++;
    if (mark == NULL || !(mark->flags & USAGE_SHARED))
        return;
    process->shared += page->size / PAGE_SIZE;
    if (count->region < process->region_count && process->regions[count->region].start <= page->va)
        process->regions[count->region].shared += page->size / PAGE_SIZE;
}

/* --- all of it --- */

static struct usage *usage_look(void)
{
    struct usage *usage = heap_alloc_zeroed(sizeof(*usage));
    struct frame_statistics frames;

    if (usage == NULL)
        return NULL;
    usage->time = clock_now();
    frame_each_chunk(chunk_add, usage);
    processes_gather(usage);

    struct visit visit = {.usage = usage};
    struct space_visitor visitor = {.table = table_visit, .page = page_visit, .context = &visit};
    kernel_visit(&visitor);
    visitor.region = region_visit;
    for (unsigned i = 0; i < usage->process_count; i++) {
        visit.process = &usage->processes[i];
        visit.number = i + 1;
        if (visit.process->space != NULL)
            space_visit(visit.process->space, 0, USER_END, &visitor);
    }
    for (unsigned i = 0; i < usage->process_count; i++) {
        struct shared_count count = {usage, &usage->processes[i], 0};
        struct space_visitor again = {.page = shared_visit, .context = &count};
        if (usage->processes[i].space != NULL)
            space_visit(usage->processes[i].space, 0, USER_END, &again);
    }
    frames_judge(usage);
    frame_statistics(&frames);
    usage->total = frames.total;
    usage->free = frames.free;
    usage->untouched = frames.untouched;
    return usage;
}

struct usage *usage_gather(void)
{
    struct usage *usage = usage_look();

    for (unsigned looks = 1; looks < LOOKS && usage != NULL && usage->error_count + usage->leaked > 0;
         looks++) {
        usage_free(usage);
        usage = usage_look();
    }
    return usage;
}

void usage_free(struct usage *usage)
{
    if (usage == NULL)
        return;
    for (unsigned i = 0; i < usage->chunk_count; i++)
        heap_free(usage->chunks[i].mark);
    for (unsigned i = 0; i < usage->process_count; i++) {
        heap_free(usage->processes[i].regions);
        if (usage->processes[i].space != NULL)
            space_put(usage->processes[i].space);
    }
    heap_free(usage->chunks);
    heap_free(usage->processes);
    heap_free(usage);
}
