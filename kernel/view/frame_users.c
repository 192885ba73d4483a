/* See frame_users.h. The look allocates nothing: it writes into a table that was made before, and counts what did not fit for the next try. */
#include "kernel/view/frame_users.h"

#include <asm/errno.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/space_internal.h"
#include "kernel/memory/standstill.h"
#include "kernel/memory/survey.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"

/* One use of a frame, and what the frame was at that moment. `where` is an address, with USE_* in the bits below a page. */
struct use {
    uint64_t frame;
    uint64_t where;
    uint32_t count;   /* references to the frame */
    uint16_t process; /* index */
    uint8_t owner;
};

#define USE_WRITE    (1u << 0)
#define USE_EXECUTE  (1u << 1)
#define USE_PARKED   (1u << 2)
#define USE_LARGE    (1u << 3)
#define USE_SHARED   (1u << 4) /* of a shared region */
#define USE_PROMISED (1u << 5) /* of any region */
#define USE_TABLE    (1u << 6) /* `where` is the level instead of an address */
#define USE_FLAGS    UINT64_C(0xfff)

/* The page of zeroes, which nobody counts. */
#define OWNER_ZERO   FRAME_OWNERS

#define USES_FIRST   4096
#define USES_SLACK   256
#define USES_MAX     ((PAGE_SIZE << FRAME_ORDER_MAX) / sizeof(struct use))
#define SPACES_MAX   4096

struct named_space {
    struct address_space *space; /* a reference */
    int pid;
};

struct look {
    struct survey survey;
    struct frame_range range;
    struct named_space *named;
    unsigned named_count, named_room;
    unsigned last; /* index of the space that was found last */
    struct use *uses;
    uint64_t count, room; /* count: all there are */
};

static int space_visit_name(struct process *process, void *context)
{
    struct look *look = context;
    if (look->named_count == look->named_room)
        return 1;
    struct address_space *space = process_space_get(process);
    if (space == NULL)
        return 0;
    for (unsigned i = 0; i < look->named_count; i++) {
        if (look->named[i].space != space)
            continue;
        if (process->pid < look->named[i].pid)
            look->named[i].pid = process->pid;
        space_put(space); /* not the last: the other one is here */
        return 0;
    }
    look->named[look->named_count++] = (struct named_space){space, process->pid};
    return 0;
}

static void use_add(struct look *look, struct address_space *space, uint64_t number, uint64_t where)
{
    if (number < look->range.first || number > look->range.last)
        return;
    for (unsigned tries = 0; tries < look->named_count && look->named[look->last].space != space; tries++)
        look->last = (look->last + 1) % look->named_count;
    /* A space of no process is on its way out. */
    if (look->named_count == 0 || look->named[look->last].space != space)
        return;
    const struct frame *frame = frame_lookup(number * PAGE_SIZE);
    if (look->count < look->room)
        look->uses[look->count] = (struct use){
            .frame = number,
            .where = where,
            .count = frame != NULL ? frame->count : 0,
            .process = (uint16_t)look->last,
            .owner = frame == NULL                    ? FRAME_RESERVED
                     : frame->flags & FRAME_FLAG_ZERO ? OWNER_ZERO
                                                      : frame->owner,
        };
    look->count++;
}

static void table_look(struct survey *survey, struct address_space *space, paddr_t table, unsigned level)
{
    if (space != NULL)
        use_add((struct look *)survey, space, table / PAGE_SIZE, level * PAGE_SIZE | USE_TABLE);
}

static void page_look(struct survey *survey, struct address_space *space, const struct surveyed_page *page)
{
    const struct region *region = page->region;
    uint64_t flags = page->size > PAGE_SIZE ? USE_LARGE : 0;

    flags |= leaf_parked(page->entry) ? USE_PARKED : 0;
    flags |= page->entry & PTE_W ? USE_WRITE : 0;
    flags |= page->entry & PTE_NX ? 0 : USE_EXECUTE;
    flags |= region != NULL ? USE_PROMISED : 0;
    flags |= region != NULL && region->flags & REGION_SHARED ? USE_SHARED : 0;
    for (uint64_t at = 0; at < page->size; at += PAGE_SIZE)
        use_add((struct look *)survey, space, (page->pa + at) / PAGE_SIZE, (page->va + at) | flags);
}

/* Look once, at all spaces in one moment. */
static void look_now(struct look *look)
{
    bool quiet = false;

    while (!quiet) {
        bool enabled = interrupts_disable();
        look->count = 0;
        bool still = standstill_begin();
        if (still) {
            quiet = survey_spaces(&look->survey);
            standstill_end();
        }
        interrupts_restore(enabled);
        if (!quiet)
            scheduler_yield();
    }
}

/* false: there is no memory for so many. */
static bool look_all(struct look *look)
{
    look->room = USES_FIRST;
    for (;;) {
        look->uses = heap_alloc(look->room * sizeof(look->uses[0]));
        if (look->uses == NULL)
            return false;
        look_now(look);
        if (look->count <= look->room)
            return true;
        heap_free(look->uses);
        look->uses = NULL;
        look->room = look->count + USES_SLACK;
        if (look->room > USES_MAX)
            return false;
    }
}

static bool use_before(const struct use *a, const struct use *b)
{
    if (a->frame != b->frame)
        return a->frame < b->frame;
    return a->process != b->process ? a->process < b->process : a->where < b->where;
}

/* Let the use at `at` sink to its place in the heap of `count`. */
static void use_sink(struct use *uses, uint64_t at, uint64_t count)
{
    struct use sinking = uses[at];

    for (uint64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && use_before(&uses[child], &uses[child + 1]))
            child++;
        if (!use_before(&sinking, &uses[child]))
            break;
        uses[at] = uses[child];
    }
    uses[at] = sinking;
}

static void uses_sort(struct use *uses, uint64_t count)
{
    for (uint64_t i = count / 2; i-- > 0;)
        use_sink(uses, i, count);
    for (uint64_t last = count; last-- > 1;) {
        struct use largest = uses[0];
        uses[0] = uses[last];
        uses[last] = largest;
        use_sink(uses, 0, last);
    }
}

/* --- text --- */

static void use_text(const struct look *look, const struct use *use, struct text_buffer *text)
{
    uint64_t flags = use->where & USE_FLAGS, where = use->where & ~USE_FLAGS;
    int pid = look->named[use->process].pid;

    if (flags & USE_TABLE) {
        text_add(text, " %d table level %lu", pid, where / PAGE_SIZE);
        return;
    }
    text_add(text, " %d %#lx ", pid, where);
    if (flags & USE_PARKED)
        text_add(text, "parked");
    else
        text_add(text, "r%c%c%c", flags & USE_WRITE ? 'w' : '-', flags & USE_EXECUTE ? 'x' : '-',
                 !(flags & USE_PROMISED) ? '-'
                 : flags & USE_SHARED    ? 's'
                                         : 'p');
    if (flags & USE_LARGE)
        text_add(text, " 2M");
}

static void uses_text(const struct look *look, struct text_buffer *text)
{
    for (uint64_t i = 0; i < look->count; i++) {
        const struct use *use = &look->uses[i];
        bool first = i == 0 || use[-1].frame != use->frame;
        bool last = i + 1 == look->count || use[1].frame != use->frame;
        if (first)
            text_add(text, "%#lx %s %u:", use->frame,
                     use->owner == OWNER_ZERO ? "zero" : frame_owner_name(use->owner), use->count);
        use_text(look, use, text);
        text_add(text, last ? "\n" : ",");
    }
}

void frame_users_text(const struct frame_range *range, struct text_buffer *text)
{
    struct look look = {
        .survey = {.table = table_look, .page = page_look}, .range = *range, .named_room = SPACES_MAX};

    look.named = heap_alloc(look.named_room * sizeof(look.named[0]));
    if (look.named == NULL) {
        text->failed = true;
        return;
    }
    process_each(space_visit_name, &look);
    if (!look_all(&look)) {
        text->failed = true;
    } else {
        uses_sort(look.uses, look.count);
        uses_text(&look, text);
    }
    heap_free(look.uses);
    for (unsigned i = 0; i < look.named_count; i++)
        space_put(look.named[i].space);
    heap_free(look.named);
}

int frame_range_parse(struct frame_range *range, const char *text)
{
    struct frame_range parsed = FRAME_RANGE_ALL;
    const char *dash = strchr(text, '-');
    char number[24];
    int error = 0;

    if (strcmp(text, "all") != 0) {
        size_t length = dash != NULL ? (size_t)(dash - text) : strlen(text);
        if (length >= sizeof(number))
            return -EINVAL;
        memcpy(number, text, length);
        number[length] = '\0';
        error = number_parse(number, &parsed.first);
        parsed.last = parsed.first;
        if (error == 0 && dash != NULL)
            error = number_parse(dash + 1, &parsed.last);
    }
    if (error == 0)
        *range = parsed;
    return error;
}
