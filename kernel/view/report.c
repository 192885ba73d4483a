/* See report.h. */
#include "kernel/view/report.h"

#include <asm/errno.h>

#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

#define WORD_MAX 64

struct view_settings view_report_settings = {.zoom = PAGE_SIZE, .automatic = true};

/* --- text --- */

/* The CGA's colours in ANSI's order: red and blue change places. */
static unsigned ansi_colour(unsigned cga)
{
    return (cga & 2) | (cga & 1) << 2 | (cga & 4) >> 2;
}

static void colour_add(struct text_buffer *text, uint8_t attribute)
{
    unsigned foreground = attribute & 0xf, background = attribute >> 4;

    text_add(text, "\x1b[0;%u;%um", (foreground & 8 ? 90 : 30) + ansi_colour(foreground & 7),
             (background & 8 ? 100 : 40) + ansi_colour(background & 7));
}

static void row_add(struct text_buffer *text, const uint16_t *cells, unsigned columns, bool coloured)
{
    uint8_t attribute = 0x07;

    while (columns > 0 && (cells[columns - 1] & 0xff) == ' ' && cells[columns - 1] >> 12 == 0)
        columns--;
    for (unsigned i = 0; i < columns; i++) {
        char letter = (char)cells[i];
        if (coloured && cells[i] >> 8 != attribute) {
            attribute = (uint8_t)(cells[i] >> 8);
            colour_add(text, attribute);
        }
        text_add_bytes(text, &letter, 1);
    }
    text_add(text, coloured && attribute != 0x07 ? "\x1b[m\n" : "\n");
}

void view_report_text(const struct view_settings *settings, bool coloured, struct text_buffer *text)
{
    struct view_grid grid = {.rows = VIEW_ROWS_MIN, .columns = VIEW_COLUMNS_MIN};
    struct usage *usage = usage_gather(settings->virtual, settings->pid);

    grid.cells = heap_alloc(grid.rows * grid.columns * sizeof(grid.cells[0]));
    if (usage == NULL || grid.cells == NULL) {
        text->failed = true;
    } else {
        view_draw(usage, settings, &grid);
        for (unsigned row = 0; row < grid.rows; row++)
            row_add(text, grid.cells + row * grid.columns, grid.columns, coloured);
    }
    heap_free(grid.cells);
    usage_free(usage);
}

/* --- JSON --- */

#define WINDOW_ROWS   (USAGE_WINDOW_PAGES / ROW_CELLS)
#define PHYSICAL_ROWS 8
#define ROW_CELLS     64

struct window {
    struct view_cell cell[WINDOW_ROWS * ROW_CELLS];
    unsigned rows;
    uint64_t start;
    const struct usage *usage;
};

static void window_add(struct text_buffer *text, const struct window *window)
{
    char line[2 * ROW_CELLS + 1];

    text_add(text, "{\"start\": %lu, \"rows\": [", window->start);
    for (unsigned row = 0; row < window->rows; row++) {
        const struct view_cell *cells = &window->cell[row * ROW_CELLS];
        for (unsigned i = 0; i < ROW_CELLS; i++)
            line[i] = cells[i].letter;
        line[ROW_CELLS] = '\0';
        text_add(text, "%s\"%s\"", row > 0 ? ", " : "", line);
    }
    text_add(text, "], \"attributes\": [");
    for (unsigned row = 0; row < window->rows; row++) {
        for (unsigned i = 0; i < ROW_CELLS; i++)
            snprintf(line + 2 * i, 3, "%02x", window->cell[row * ROW_CELLS + i].attribute);
        text_add(text, "%s\"%s\"", row > 0 ? ", " : "", line);
    }
    text_add(text, "]}");
}

static void virtual_window_add(struct text_buffer *text, struct window *window,
                               const struct usage_process *process)
{
    if (process->window == NULL) {
        text_add(text, "null");
        return;
    }
    window->rows = WINDOW_ROWS;
    window->start = process->window->start;
    for (unsigned i = 0; i < window->rows * ROW_CELLS; i++)
        window->cell[i] = view_cell_virtual(window->usage, process->window->page[i], VIEW_OWNER);
    window_add(text, window);
}

static void regions_add(struct text_buffer *text, const struct usage_process *process)
{
    for (unsigned i = 0; i < process->region_count; i++) {
        const struct usage_region *region = &process->regions[i];
        text_add(
            text,
            "%s\n    {\"start\": %lu, \"end\": %lu, \"protection\": \"%c%c%c\", \"shared_mapping\": %s, ",
            i > 0 ? "," : "", region->start, region->end, region->protection & REGION_READ ? 'r' : '-',
            region->protection & REGION_WRITE ? 'w' : '-', region->protection & REGION_EXEC ? 'x' : '-',
            region->flags & REGION_SHARED ? "true" : "false");
        text_add(text, "\"backing\": \"%s\", \"name\": ",
                 region->shared_memory ? "shared memory"
                 : region->file        ? "file"
                                       : "anonymous");
        text_add_json(text, region->name != NULL ? region->name : "");
        text_add(
            text,
            ", \"resident\": %lu, \"shared\": %lu, \"copy_on_write\": %lu, \"zero\": %lu, \"dirty\": %lu, "
            "\"accessed\": %lu, \"large\": %lu}",
            region->resident, region->shared, region->copies, region->zero, region->dirty, region->accessed,
            region->large);
    }
}

static void process_add(struct text_buffer *text, struct window *window, const struct usage_process *process)
{
    text_add(text, "\n  {\"pid\": %d, \"letter\": \"%c\", \"name\": ", process->pid, process->letter);
    text_add_json(text, process->name);
    text_add(text,
             ", \"zombie\": %s, \"tables\": %lu, \"resident\": %lu, \"shared\": %lu, \"mapped\": %lu,\n",
             process->zombie ? "true" : "false", process->tables, process->resident, process->shared,
             process->mapped);
    text_add(text, "   \"regions\": [");
    regions_add(text, process);
    text_add(text, "],\n   \"virtual\": ");
    virtual_window_add(text, window, process);
    text_add(text, "}");
}

static void frames_add(struct text_buffer *text, const struct usage *usage)
{
    text_add(text, "\"frames\": {\"total\": %lu, \"free\": %lu, \"untouched\": %lu, \"leaked\": %lu",
             usage->look.frames.total, usage->look.frames.free, usage->look.frames.untouched, usage->leaked);
    for (unsigned i = FRAME_RESERVED; i < FRAME_OWNERS; i++) {
        text_add(text, ", ");
        text_add_json(text, frame_owner_name(i));
        text_add(text, ": %lu", usage->look.frames.owned[i]);
    }
    text_add(text, "},\n");
}

static void physical_window_add(struct text_buffer *text, struct window *window,
                                const struct view_settings *settings)
{
    window->rows = PHYSICAL_ROWS;
    window->start = view_physical_start(window->usage, settings);
    for (unsigned i = 0; i < window->rows * ROW_CELLS; i++)
        window->cell[i] = view_cell_physical(window->usage, window->start + i * PAGE_SIZE, settings->lens);
    window_add(text, window);
}

void view_report_json(const struct view_settings *settings, struct text_buffer *text)
{
    struct usage *usage = usage_gather(settings->virtual, settings->pid);
    struct window *window = heap_alloc_zeroed(sizeof(*window));

    if (usage == NULL || window == NULL) {
        text->failed = true;
        heap_free(window);
        usage_free(usage);
        return;
    }
    window->usage = usage;
    text_add(text, "{\"time\": %lu, \"incomplete\": %s,\n", usage->time,
             usage->incomplete ? "true" : "false");
    frames_add(text, usage);
    text_add(text, "\"error_count\": %u, \"errors\": [", usage->error_count);
    for (unsigned i = 0; i < usage->error_count && i < USAGE_ERRORS_MAX; i++) {
        text_add(text, i > 0 ? ", " : "");
        text_add_json(text, usage->errors[i]);
    }
    text_add(text, "],\n\"physical\": ");
    physical_window_add(text, window, settings);
    text_add(text, ",\n\"processes\": [");
    for (unsigned i = 0; i < usage->process_count; i++) {
        text_add(text, i > 0 ? "," : "");
        process_add(text, window, &usage->processes[i]);
    }
    text_add(text, "]}\n");
    heap_free(window);
    usage_free(usage);
}

/* --- settings --- */

static int name_find(const char *const *names, unsigned count, const char *wanted)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], wanted) == 0)
            return (int)i;
    return -EINVAL;
}

static int lens_parse(struct view_settings *settings, const char *value)
{
    for (unsigned i = 0; i < VIEW_LENSES; i++)
        if (strcmp(view_lens_name(i), value) == 0) {
            settings->lens = i;
            return 0;
        }
    return -EINVAL;
}

static int zoom_parse(struct view_settings *settings, const char *value)
{
    static const char *const names[] = {"4K", "2M", "1G"};
    static const uint64_t sizes[] = {PAGE_SIZE, PAGE_2M, PAGE_1G};
    int index = name_find(names, 3, value);

    if (index < 0)
        return index;
    settings->zoom = sizes[index];
    return 0;
}

static int page_parse(struct view_settings *settings, const char *value)
{
    for (unsigned i = 0; i < VIEW_PAGES; i++)
        if (strcmp(view_page_name(i), value) == 0) {
            settings->page = i;
            return 0;
        }
    return -EINVAL;
}

static int base_parse(struct view_settings *settings, const char *value)
{
    settings->automatic = strcmp(value, "auto") == 0;
    return settings->automatic ? 0 : number_parse(value, &settings->physical);
}

static int pid_parse(struct view_settings *settings, const char *value)
{
    uint64_t number;
    int error = number_parse(value, &number);

    if (error == 0)
        settings->pid = (int)number;
    return error;
}

static int word_parse(struct view_settings *settings, char *word)
{
    char *value = strchr(word, '=');

    if (value == NULL)
        return -EINVAL;
    *value++ = '\0';
    if (strcmp(word, "page") == 0)
        return page_parse(settings, value);
    if (strcmp(word, "lens") == 0)
        return lens_parse(settings, value);
    if (strcmp(word, "zoom") == 0)
        return zoom_parse(settings, value);
    if (strcmp(word, "base") == 0)
        return base_parse(settings, value);
    if (strcmp(word, "at") == 0)
        return number_parse(value, &settings->virtual);
    if (strcmp(word, "pid") == 0)
        return pid_parse(settings, value);
    return -EINVAL;
}

int view_settings_parse(struct view_settings *settings, const char *words)
{
    struct view_settings changed = *settings;
    char word[WORD_MAX];

    while (*words != '\0') {
        size_t length = 0;
        while (words[length] != '\0' && words[length] != ' ' && words[length] != ',' && words[length] != '\n')
            length++;
        if (length >= sizeof(word))
            return -EINVAL;
        memcpy(word, words, length);
        word[length] = '\0';
        int error = length > 0 ? word_parse(&changed, word) : 0;
        if (error != 0)
            return error;
        words += length;
        if (*words != '\0')
            words++;
    }
    *settings = changed;
    return 0;
}
