/* See page.h. */
#include "kernel/view/page.h"

#include "kernel/device/clock.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"
#include "paging/layout.h"

#define CELLS_PER_ROW    64
#define LABEL_COLUMN     3
#define CELLS_COLUMN     12
#define LINE_MAX         160

/* WeensyOS's page. */
#define PHYSICAL_TITLE   32
#define PHYSICAL_ROW     1
#define PHYSICAL_ROWS    8
#define VIRTUAL_TITLE    26
#define VIRTUAL_ROW      11
#define ERROR_ROW        23
#define LEGEND_ROW       24

#define TITLE_ATTRIBUTE  0x0f
#define LABEL_ATTRIBUTE  0x0f
#define TEXT_ATTRIBUTE   0x07
#define ERROR_ATTRIBUTE  0x0c
#define LEGEND_ATTRIBUTE 0x08

/* What six hexadecimal digits can tell. */
#define SHORT_LABEL_END  UINT64_C(0x1000000)

const char *view_page_name(enum view_page page)
{
    static const char *const names[VIEW_PAGES] = {"weensy", "physical", "processes"};

    return names[page];
}

static void cell_put(struct view_grid *grid, unsigned row, unsigned column, struct view_cell cell)
{
    if (row < grid->rows && column < grid->columns)
        grid->cells[row * grid->columns + column] = (uint16_t)(cell.attribute << 8 | (uint8_t)cell.letter);
}

void view_text(struct view_grid *grid, unsigned row, unsigned column, uint8_t attribute, const char *text)
{
    for (; *text != '\0' && column < grid->columns; text++, column++)
        cell_put(grid, row, column, (struct view_cell){*text, attribute});
}

static void text_put(struct view_grid *grid, unsigned row, unsigned column, uint8_t attribute,
                     const char *format, ...) printf_like(5, 6);

static void text_put(struct view_grid *grid, unsigned row, unsigned column, uint8_t attribute,
                     const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    view_text(grid, row, column, attribute, line);
}

static void label_put(struct view_grid *grid, unsigned row, uint64_t address)
{
    if (address < SHORT_LABEL_END)
        text_put(grid, row, LABEL_COLUMN, LABEL_ATTRIBUTE, "0x%06lX ", address);
    else
        text_put(grid, row, 0, LABEL_ATTRIBUTE, "%11lX ", address);
}

/* --- what is shown --- */

/* A page that a process has for itself: what it only maps of a file lies where the file is. */
static bool own_page(const struct usage_chunk *chunk, uint64_t index)
{
    const struct frame *frame = frame_lookup(chunk->base + index * PAGE_SIZE);

    return chunk->mark[index].process != 0 && frame != NULL && frame->owner != FRAME_FILE;
}

/* The window of 2 MiB that holds most pages that processes have for themselves: the lowest of them. */
paddr_t view_physical_start(const struct usage *usage, const struct view_settings *settings)
{
    uint64_t most = 0;
    paddr_t best = 0;

    if (!settings->automatic)
        return ROUND_DOWN(settings->physical, PAGE_SIZE);
    for (unsigned i = 0; i < usage->chunk_count; i++) {
        const struct usage_chunk *chunk = &usage->chunks[i];
        for (uint64_t window = 0; window < chunk->frames; window += PAGE_2M / PAGE_SIZE) {
            uint64_t count = 0;
            for (uint64_t j = window; j < window + PAGE_2M / PAGE_SIZE && j < chunk->frames; j++)
                count += own_page(chunk, j);
            if (count > most) {
                most = count;
                best = chunk->base + window * PAGE_SIZE;
            }
        }
    }
    return best;
}

const struct usage_process *view_process(const struct usage *usage, const struct view_settings *settings)
{
    const struct usage_process *wanted = usage_process_by_pid(usage, settings->pid);

    if (wanted != NULL)
        return wanted;
    for (unsigned i = 0; i < usage->process_count; i++)
        if (usage->processes[i].space != NULL)
            return &usage->processes[i];
    return NULL;
}

/* --- parts --- */

static void physical_draw(const struct usage *usage, enum view_lens lens, struct view_grid *grid,
                          unsigned row, unsigned rows, unsigned per_row, paddr_t start, uint64_t zoom)
{
    paddr_t end = start + rows * per_row * zoom;
    paddr_t memory_end = ROUND_UP(memory_kind_end(), zoom);

    for (paddr_t pa = start; pa < end; pa += zoom) {
        unsigned cell = (unsigned)((pa - start) / zoom);
        /* Beyond the last RAM there are devices with holes between them: of interest only where the zoom shows a page each. */
        if (zoom > PAGE_SIZE && pa >= memory_end)
            break;
        if (cell % per_row == 0)
            label_put(grid, row + cell / per_row, pa);
        cell_put(grid, row + cell / per_row, CELLS_COLUMN + cell % per_row,
                 view_cell_range(usage, pa, pa + zoom, lens));
    }
}

static void virtual_draw(const struct usage *usage, const struct usage_window *window, enum view_lens lens,
                         struct view_grid *grid, unsigned row)
{
    for (unsigned i = 0; i < USAGE_WINDOW_PAGES; i++) {
        if (i % CELLS_PER_ROW == 0)
            label_put(grid, row + i / CELLS_PER_ROW, window->start + i * PAGE_SIZE);
        cell_put(grid, row + i / CELLS_PER_ROW, CELLS_COLUMN + i % CELLS_PER_ROW,
                 view_cell_virtual(usage, window->page[i], lens));
    }
}

static void errors_draw(const struct usage *usage, struct view_grid *grid, unsigned row, unsigned rows)
{
    for (unsigned i = 0; i < rows && i < usage->error_count && i < USAGE_ERRORS_MAX; i++)
        view_text(grid, row + i, 0, ERROR_ATTRIBUTE, usage->errors[i]);
}

/* --- pages --- */

static void weensy_draw(const struct usage *usage, const struct view_settings *settings,
                        struct view_grid *grid)
{
    const struct usage_process *process = view_process(usage, settings);

    text_put(grid, 0, PHYSICAL_TITLE, TITLE_ATTRIBUTE, "PHYSICAL MEMORY                  @%lu",
             usage->time / (NANOSECONDS / 100));
    physical_draw(usage, settings->lens, grid, PHYSICAL_ROW, PHYSICAL_ROWS, CELLS_PER_ROW,
                  view_physical_start(usage, settings), PAGE_SIZE);
    if (process != NULL) {
        text_put(grid, VIRTUAL_ROW - 1, VIRTUAL_TITLE, TITLE_ATTRIBUTE, "VIRTUAL ADDRESS SPACE FOR %d (%s)%s",
                 process->pid, process->name, process->zombie ? " (ended)" : "");
        if (process->window != NULL)
            virtual_draw(usage, process->window, settings->lens, grid, VIRTUAL_ROW);
    }
    errors_draw(usage, grid, ERROR_ROW, 1);
    view_text(grid, LEGEND_ROW, 0, LEGEND_ATTRIBUTE, view_lens_legend(settings->lens));
}

static void summary_draw(const struct usage *usage, struct view_grid *grid, unsigned row)
{
    static const char *const short_names[FRAME_OWNERS] = {
        [FRAME_KERNEL] = "kernel",       [FRAME_HEAP] = "heap",  [FRAME_TABLE] = "tables",
        [FRAME_ANONYMOUS] = "anonymous", [FRAME_FILE] = "files", [FRAME_SHARED] = "shared",
    };
    char line[LINE_MAX];
    size_t length = 0;

    for (unsigned i = 0; i < FRAME_OWNERS && length < sizeof(line); i++)
        if (short_names[i] != NULL)
            length += (size_t)snprintf(line + length, sizeof(line) - length, "%s %lu  ", short_names[i],
                                       usage->look.frames.owned[i]);
    view_text(grid, row, 0, TEXT_ATTRIBUTE, line);
    text_put(grid, row + 1, 0, TEXT_ATTRIBUTE, "of %lu pages free %lu (untouched %lu)  leaked %lu  errors %u",
             usage->look.frames.total, usage->look.frames.free, usage->look.frames.untouched, usage->leaked,
             usage->error_count);
}

/* The whole grid but for the title above and four lines below. */
static void physical_page_draw(const struct usage *usage, const struct view_settings *settings,
                               struct view_grid *grid)
{
    const char *unit = settings->zoom == PAGE_1G ? "1 GiB" : settings->zoom == PAGE_2M ? "2 MiB" : "4 KiB";
    unsigned rows = grid->rows - 5;
    unsigned per_row = CELLS_PER_ROW;
    paddr_t start = settings->automatic ? 0 : ROUND_DOWN(settings->physical, settings->zoom);

    while (CELLS_COLUMN + per_row * 2 <= grid->columns)
        per_row *= 2;
    if (settings->automatic && settings->zoom == PAGE_SIZE)
        start = view_physical_start(usage, settings);
    text_put(grid, 0, CELLS_COLUMN, TITLE_ATTRIBUTE, "PHYSICAL MEMORY, %s A CELL, BY %s", unit,
             view_lens_name(settings->lens));
    physical_draw(usage, settings->lens, grid, 1, rows, per_row, start, settings->zoom);
    summary_draw(usage, grid, grid->rows - 4);
    errors_draw(usage, grid, grid->rows - 2, 1);
    view_text(grid, grid->rows - 1, 0, LEGEND_ATTRIBUTE, view_lens_legend(settings->lens));
}

static void region_line(const struct usage_region *region, struct view_grid *grid, unsigned row)
{
    text_put(grid, row, 2, TEXT_ATTRIBUTE, "%012lx-%012lx %c%c%c%c %-12s %7lu of %7lu", region->start,
             region->end, region->protection & REGION_READ ? 'r' : '-',
             region->protection & REGION_WRITE ? 'w' : '-', region->protection & REGION_EXEC ? 'x' : '-',
             region->flags & REGION_SHARED ? 's' : 'p',
             region->name != NULL    ? region->name
             : region->shared_memory ? "shared memory"
             : region->file          ? "file"
                                     : "anonymous",
             region->resident, (region->end - region->start) / PAGE_SIZE);
    if (grid->columns > VIEW_COLUMNS_MIN)
        text_put(grid, row, VIEW_COLUMNS_MIN, TEXT_ATTRIBUTE,
                 "%lu shared, %lu copy-on-write, %lu zero, %lu dirty", region->shared, region->copies,
                 region->zero, region->dirty);
}

/* The first to be listed: the one that was chosen, or one before it when the list would leave room; all of them, when they fit. */
static unsigned processes_first(const struct usage *usage, int pid, unsigned room)
{
    unsigned first = usage->process_count, lines = 0;

    while (first > 0) {
        const struct usage_process *process = &usage->processes[first - 1];
        lines += 1 + process->region_count;
        if (process->pid < pid && lines > room)
            break;
        first--;
    }
    return first;
}

static void processes_draw(const struct usage *usage, const struct view_settings *settings,
                           struct view_grid *grid)
{
    unsigned row = 1;
    unsigned last = grid->rows - 2;

    text_put(grid, 0, 2, TITLE_ATTRIBUTE, "PROCESSES: %u; pages resident of those promised, by region",
             usage->process_count);
    for (unsigned i = processes_first(usage, settings->pid, last - row);
         i < usage->process_count && row < last; i++) {
        const struct usage_process *process = &usage->processes[i];
        text_put(grid, row++, 0, TITLE_ATTRIBUTE,
                 "%c %5d %-15s %7lu resident (%lu shared) of %lu, %lu tables%s", process->letter,
                 process->pid, process->name, process->resident, process->shared, process->mapped,
                 process->tables, process->zombie ? ", ended" : "");
        for (unsigned j = 0; j < process->region_count && row < last; j++)
            region_line(&process->regions[j], grid, row++);
    }
    errors_draw(usage, grid, grid->rows - 1, 1);
}

void view_draw(const struct usage *usage, const struct view_settings *settings, struct view_grid *grid)
{
    for (unsigned i = 0; i < grid->rows * grid->columns; i++)
        grid->cells[i] = TEXT_ATTRIBUTE << 8 | ' ';
    switch (settings->page) {
    case VIEW_PHYSICAL:
        physical_page_draw(usage, settings, grid);
        break;
    case VIEW_PROCESSES:
        processes_draw(usage, settings, grid);
        break;
    default:
        weensy_draw(usage, settings, grid);
        break;
    }
}
