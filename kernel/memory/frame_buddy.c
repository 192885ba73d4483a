/* The buddy lists (Knuth, The Art of Computer Programming, vol. 1, 2.5): a block of order n begins at a frame number divisible by 2^n, its buddy
 * differs from it in that bit. Frames that do not exist are described as reserved, so a missing buddy is never free. */
#include <stddef.h>

#include "kernel/debug/panic.h"
#include "kernel/memory/frame_internal.h"

TAILQ_HEAD(block_list, frame);

static struct block_list lists[FRAME_ORDER_MAX + 1];
static bool initialised;
uint64_t buddy_frames;

static void lists_init(void)
{
    for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
        TAILQ_INIT(&lists[order]);
    initialised = true;
}

static struct frame *buddy_of(struct frame *frame, unsigned order)
{
    return frame_of(frame_pa(frame) ^ (PAGE_SIZE << order));
}

static void block_insert(struct frame *frame, unsigned order)
{
    frame->owner = FRAME_FREE;
    frame->order = (uint8_t)order;
    frame->flags = FRAME_FLAG_FREE_HEAD;
    TAILQ_INSERT_HEAD(&lists[order], frame, link);
}

static void block_remove(struct frame *frame)
{
    TAILQ_REMOVE(&lists[frame->order], frame, link);
    frame->flags = 0;
}

void buddy_free(struct frame *frame, unsigned order)
{
    if (!initialised)
        lists_init();
    buddy_frames += UINT64_C(1) << order;
    while (order < FRAME_ORDER_MAX) {
        struct frame *buddy = buddy_of(frame, order);
        if (!(buddy->flags & FRAME_FLAG_FREE_HEAD) || buddy->order != order)
            break;
        block_remove(buddy);
        if (buddy < frame)
            frame = buddy;
        order++;
    }
    block_insert(frame, order);
}

/* Of the first block of at least order `least`, keep what is of order `order` or smaller. */
static struct frame *block_take(unsigned least, unsigned *order)
{
    if (!initialised)
        lists_init();
    for (unsigned found = least; found <= FRAME_ORDER_MAX; found++) {
        struct frame *frame = TAILQ_FIRST(&lists[found]);
        if (frame == NULL)
            continue;
        block_remove(frame);
        while (found > *order) {
            found--;
            block_insert(buddy_of(frame, found), found);
        }
        buddy_frames -= UINT64_C(1) << found;
        *order = found;
        return frame;
    }
    return NULL;
}

struct frame *buddy_alloc(unsigned order)
{
    return block_take(order, &order);
}

struct frame *buddy_alloc_some(unsigned most, unsigned *order)
{
    *order = 31 - (unsigned)__builtin_clz(most);
    return block_take(0, order);
}
