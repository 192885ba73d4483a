/* See frame.h. Single frames come from the CPU's cache, which is refilled and drained in batches; blocks come from the buddy lists.
 *
 * Wherever interrupts are on, what a frame says of itself and what is counted agree: memory_check() stops other CPUs there. */
#include "kernel/memory/frame.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/heap.h"

#define CACHE_MAX   64
#define CACHE_BATCH 32

/* Of one CPU, which has interrupts off while it is `busy`; another CPU that finds no frame anywhere else takes from it too. Inside it frame_lock may be taken, nothing else. */
struct frame_cache {
    bool busy;
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

static void cache_lock(struct frame_cache *cache)
{
    while (__atomic_exchange_n(&cache->busy, true, __ATOMIC_ACQUIRE))
        cpu_relax();
}

static void cache_unlock(struct frame_cache *cache)
{
    __atomic_store_n(&cache->busy, false, __ATOMIC_RELEASE);
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
    unsigned before = cache->count;

    spinlock_lock(&frame_lock);
    while (cache->count > CACHE_MAX - CACHE_BATCH) {
        struct frame *frame = cache->frame[--cache->count];
        frame->flags = 0;
        buddy_free(frame, 0);
    }
    __atomic_sub_fetch(&cached_frames, before - cache->count, __ATOMIC_RELAXED);
    spinlock_unlock(&frame_lock);
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

/* The same for one that was kept in a cache or cleared ahead. */
static void cached_begin(struct frame *frame, enum frame_owner owner)
{
    frame_begin(frame, 0, owner);
    __atomic_sub_fetch(&cached_frames, 1, __ATOMIC_RELAXED);
}

/* Frames in use become such as are free and kept. */
static void cached_end(struct frame *const *frame, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        frame[i]->owner = FRAME_FREE;
        frame[i]->flags = FRAME_FLAG_CACHED;
        frame[i]->count = 0;
    }
    __atomic_add_fetch(&cached_frames, count, __ATOMIC_RELAXED);
}

/* A frame of this CPU's cache; it still counts as cached. Interrupts off. */
static struct frame *cache_take(void)
{
    struct frame_cache *cache = cpu_current()->frames;
    struct frame *frame = NULL;

    cache_lock(cache);
    if (cache->count == 0)
        cache_refill(cache);
    if (cache->count > 0)
        frame = cache->frame[--cache->count];
    cache_unlock(cache);
    return frame;
}

/* Into this CPU's cache; they count as cached already. Interrupts off. */
static void cache_give(struct frame *const *frame, unsigned count)
{
    struct frame_cache *cache = cpu_current()->frames;

    cache_lock(cache);
    for (unsigned i = 0; i < count; i++) {
        if (cache->count == CACHE_MAX)
            cache_drain(cache);
        cache->frame[cache->count++] = frame[i];
    }
    cache_unlock(cache);
}

unsigned frame_cache_count(void)
{
    return cpu_current()->frames->count;
}

static struct frame *single_alloc(enum frame_owner owner)
{
    bool enabled = interrupts_disable();
    struct frame *frame = cache_take();

    if (frame != NULL)
        cached_begin(frame, owner);
    interrupts_restore(enabled);
    return frame;
}

/* The last frames of the machine lie in the caches of the other CPUs. */
static struct frame *cache_steal(enum frame_owner owner)
{
    struct frame *frame = NULL;
    bool enabled = interrupts_disable();

    for (uint32_t id = 0; frame == NULL && id < cpu_count_now(); id++) {
        struct frame_cache *cache = cpus[id]->frames;
        if (__atomic_load_n(&cache->count, __ATOMIC_RELAXED) == 0)
            continue;
        cache_lock(cache);
        if (cache->count > 0)
            frame = cache->frame[--cache->count];
        cache_unlock(cache);
    }
    if (frame != NULL)
        cached_begin(frame, owner);
    interrupts_restore(enabled);
    return frame;
}

/* --- frames cleared ahead, by idle CPUs: free like those in the caches, also while they are being cleared --- */

#define ZEROED_MAX 128

static struct {
    struct spinlock lock;
    unsigned count;
    struct frame *frame[ZEROED_MAX];
} zeroed = {.lock = {.rank = LOCK_FRAMES, .name = "zeroed frames"}};

static struct frame *zeroed_take(enum frame_owner owner)
{
    struct frame *frame = NULL;

    if (__atomic_load_n(&zeroed.count, __ATOMIC_RELAXED) == 0)
        return NULL;
    spinlock_lock(&zeroed.lock);
    if (zeroed.count > 0) {
        frame = zeroed.frame[--zeroed.count];
        cached_begin(frame, owner);
    }
    spinlock_unlock(&zeroed.lock);
    return frame;
}

/* Keep a frame that is all zeroes, either free already or given back now; false: there are enough. */
static bool zeroed_keep(struct frame *frame)
{
    spinlock_lock(&zeroed.lock);
    bool room = zeroed.count < ZEROED_MAX;
    if (room && frame->owner != FRAME_FREE)
        cached_end(&frame, 1);
    if (room)
        zeroed.frame[zeroed.count++] = frame;
    spinlock_unlock(&zeroed.lock);
    return room;
}

bool frame_zero_ahead(void)
{
    if (__atomic_load_n(&zeroed.count, __ATOMIC_RELAXED) >= ZEROED_MAX || !frame_plenty())
        return false;
    /* Not frame_alloc(): a failure that is injected is for those who need the frame. */
    bool enabled = interrupts_disable();
    struct frame *frame = cache_take();
    interrupts_restore(enabled);
    if (frame == NULL)
        return false;
    page_clear(frame_pointer(frame));
    bool room = zeroed_keep(frame);
    if (!room) {
        enabled = interrupts_disable();
        cache_give(&frame, 1);
        interrupts_restore(enabled);
    }
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

static struct frame *order_alloc(unsigned order, enum frame_owner owner)
{
    spinlock_lock(&frame_lock);
    struct frame *frame = block_alloc(order);
    if (frame != NULL)
        frame_begin(frame, order, owner);
    for (uint64_t i = 1; frame != NULL && i < UINT64_C(1) << order; i++) {
        frame[i].owner = (uint8_t)owner;
        frame[i].flags = FRAME_FLAG_TAIL;
    }
    spinlock_unlock(&frame_lock);
    return frame;
}

static struct frame *last_resorts(enum frame_owner owner)
{
    struct frame *frame = zeroed_take(owner);

    return frame != NULL || cpu_count_now() == 1 ? frame : cache_steal(owner);
}

/* This CPU's cache is empty, and could not be filled. */
__attribute__((noinline)) static struct frame *single_alloc_last(enum frame_owner owner)
{
    struct frame *frame = last_resorts(owner);

    while (frame == NULL && reclaim != NULL && reclaim()) {
        frame = single_alloc(owner);
        if (frame == NULL)
            frame = last_resorts(owner);
    }
    return frame;
}

struct frame *frame_alloc(enum frame_owner owner)
{
    if (failure_due(&frame_failure))
        return NULL;
    struct frame *frame = single_alloc(owner);
    return __builtin_expect(frame != NULL, 1) ? frame : single_alloc_last(owner);
}

struct frame *frame_alloc_order(unsigned order, enum frame_owner owner)
{
    struct frame *frame;

    ASSERT_LE(order, FRAME_ORDER_MAX);
    if (order == 0)
        return frame_alloc(owner);
    if (failure_due(&frame_failure))
        return NULL;
    do {
        frame = order_alloc(order, owner);
    } while (frame == NULL && reclaim != NULL && reclaim());
    return frame;
}

struct frame *frame_alloc_zeroed(enum frame_owner owner)
{
    struct frame *frame = zeroed_take(owner);

    if (frame != NULL && failure_due(&frame_failure)) {
        frame_put(frame);
        return NULL;
    }
    if (frame != NULL)
        return frame;
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

/* Interrupts off. */
static void singles_release(struct frame *const *frame, unsigned count)
{
    cached_end(frame, count);
    cache_give(frame, count);
}

static void block_release(struct frame *frame)
{
    unsigned order = frame->order;

    for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
        frame[i].owner = FRAME_FREE;
        frame[i].flags = 0;
    }
    spinlock_lock(&frame_lock);
    buddy_free(frame, order);
    spinlock_unlock(&frame_lock);
}

/* Drop a reference that is not the last; false: it is the last, and still there. */
static bool reference_drop(struct frame *frame)
{
    uint32_t count = __atomic_load_n(&frame->count, __ATOMIC_ACQUIRE);

    while (count > 1)
        if (__atomic_compare_exchange_n(&frame->count, &count, count - 1, true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return true;
    ASSERT(count == 1 && frame->owner != FRAME_FREE && !(frame->flags & FRAME_FLAG_TAIL),
           "frame %#lx (%s) is given back by one who has it", frame_pa(frame),
           frame_owner_name(frame->owner));
    return false;
}

/* The last reference goes. Interrupts are off until the frame says that it is free. Apart, so that who drops one reference of several pays for nothing else. */
__attribute__((noinline)) static void release(struct frame *frame)
{
    bool enabled = interrupts_disable();

    frame->count = 0;
    if (frame->order == 0)
        singles_release(&frame, 1);
    else
        block_release(frame);
    interrupts_restore(enabled);
}

void frame_put(struct frame *frame)
{
    if (!reference_drop(frame))
        release(frame);
}

void frame_put_many(struct frame **frame, unsigned count)
{
    bool enabled = interrupts_disable();
    unsigned singles = 0;

    for (unsigned i = 0; i < count; i++) {
        if (reference_drop(frame[i]))
            continue;
        frame[i]->count = 0;
        if (frame[i]->order == 0)
            frame[singles++] = frame[i];
        else
            block_release(frame[i]);
    }
    if (singles > 0)
        singles_release(frame, singles);
    interrupts_restore(enabled);
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
    statistics->memory = statistics->free;
    for (unsigned owner = FRAME_KERNEL; owner < FRAME_DEVICE; owner++)
        statistics->memory += statistics->owned[owner];
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
