/* See vdso.h. */
#include "kernel/vdso/vdso.h"

#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/device/clock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/backing.h"
#include "kernel/memory/frame.h"
#include "kernel/vdso/vdso_data.h"

extern const uint8_t vdso_image[], vdso_image_end[];

#define CODE_PAGES_MAX 2

/* The facts, then the functions. */
static struct frame *pages[1 + CODE_PAGES_MAX];
static unsigned page_count;

static int page_give(struct backing *backing, uint64_t offset, bool write, struct frame **frame)
{
    (void)backing;
    (void)write;
    if (offset / PAGE_SIZE >= page_count)
        return -EFAULT;
    *frame = pages[offset / PAGE_SIZE];
    frame_get(*frame);
    return 0;
}

/* Never asked: every page is in a frame. */
static int page_read(struct backing *backing, uint64_t offset, void *page)
{
    (void)backing;
    (void)offset;
    (void)page;
    return -EFAULT;
}

static void kept(struct backing *backing)
{
    (void)backing;
    ASSERT(false, "the kernel itself holds the pages of the vDSO");
}

static const struct backing_operations operations = {.page = page_give, .read = page_read, .release = kept};
static struct backing backing = {.operations = &operations, .references = 1, .read_only = true};

void vdso_start(void)
{
    uint64_t size = (uint64_t)(vdso_image_end - vdso_image);
    unsigned wanted = 1 + (unsigned)(ROUND_UP(size, PAGE_SIZE) / PAGE_SIZE);
    struct clock_facts clock;

    ASSERT_LE(wanted, 1 + CODE_PAGES_MAX);
    for (unsigned i = 0; i < wanted; i++) {
        pages[i] = frame_alloc_zeroed(FRAME_FILE);
        if (pages[i] == NULL) {
            while (i-- > 0)
                frame_put(pages[i]);
            log_warning("vdso: there is no memory for it");
            return;
        }
    }
    clock_facts(&clock);
    struct vdso_data *data = frame_pointer(pages[0]);
    *data = (struct vdso_data){
        .steady = clock.steady,
        .tsc_start = clock.tsc_start,
        .scale = clock.from_tsc,
    };
    wall_clock_move(&data->wall_clock);
    for (uint64_t at = 0; at < size; at += PAGE_SIZE)
        memcpy(frame_pointer(pages[1 + at / PAGE_SIZE]), vdso_image + at,
               size - at < PAGE_SIZE ? size - at : PAGE_SIZE);
    page_count = wanted;
}

int vdso_map(struct address_space *space, vaddr_t *header)
{
    struct region facts = {.protection = REGION_READ, .backing = &backing, .name = "[vvar]"};
    struct region code = {
        .protection = REGION_READ | REGION_EXEC, .backing = &backing, .offset = PAGE_SIZE, .name = "[vdso]"};
    vaddr_t start, ignored;

    *header = 0;
    if (page_count == 0)
        return 0;
    /* The higher of the two first: a fresh space has room below what it was given. */
    int error = space_map(space, 0, (page_count - 1) * PAGE_SIZE, 0, &code, &start);
    if (error == 0)
        error =
            space_map(space, start - PAGE_SIZE, PAGE_SIZE, SPACE_FIXED | SPACE_NO_REPLACE, &facts, &ignored);
    if (error == 0)
        *header = start;
    return error;
}
