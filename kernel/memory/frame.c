/* See frame.h. Single frames come from the CPU's cache, which is refilled and drained in batches; blocks come from the buddy lists. */
#include "kernel/memory/frame.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/features.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/heap.h"

#define CACHE_MAX   64
#define CACHE_BATCH 32

/* Used by its own CPU with interrupts off. */
struct frame_cache {
    unsigned count;
    struct frame *frame[CACHE_MAX];
};

struct spinlock frame_lock = {.rank = LOCK_FRAMES, .name = "frames"};
static struct frame_cache boot_cache;
static bool (*reclaim)(void);
static uint64_t cached_frames; /* atomic */

void frames_start(const struct boot_info *boot)
{
    cpu_current()->frames = &boot_cache;
    frame_chunks_start(boot);
    spinlock_lock(&frame_lock);
    bool taken = frame_chunk_take_next();
    spinlock_unlock(&frame_lock);
    ASSERT(taken, "the machine has usable memory");
}

int frames_start_cpu(struct cpu *cpu)
{
    cpu->frames = heap_alloc_zeroed(sizeof(*cpu->frames));
    return cpu->frames != NULL ? 0 : -ENOMEM;
}

void frame_set_reclaim(bool (*function)(void))
{
    reclaim = function;
}

static struct frame *block_alloc(unsigned order)
{
    struct frame *frame = buddy_alloc(order);

    while (frame == NULL && frame_chunk_take_next())
        frame = buddy_alloc(order);
    return frame;
}

static void cache_refill(struct frame_cache *cache)
{
    unsigned before = cache->count;

    spinlock_lock(&frame_lock);
    while (cache->count < CACHE_BATCH) {
        unsigned order, most = CACHE_BATCH - cache->count;
        struct frame *block = buddy_alloc_some(most, &order);
        if (block == NULL && frame_chunk_take_next())
            continue;
        if (block == NULL)
            break;
        /* The last of them is on top: given out in ascending order. */
        for (unsigned i = 1u << order; i-- > 0;) {
            block[i].order = 0;
            block[i].flags = FRAME_FLAG_CACHED;
            cache->frame[cache->count++] = &block[i];
        }
    }
    __atomic_add_fetch(&cached_frames, cache->count - before, __ATOMIC_RELAXED);
    spinlock_unlock(&frame_lock);
}

static void cache_drain(struct frame_cache *cache)
{
    spinlock_lock(&frame_lock);
    while (cache->count > CACHE_MAX - CACHE_BATCH) {
        struct frame *frame = cache->frame[--cache->count];
        frame->flags = 0;
        buddy_free(frame, 0);
        __atomic_sub_fetch(&cached_frames, 1, __ATOMIC_RELAXED);
    }
    spinlock_unlock(&frame_lock);
}

static struct frame *single_alloc(void)
{
    bool enabled = interrupts_disable();
    struct frame_cache *cache = cpu_current()->frames;
    struct frame *frame = NULL;

    if (cache->count == 0)
        cache_refill(cache);
    if (cache->count > 0) {
        frame = cache->frame[--cache->count];
        __atomic_sub_fetch(&cached_frames, 1, __ATOMIC_RELAXED);
    }
    interrupts_restore(enabled);
    return frame;
}

/* A free frame becomes the first of a block in use. */
static void frame_begin(struct frame *frame, unsigned order, enum frame_owner owner)
{
    ASSERT(frame->owner == FRAME_FREE && frame->count == 0, "frame %#lx was free", frame_pa(frame));
    frame->owner = (uint8_t)owner;
    frame->order = (uint8_t)order;
    frame->flags = 0;
    frame->count = 1;
    frame->owner_data = NULL;
}

/* --- frames cleared ahead, by idle CPUs: free like those in the caches --- */

#define ZEROED_MAX 128

static struct {
    struct spinlock lock;
    unsigned count;
    struct frame *frame[ZEROED_MAX];
} zeroed = {.lock = {.rank = LOCK_FRAMES, .name = "zeroed frames"}};

static struct frame *zeroed_take(void)
{
    struct frame *frame = NULL;

    if (__atomic_load_n(&zeroed.count, __ATOMIC_RELAXED) == 0)
        return NULL;
    spinlock_lock(&zeroed.lock);
    if (zeroed.count > 0) {
        frame = zeroed.frame[--zeroed.count];
        __atomic_sub_fetch(&cached_frames, 1, __ATOMIC_RELAXED);
    }
    spinlock_unlock(&zeroed.lock);
    return frame;
}

/* Keep a free frame that is all zeroes; false: there are enough. */
static bool zeroed_keep(struct frame *frame)
{
    spinlock_lock(&zeroed.lock);
    bool room = zeroed.count < ZEROED_MAX;
    if (room) {
        frame->owner = FRAME_FREE;
        frame->flags = FRAME_FLAG_CACHED;
        frame->count = 0;
        zeroed.frame[zeroed.count++] = frame;
        __atomic_add_fetch(&cached_frames, 1, __ATOMIC_RELAXED);
    }
    spinlock_unlock(&zeroed.lock);
    return room;
}

bool frame_zero_ahead(void)
{
    if (__atomic_load_n(&zeroed.count, __ATOMIC_RELAXED) >= ZEROED_MAX || !frame_plenty())
        return false;
    /* Not frame_alloc(): a failure that is injected is for those who need the frame. */
    struct frame *frame = single_alloc();
    if (frame == NULL)
        return false;
    frame_begin(frame, 0, FRAME_KERNEL);
    page_clear(frame_pointer(frame));
    bool room = zeroed_keep(frame);
    if (!room)
        frame_put(frame);
    return room;
}

uint64_t frame_zeroed_wrong(void)
{
    uint64_t wrong = 0;

    for (unsigned i = 0; i < zeroed.count; i++) {
        const uint64_t *word = frame_pointer(zeroed.frame[i]);
        for (unsigned at = 0; at < PAGE_SIZE / sizeof(*word); at++)
            wrong += word[at] != 0;
    }
    return wrong;
}

static struct frame *order_alloc(unsigned order)
{
    spinlock_lock(&frame_lock);
    struct frame *frame = block_alloc(order);
    spinlock_unlock(&frame_lock);
    return frame;
}

struct frame *frame_alloc_order(unsigned order, enum frame_owner owner)
{
    struct frame *frame;

    ASSERT_LE(order, FRAME_ORDER_MAX);
    if (failure_due(&frame_failure))
        return NULL;
    do {
        frame = order == 0 ? single_alloc() : order_alloc(order);
        if (frame == NULL && order == 0)
            frame = zeroed_take();
    } while (frame == NULL && reclaim != NULL && reclaim());
    if (frame == NULL)
        return NULL;
    frame_begin(frame, order, owner);
    for (uint64_t i = 1; i < UINT64_C(1) << order; i++) {
        frame[i].owner = (uint8_t)owner;
        frame[i].flags = FRAME_FLAG_TAIL;
    }
    return frame;
}

struct frame *frame_alloc(enum frame_owner owner)
{
    return frame_alloc_order(0, owner);
}

struct frame *frame_alloc_zeroed(enum frame_owner owner)
{
    struct frame *frame = zeroed_take();

    if (frame != NULL && failure_due(&frame_failure)) {
        frame_begin(frame, 0, owner);
        frame_put(frame);
        return NULL;
    }
    if (frame != NULL) {
        frame_begin(frame, 0, owner);
        return frame;
    }
    frame = frame_alloc(owner);
    if (frame != NULL)
        page_clear(frame_pointer(frame));
    return frame;
}

void frame_get(struct frame *frame)
{
    uint32_t before = __atomic_fetch_add(&frame->count, 1, __ATOMIC_RELAXED);
    ASSERT(before != 0 && before != UINT32_MAX, "frame %#lx was in use", frame_pa(frame));
}

static void single_release(struct frame *frame)
{
    bool enabled = interrupts_disable();
    struct frame_cache *cache = cpu_current()->frames;

    if (cache->count == CACHE_MAX)
        cache_drain(cache);
    frame->owner = FRAME_FREE;
    frame->flags = FRAME_FLAG_CACHED;
    cache->frame[cache->count++] = frame;
    __atomic_add_fetch(&cached_frames, 1, __ATOMIC_RELAXED);
    interrupts_restore(enabled);
}

static void block_release(struct frame *frame)
{
    unsigned order = frame->order;

    if (order == 0) {
        single_release(frame);
        return;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        frame[i].owner = FRAME_FREE;
        frame[i].flags = 0;
    }
    spinlock_lock(&frame_lock);
    buddy_free(frame, order);
    spinlock_unlock(&frame_lock);
}

void frame_put(struct frame *frame)
{
    ASSERT(frame->count != 0 && frame->owner != FRAME_FREE && !(frame->flags & FRAME_FLAG_TAIL),
           "frame %#lx (%s) is given back by one who has it", frame_pa(frame),
           frame_owner_name(frame->owner));
    if (__atomic_sub_fetch(&frame->count, 1, __ATOMIC_ACQ_REL) == 0)
        block_release(frame);
}

void frame_put_zeroed(struct frame *frame)
{
    ASSERT(frame->count == 1 && frame->order == 0 && frame->owner == FRAME_TABLE,
           "frame %#lx (%s) is a table that nobody else has", frame_pa(frame),
           frame_owner_name(frame->owner));
    if (!zeroed_keep(frame))
        frame_put(frame);
}

void frame_split(struct frame *frame, unsigned order)
{
    ASSERT(frame->count == 1 && frame->order == order, "only a whole, unshared block is split");
    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        frame[i].order = 0;
        frame[i].flags = 0;
        frame[i].count = 1;
    }
}

static void chunk_count(struct frame *first, uint64_t count, void *context)
{
    struct frame_statistics *statistics = context;

    for (uint64_t i = 0; i < count; i++)
        statistics->owned[first[i].owner]++;
}

void frame_statistics(struct frame_statistics *statistics)
{
    *statistics = (struct frame_statistics){0};
    spinlock_lock(&frame_lock);
    statistics->total = frame_chunk_usable_total;
    statistics->untouched = frame_chunk_untouched;
    statistics->free =
        buddy_frames + frame_chunk_untouched + __atomic_load_n(&cached_frames, __ATOMIC_RELAXED);
    spinlock_unlock(&frame_lock);
    frame_each_chunk(chunk_count, statistics);
}

bool frame_plenty(void)
{
    return buddy_frames + frame_chunk_untouched > frame_chunk_usable_total / 4;
}

uint64_t frame_total(void)
{
    return frame_chunk_usable_total;
}

void page_clear(void *page)
{
    uint64_t count = cpu_features.erms ? PAGE_SIZE : PAGE_SIZE / 8;

    if (cpu_features.erms)
        __asm__ volatile("rep stosb" : "+D"(page), "+c"(count) : "a"(0) : "memory");
    else
        __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(UINT64_C(0)) : "memory");
}

void page_copy(void *to, const void *from)
{
    uint64_t count = cpu_features.erms ? PAGE_SIZE : PAGE_SIZE / 8;

    if (cpu_features.erms)
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    else
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

const char *frame_owner_name(enum frame_owner owner)
{
    static const char *const names[FRAME_OWNERS] = {
        [FRAME_FREE] = "free", [FRAME_RESERVED] = "reserved", [FRAME_KERNEL] = "kernel",
        [FRAME_HEAP] = "heap", [FRAME_TABLE] = "page table",  [FRAME_ANONYMOUS] = "anonymous",
        [FRAME_FILE] = "file", [FRAME_SHARED] = "shared",     [FRAME_DEVICE] = "device",
    };
    return owner < FRAME_OWNERS ? names[owner] : "unknown";
}
