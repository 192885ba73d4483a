/* See cell.h. */
#include "kernel/view/cell.h"

/* Colours of the CGA. */
enum {
    BLACK,
    BLUE,
    GREEN,
    CYAN,
    RED,
    MAGENTA,
    BROWN,
    GREY,
    DARK_GREY,
    BRIGHT_BLUE,
    BRIGHT_GREEN,
    BRIGHT_CYAN,
    BRIGHT_RED,
    BRIGHT_MAGENTA,
    YELLOW,
    WHITE
};
#define ON(background, foreground) ((uint8_t)((background) << 4 | (foreground)))
#define CELL(letter, attribute)    ((struct view_cell){(letter), (attribute)})

#define FREE_CELL                  CELL('.', GREY)

/* The most mappings that a digit can tell. */
#define DIGITS_MAX                 9

static const char *const names[VIEW_LENSES] = {"owner", "permission", "sharing", "heat", "size", "tables"};

static const char *const legends[VIEW_LENSES] = {
    ". free K kernel R reserved C console F file S shared 0 zero L leaked * wrong",
    ". none  r read  w write  x execute  ! both  - no right  R W X the kernel's own",
    ". not mapped  1-9 + mappings  W copied when written  S shared memory  0 zero page",
    ". not mapped  D dirty  A accessed  c neither",
    ". not mapped  4 4 KiB  H 2 MiB  G 1 GiB",
    ". no table  1-5 level of the page table; colour: whose",
};

const char *view_lens_name(enum view_lens lens)
{
    return names[lens];
}

const char *view_lens_legend(enum view_lens lens)
{
    return legends[lens];
}

/* Processes 1, 2, 3, ... are red, green, blue, yellow, white, and so on. */
static uint8_t process_colour(const struct usage_process *process)
{
    static const uint8_t colours[] = {WHITE, BRIGHT_RED, BRIGHT_GREEN, BRIGHT_BLUE, YELLOW};

    return colours[(unsigned)process->pid % sizeof(colours)];
}

static bool mapped(const struct usage_mark *mark)
{
    return mark->mappings > 0 && !(mark->flags & USAGE_TABLE);
}

/* --- lenses: a frame in use, its mark, and whose it is --- */

static struct view_cell table_cell(const struct usage_process *process)
{
    if (process == NULL)
        return CELL('K', BRIGHT_MAGENTA);
    uint8_t colour = process_colour(process);
    return CELL(process->letter, ON(RED, colour == BRIGHT_RED ? WHITE : colour));
}

static struct view_cell owner_cell(const struct frame *frame, const struct usage_mark *mark,
                                   const struct usage_process *process)
{
    if (mark->flags & USAGE_FREED)
        return CELL(process != NULL ? process->letter : '?', ON(WHITE, BLACK));
    if (mark->flags & USAGE_WRONG)
        return CELL('*', ON(WHITE, RED));
    if (mark->flags & USAGE_LEAKED)
        return CELL('L', CYAN);
    if (frame->flags & FRAME_FLAG_ZERO)
        return CELL('0', BRIGHT_CYAN);
    if (frame->owner == FRAME_FREE)
        return FREE_CELL;
    if (frame->owner == FRAME_TABLE)
        return table_cell(process);
    if (frame->owner == FRAME_KERNEL || frame->owner == FRAME_HEAP)
        return CELL('K', BRIGHT_MAGENTA);
    if (mark->flags & USAGE_SHARED)
        return CELL('S', WHITE);
    if (process != NULL)
        return CELL(process->letter, process_colour(process));
    if (frame->owner == FRAME_FILE)
        return CELL('F', ON(DARK_GREY, WHITE));
    if (frame->owner == FRAME_SHARED)
        return CELL('S', GREY);
    return CELL('?', ON(WHITE, BLACK));
}

static struct view_cell permission_cell(const struct frame *frame, const struct usage_mark *mark)
{
    bool write = mark->flags & USAGE_WRITABLE, execute = mark->flags & USAGE_EXECUTABLE;

    if (mark->flags & USAGE_USER) {
        if (write && execute)
            return CELL('!', ON(RED, WHITE));
        return write ? CELL('w', YELLOW) : execute ? CELL('x', BRIGHT_GREEN) : CELL('r', BRIGHT_BLUE);
    }
    if (mark->flags & USAGE_PARKED)
        return CELL('-', DARK_GREY);
    if (frame->owner == FRAME_FREE)
        return FREE_CELL;
    if (mark->flags & USAGE_KERNEL && !(mark->flags & USAGE_TABLE) && !write)
        return execute ? CELL('X', GREEN) : CELL('R', BLUE);
    return CELL('W', BROWN); /* through the direct map */
}

static struct view_cell sharing_cell(const struct frame *frame, const struct usage_mark *mark)
{
    if (frame->flags & FRAME_FLAG_ZERO)
        return CELL('0', BRIGHT_CYAN);
    if (!mapped(mark))
        return FREE_CELL;
    if (mark->flags & USAGE_HELD)
        return CELL('S', WHITE);
    if (mark->mappings > 1 && mark->flags & USAGE_COPIES)
        return CELL('W', CYAN);
    if (mark->mappings > DIGITS_MAX)
        return CELL('+', YELLOW);
    return CELL((char)('0' + mark->mappings), mark->mappings > 1 ? YELLOW : GREY);
}

static struct view_cell heat_cell(const struct usage_mark *mark)
{
    if (!mapped(mark))
        return FREE_CELL;
    if (mark->flags & USAGE_DIRTY)
        return CELL('D', BRIGHT_RED);
    return mark->flags & USAGE_ACCESSED ? CELL('A', YELLOW) : CELL('c', BRIGHT_BLUE);
}

static struct view_cell size_cell(const struct usage_mark *mark)
{
    if (mark->flags & USAGE_HUGE)
        return CELL('G', BRIGHT_MAGENTA);
    if (mark->flags & USAGE_LARGE)
        return CELL('H', BRIGHT_RED);
    return mapped(mark) ? CELL('4', GREY) : FREE_CELL;
}

static struct view_cell tables_cell(const struct usage_mark *mark, const struct usage_process *process)
{
    if (!(mark->flags & USAGE_TABLE))
        return FREE_CELL;
    char level = (char)('0' + mark->mappings);
    return process != NULL ? CELL(level, process_colour(process)) : CELL(level, BRIGHT_MAGENTA);
}

/* A page that has no frame: what it is by its kind. */
static struct view_cell kind_cell(enum memory_kind kind)
{
    switch (kind) {
    case MEMORY_KIND_USABLE:
        return FREE_CELL;
    case MEMORY_KIND_RESERVED:
    case MEMORY_KIND_DEVICE:
        return CELL('R', GREY);
    case MEMORY_KIND_CONSOLE:
        return CELL('C', GREY);
    case MEMORY_KIND_NOTHING:
        break;
    }
    return VIEW_CELL_BLANK;
}

struct view_cell view_cell_physical(const struct usage *usage, paddr_t pa, enum view_lens lens)
{
    const struct usage_mark *mark = usage_mark_at(usage, pa);
    const struct usage_process *process = usage_process_of(usage, mark);
    paddr_t end;

    if (mark == NULL)
        return kind_cell(memory_kind_at(pa, &end));
    const struct frame *frame = frame_of(pa);
    if (frame->owner == FRAME_RESERVED && !(mark->flags & (USAGE_USER | USAGE_WRONG)))
        return kind_cell(memory_kind_at(pa, &end));
    if (frame->owner == FRAME_RESERVED && lens == VIEW_OWNER)
        return CELL('R', BRIGHT_RED);
    switch (lens) {
    case VIEW_PERMISSION:
        return permission_cell(frame, mark);
    case VIEW_SHARING:
        return sharing_cell(frame, mark);
    case VIEW_HEAT:
        return heat_cell(mark);
    case VIEW_SIZE:
        return size_cell(mark);
    case VIEW_TABLES:
        return tables_cell(mark, process);
    default:
        return owner_cell(frame, mark, process);
    }
}

/* --- many pages in one cell --- */

#define LETTERS 128

struct census {
    uint64_t pages[LETTERS];
    uint8_t attribute[LETTERS];
    uint64_t used, free;
};

static void census_add(struct census *census, struct view_cell cell, uint64_t pages)
{
    uint8_t letter = (uint8_t)cell.letter % LETTERS;

    census->pages[letter] += pages;
    census->attribute[letter] = cell.attribute;
    if (cell.letter == '.')
        census->free += pages;
    else if (cell.letter != ' ')
        census->used += pages;
}

/* What is wrong is shown however little of it there is. */
static struct view_cell census_result(const struct census *census)
{
    static const char urgent[] = "*!?";
    uint8_t best = '.';

    for (unsigned i = 0; i < sizeof(urgent) - 1; i++)
        if (census->pages[(uint8_t)urgent[i]] > 0)
            return CELL(urgent[i], census->attribute[(uint8_t)urgent[i]]);
    if (census->used == 0)
        return census->free > 0 ? FREE_CELL : VIEW_CELL_BLANK;
    for (unsigned i = 0; i < LETTERS; i++)
        if (i != '.' && i != ' ' && (best == '.' || census->pages[i] > census->pages[best]))
            best = (uint8_t)i;
    uint8_t attribute = census->attribute[best];
    if (census->free > census->used)
        attribute &= 0x77;
    return CELL((char)best, attribute);
}

struct view_cell view_cell_range(const struct usage *usage, paddr_t start, paddr_t end, enum view_lens lens)
{
    struct census census = {.used = 0};

    if (end - start == PAGE_SIZE)
        return view_cell_physical(usage, start, lens);
    for (paddr_t pa = start; pa < end;) {
        paddr_t next = pa + PAGE_SIZE;
        if (usage_mark_at(usage, pa) != NULL) {
            census_add(&census, view_cell_physical(usage, pa, lens), 1);
        } else {
            enum memory_kind kind = memory_kind_at(pa, &next);
            next = next < end ? next : end;
            /* A chunk that was taken into use may begin before the kind ends. */
            if (kind == MEMORY_KIND_USABLE && next > ROUND_DOWN(pa, PAGE_2M) + PAGE_2M)
                next = ROUND_DOWN(pa, PAGE_2M) + PAGE_2M;
            census_add(&census, kind_cell(kind), (next - pa) / PAGE_SIZE);
        }
        pa = next;
    }
    return census_result(&census);
}

/* --- virtual --- */

static uint8_t reverse(uint8_t attribute)
{
    return (uint8_t)(attribute << 4 | attribute >> 4);
}

struct view_cell view_cell_virtual(const struct usage *usage, uint64_t page, enum view_lens lens)
{
    if (page == 0)
        return VIEW_CELL_BLANK;
    struct view_cell cell = view_cell_physical(usage, ROUND_DOWN(page, PAGE_SIZE), lens);
    if (!(page & USAGE_WINDOW_USER))
        return cell;
    if (cell.letter == 'S' && cell.attribute == WHITE)
        cell.attribute = ON(WHITE, BLUE);
    else
        cell.attribute = reverse(cell.attribute);
    return cell;
}
