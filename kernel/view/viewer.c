/* See viewer.h. */
#include "kernel/view/viewer.h"

#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/device/clock.h"
#include "kernel/device/console.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/process/wait_queue.h"
#include "kernel/view/report.h"

#define MILLISECOND  UINT64_C(1000000)
#define FRAME_TIME   (200 * MILLISECOND)
#define PROCESS_TIME (1000 * MILLISECOND) /* each process in turn is shown so long */
#define REST         4                    /* and gathering takes at most a fifth of the time */
#define KEYS_MAX     32
#define UNCHANGED    0x08

/* Sixteen colours in the CGA's places that differ in lightness and along the axes that remain to people without red or green cones (after Okabe and Ito). */
static const uint32_t safe_colours[16] = {
    0x000000, 0x0072b2, 0x009e73, 0x3890b8, 0xd55e00, 0xcc79a7, 0xb07800, 0xbbbbbb,
    0x555555, 0x56b4e9, 0x00c896, 0x88d8f8, 0xff8c3c, 0xf0a8d0, 0xf0e442, 0xffffff,
};

static struct {
    struct spinlock lock; /* holds keys and wanted */
    struct wait_queue queue;
    uint8_t keys[KEYS_MAX];
    unsigned key_count;
    bool wanted;
    uint64_t pictures; /* gathered so far; atomic */

    /* The thread's own. */
    struct view_settings settings;
    struct view_grid grid;
    uint16_t *before; /* the last frame's cells */
    bool frozen, step, difference, safe, rotate, serial;
    uint64_t rotated; /* when the process shown last changed */
    paddr_t shown;    /* where the last frame's physical part began */
} viewer = {
    .lock = SPINLOCK_INIT(LOCK_DEVICE, "viewer"),
    .queue = WAIT_QUEUE_INIT(viewer.queue),
};

void viewer_input(const uint8_t *bytes, size_t size)
{
    spinlock_lock(&viewer.lock);
    for (size_t i = 0; i < size && viewer.key_count < KEYS_MAX; i++)
        viewer.keys[viewer.key_count++] = bytes[i];
    viewer.wanted = true;
    spinlock_unlock(&viewer.lock);
    wait_queue_wake_all(&viewer.queue);
}

void viewer_wake(void)
{
    viewer_input(NULL, 0);
}

bool viewer_seen(void)
{
    return viewer.serial || console_terminal_visible(CONSOLE_VIEWER);
}

uint64_t viewer_pictures(void)
{
    return __atomic_load_n(&viewer.pictures, __ATOMIC_RELAXED);
}

/* --- keys --- */

static void move(int64_t bytes)
{
    struct view_settings *settings = &viewer.settings;
    if (settings->automatic)
        settings->physical = viewer.shown;
    uint64_t at = settings->physical + (uint64_t)bytes;

    settings->automatic = false;
    settings->physical = bytes < 0 && at > settings->physical ? 0 : at;
}

static void zoom(bool out)
{
    static const uint64_t sizes[] = {PAGE_SIZE, PAGE_2M, PAGE_1G};
    unsigned now = viewer.settings.zoom == PAGE_SIZE ? 0 : viewer.settings.zoom == PAGE_2M ? 1 : 2;

    if (out ? now < 2 : now > 0)
        viewer.settings.zoom = sizes[out ? now + 1 : now - 1];
}

/* The last byte of an arrow key's ESC [ A, or of ESC [ 5 ~. */
static void move_key(uint8_t key)
{
    int64_t row = (int64_t)(viewer.settings.page == VIEW_PHYSICAL ? viewer.settings.zoom : PAGE_SIZE) * 64;

    if (key == 'A' || key == 'B')
        move(key == 'A' ? -row : row);
    else if (key == '5' || key == '6')
        move(key == '5' ? -8 * row : 8 * row);
}

static void next_process(void)
{
    viewer.rotate = false;
    viewer.settings
        .pid++; /* view_process() takes the first when there is none; the thread looks for the next */
}

static void letter_key(uint8_t key)
{
    struct view_settings *settings = &viewer.settings;

    switch (key) {
    case 'p':
        settings->page = (settings->page + 1) % VIEW_PAGES;
        break;
    case 'l':
        settings->lens = (settings->lens + 1) % VIEW_LENSES;
        break;
    case 'z':
    case 'Z':
        zoom(key == 'Z');
        break;
    case 'a':
        settings->automatic = true;
        break;
    case 'n':
        next_process();
        break;
    case '0':
        viewer.rotate = true;
        break;
    case 'd':
        viewer.difference = !viewer.difference;
        break;
    case ' ':
        viewer.frozen = !viewer.frozen;
        break;
    case 's':
        viewer.step = true;
        break;
    case 'c':
        viewer.safe = !viewer.safe;
        break;
    default:
        break;
    }
}

static void keys_take(void)
{
    uint8_t keys[KEYS_MAX];

    spinlock_lock(&viewer.lock);
    unsigned count = viewer.key_count;
    memcpy(keys, viewer.keys, count);
    viewer.key_count = 0;
    viewer.wanted = false;
    spinlock_unlock(&viewer.lock);
    for (unsigned i = 0; i < count; i++) {
        if (keys[i] == 0x1b && i + 2 < count) {
            i += 2;
            move_key(keys[i]);
            if (i + 1 < count && keys[i + 1] == '~')
                i++;
        } else {
            letter_key(keys[i]);
        }
    }
}

/* --- frames --- */

/* The process with the lowest id from settings.pid on; when there is none, the first of all. */
static void process_choose(const struct usage *usage)
{
    struct view_settings *settings = &viewer.settings;
    int first = 0, wanted = 0;

    if (viewer.rotate && usage->time - viewer.rotated >= PROCESS_TIME) {
        settings->pid++;
        viewer.rotated = usage->time;
    }
    for (unsigned i = usage->process_count; i-- > 0;) {
        if (usage->processes[i].space == NULL)
            continue;
        first = usage->processes[i].pid;
        if (first >= settings->pid)
            wanted = first;
    }
    settings->pid = wanted != 0 ? wanted : first;
}

static void difference_show(void)
{
    unsigned count = viewer.grid.rows * viewer.grid.columns;

    for (unsigned i = 0; i < count; i++) {
        uint16_t cell = viewer.grid.cells[i];
        if (viewer.difference && cell == viewer.before[i] && (cell & 0xff) != ' ')
            viewer.grid.cells[i] = (uint16_t)(UNCHANGED << 8 | (cell & 0xff));
        viewer.before[i] = cell;
    }
}

static void status_show(void)
{
    if (viewer.frozen)
        view_text(&viewer.grid, 0, 0, 0x0e, "FROZEN");
    else if (viewer.difference)
        view_text(&viewer.grid, 0, 0, 0x0e, "CHANGES");
}

static void serial_show(void)
{
    struct text_buffer text = {0};

    view_report_text(&viewer.settings, false, &text);
    if (!text.failed)
        console_serial_write(text.bytes, text.length);
    text_free(&text);
}

static void picture_show(void)
{
    status_show();
    console_terminal_cells(CONSOLE_VIEWER, viewer.grid.cells, viewer.grid.rows, viewer.grid.columns,
                           viewer.safe ? safe_colours : NULL);
}

static void frame_show(void)
{
    struct usage *usage = usage_gather(viewer.settings.virtual, viewer.settings.pid);

    __atomic_fetch_add(&viewer.pictures, 1, __ATOMIC_RELAXED);
    if (usage == NULL)
        return;
    process_choose(usage);
    if (viewer.grid.cells != NULL && console_terminal_visible(CONSOLE_VIEWER)) {
        viewer.shown = view_physical_start(usage, &viewer.settings);
        view_draw(usage, &viewer.settings, &viewer.grid);
        difference_show();
        picture_show();
    }
    usage_free(usage);
    if (viewer.serial)
        serial_show();
}

/* Sleep until the next frame is due, or a key comes; as long as nobody can see it, for good. */
static void wait_for_frame(uint64_t due)
{
    spinlock_lock(&viewer.lock);
    int error =
        wait_event_until(&viewer.queue, &viewer.lock, viewer.wanted, viewer_seen() ? due : UINT64_MAX);
    spinlock_unlock(&viewer.lock);
    (void)error; /* due, or wanted: both mean a frame */
}

static void viewer_run(void *nothing)
{
    uint64_t due = 0;

    (void)nothing;
    for (;;) {
        wait_for_frame(due);
        keys_take();
        if (!viewer_seen())
            continue; /* woken because another terminal is shown now */
        uint64_t start = clock_now();
        if (!viewer.frozen || viewer.step) {
            frame_show();
            viewer.step = false;
        } else if (viewer.grid.cells != NULL) {
            picture_show(); /* the same, but a key may have changed its colours */
        }
        uint64_t end = clock_now(), rest = (end - start) * REST;
        due = end + (rest > FRAME_TIME ? rest : FRAME_TIME);
    }
}

static void settings_start(void)
{
    const char *words = option_value("view");

    viewer.settings = VIEW_SETTINGS_DEFAULT;
    viewer.rotate = true;
    if (words != NULL && view_settings_parse(&viewer.settings, words) != 0)
        log_warning("viewer: view=%s is not understood", words);
    viewer.rotate = viewer.settings.pid == 0;
}

void viewer_start(void)
{
    const char *how = option_value("viewer");
    struct view_grid *grid = &viewer.grid;

    viewer.serial = how != NULL && strcmp(how, "serial") == 0;
    settings_start();
    if (console_terminal_size(CONSOLE_VIEWER, &grid->rows, &grid->columns) && grid->rows >= VIEW_ROWS_MIN &&
        grid->columns >= VIEW_COLUMNS_MIN) {
        grid->cells = heap_alloc(grid->rows * grid->columns * sizeof(grid->cells[0]));
        viewer.before = heap_alloc_zeroed(grid->rows * grid->columns * sizeof(grid->cells[0]));
        if (viewer.before == NULL) {
            heap_free(grid->cells);
            grid->cells = NULL;
        }
    }
    if (grid->cells == NULL && !viewer.serial)
        return;
    if (how != NULL && strcmp(how, "show") == 0)
        console_terminal_show(CONSOLE_VIEWER);
    if (thread_create_kernel("viewer", viewer_run, NULL) == NULL)
        log_warning("viewer: no memory for its thread");
}
