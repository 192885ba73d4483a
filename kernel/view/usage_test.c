/* What memory_check() finds wrong is what the viewer marks: faults planted on purpose, and taken back. Which processes it lists. */
#include "kernel/debug/selftest.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/space_internal.h"
#include "kernel/view/cell.h"
#include "kernel/view/page.h"

#define AT             UINT64_C(0x10000000)
#define RED_ON_WHITE   0xf4
#define BLACK_ON_WHITE 0xf0
#define CYAN_ON_BLACK  0x03

/* What the viewer and memory_check() make of memory as it is now. */
struct verdict {
    struct view_cell cell; /* of the page at `pa` */
    unsigned errors, leaked;
    int violations;
    bool told; /* a line of the viewer's is this one, or begins so */
};

static bool verdict_take(paddr_t pa, const char *told, struct verdict *verdict)
{
    struct usage *usage = usage_gather(0, 0);

    if (usage == NULL)
        return false;
    verdict->cell = view_cell_physical(usage, pa, VIEW_OWNER);
    verdict->errors = usage->error_count;
    verdict->leaked = (unsigned)usage->leaked;
    verdict->told = false;
    for (unsigned i = 0; i < usage->error_count && i < USAGE_ERRORS_MAX; i++)
        verdict->told |= strncmp(usage->errors[i], told, strlen(told)) == 0;
    usage_free(usage);
    verdict->violations = memory_check();
    return true;
}

/* Nothing is wrong before and after. */
static bool clean(void)
{
    struct verdict verdict;

    return verdict_take(0, "", &verdict) && verdict.errors == 0 && verdict.violations == 0;
}

SELFTEST(viewer_marks_a_leaked_page)
{
    struct verdict verdict;

    CHECK(clean());
    struct frame *frame = frame_alloc(FRAME_ANONYMOUS);
    CHECK(frame != NULL);
    bool done = verdict_take(frame_pa(frame), "anonymous frame", &verdict);
    frame_put(frame);
    CHECK(done);
    CHECK_EQ(verdict.leaked, 1);
    CHECK_EQ(verdict.errors, 1);
    CHECK_EQ(verdict.violations, 1);
    CHECK(verdict.told);
    CHECK_EQ(verdict.cell.letter, 'L');
    CHECK_EQ(verdict.cell.attribute, CYAN_ON_BLACK);
    CHECK(clean());
}

/* A space with one writable page; NULL: no memory. */
static struct address_space *space_with_page(struct frame **frame)
{
    struct region properties = {.protection = REGION_READ | REGION_WRITE};
    struct address_space *space = space_create();
    struct vmiter it;
    vaddr_t where;

    if (space == NULL || space_map(space, AT, PAGE_SIZE, SPACE_FIXED, &properties, &where) != 0 ||
        space_fault(space, AT, REGION_WRITE) != SPACE_FAULT_DONE)
        return NULL;
    vmiter_init(&it, &space->paging, AT);
    *frame = leaf_frame(&it, pte_read(it.entry));
    return space;
}

SELFTEST(viewer_marks_a_wrong_count)
{
    struct frame *frame;
    struct address_space *space = space_with_page(&frame);
    struct verdict verdict;

    CHECK(space != NULL);
    frame_get(frame);
    bool done = verdict_take(frame_pa(frame), "anonymous frame", &verdict);
    frame_put(frame);
    space_put(space);
    CHECK(done && verdict.told);
    CHECK_EQ(verdict.leaked, 0);
    CHECK_EQ(verdict.errors, verdict.violations);
    CHECK_EQ(verdict.cell.letter, '*');
    CHECK_EQ(verdict.cell.attribute, RED_ON_WHITE);
    CHECK(clean());
}

/* As if the page had another owner than it has. */
static bool verdict_with_owner(enum frame_owner owner, uint32_t count, struct verdict *verdict)
{
    struct frame *frame;
    struct address_space *space = space_with_page(&frame);

    if (space == NULL)
        return false;
    uint8_t owner_before = frame->owner;
    uint32_t count_before = frame->count;
    frame->owner = (uint8_t)owner;
    frame->count = count;
    bool done = verdict_take(frame_pa(frame), "0x10000000 maps", verdict);
    frame->owner = owner_before;
    frame->count = count_before;
    space_put(space);
    return done;
}

SELFTEST(viewer_marks_a_freed_page_that_is_mapped)
{
    struct verdict verdict;

    CHECK(verdict_with_owner(FRAME_FREE, 0, &verdict));
    CHECK(verdict.told);
    CHECK_EQ(verdict.errors, verdict.violations);
    CHECK_EQ(verdict.cell.attribute, BLACK_ON_WHITE);
    CHECK(clean());
}

SELFTEST(viewer_marks_a_page_of_the_kernel_that_users_may_use)
{
    struct verdict verdict;

    CHECK(verdict_with_owner(FRAME_KERNEL, 1, &verdict));
    CHECK(verdict.told);
    CHECK_EQ(verdict.errors, verdict.violations);
    CHECK_EQ(verdict.cell.letter, '*');
    CHECK_EQ(verdict.cell.attribute, RED_ON_WHITE);
    CHECK(clean());
}

/* Processes 1 to `count`, with so many regions each: which is the first in the list when `pid` is chosen? */
static int first_listed(unsigned count, unsigned regions, int pid)
{
    static uint16_t cells[VIEW_ROWS_MIN * VIEW_COLUMNS_MIN];
    static struct usage_region region[VIEW_ROWS_MIN];
    static struct usage_process process[VIEW_ROWS_MIN];
    static struct usage usage;
    struct view_grid grid = {.rows = VIEW_ROWS_MIN, .columns = VIEW_COLUMNS_MIN, .cells = cells};
    struct view_settings settings = VIEW_SETTINGS_DEFAULT;

    for (unsigned i = 0; i < count; i++)
        process[i] = (struct usage_process){
            .pid = (int)i + 1, .letter = (char)('1' + i), .regions = region, .region_count = regions};
    usage.processes = process;
    usage.process_count = count;
    settings.page = VIEW_PROCESSES;
    settings.pid = pid;
    view_draw(&usage, &settings, &grid);
    return (cells[VIEW_COLUMNS_MIN] & 0xff) - '0';
}

SELFTEST(view_lists_all_processes_that_fit)
{
    /* 22 rows: between the title, a row that stays free, and the one of errors. */
    CHECK_EQ(first_listed(2, 10, 1), 1);
    CHECK_EQ(first_listed(2, 10, 2), 1);
    CHECK_EQ(first_listed(3, 10, 1), 1);
    CHECK_EQ(first_listed(3, 10, 2), 2);
    CHECK_EQ(first_listed(3, 10, 3), 2);
}
