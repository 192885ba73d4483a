/* The frame allocator on the running machine. */
#include "kernel/memory/frame.h"

#include "kernel/debug/selftest.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/kernel_space.h"
#include "paging/vmiter.h"

#define MANY          200
#define PIECE         1024
#define CACHE_MAX     64
#define BLOCK         (UINT64_C(1) << FRAME_ORDER_MAX)

/* Taking all of a machine's memory is for small machines: one frame at a time it would last long elsewhere. */
#define EXHAUST_LIMIT (UINT64_C(512) << 20 >> PAGE_SHIFT)

TAILQ_HEAD(frame_list, frame);

static void list_free(struct frame_list *list)
{
    for (struct frame *frame; (frame = TAILQ_FIRST(list)) != NULL;) {
        TAILQ_REMOVE(list, frame, link);
        frame_put(frame);
    }
}

static unsigned list_fill(struct frame_list *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = frame_alloc(FRAME_KERNEL);
        if (frame == NULL)
            return i;
        TAILQ_INSERT_TAIL(list, frame, link);
    }
    return count;
}

static uint64_t free_frames(void)
{
    struct frame_statistics statistics;

    frame_statistics(&statistics);
    return statistics.free;
}

SELFTEST(frame_alloc_gives_distinct_frames)
{
    struct frame_list list = TAILQ_HEAD_INITIALIZER(list);
    struct frame *frame;
    unsigned wrong = 0;

    unsigned count = list_fill(&list, MANY);
    TAILQ_FOREACH (frame, &list, link) {
        wrong += frame->owner != FRAME_KERNEL || frame->count != 1;
        *(paddr_t *)frame_pointer(frame) = frame_pa(frame);
    }
    TAILQ_FOREACH (frame, &list, link)
        wrong += *(paddr_t *)frame_pointer(frame) != frame_pa(frame);
    list_free(&list);
    CHECK_EQ(count, MANY);
    CHECK_EQ(wrong, 0);
}

SELFTEST(frame_alloc_zeroed_clears)
{
    struct frame_list list = TAILQ_HEAD_INITIALIZER(list);
    struct frame *frame;
    uint64_t seen = 0;

    /* More dirty frames than any cache of clean ones holds. */
    unsigned dirty = list_fill(&list, MANY);
    TAILQ_FOREACH (frame, &list, link)
        memset(frame_pointer(frame), 0xa5, PAGE_SIZE);
    list_free(&list);
    for (unsigned i = 0; i < MANY; i++) {
        frame = frame_alloc_zeroed(FRAME_KERNEL);
        CHECK(frame != NULL);
        for (unsigned word = 0; word < PAGE_SIZE / sizeof(uint64_t); word++)
            seen |= ((const uint64_t *)frame_pointer(frame))[word];
        TAILQ_INSERT_TAIL(&list, frame, link);
    }
    list_free(&list);
    CHECK_EQ(dirty, MANY);
    CHECK_EQ(seen, 0);
}

SELFTEST(page_copy_copies_all_of_a_page)
{
    struct frame *from = frame_alloc(FRAME_KERNEL), *to = frame_alloc(FRAME_KERNEL);

    CHECK(from != NULL && to != NULL);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        ((uint8_t *)frame_pointer(from))[i] = (uint8_t)(i * 7 + i / 256);
    page_copy(frame_pointer(to), frame_pointer(from));
    int difference = memcmp(frame_pointer(to), frame_pointer(from), PAGE_SIZE);
    frame_put(from);
    frame_put(to);
    CHECK_EQ(difference, 0);
}

/* The block is one: whole, aligned, and only its first frame counts. */
static unsigned block_faults(const struct frame *block, unsigned order)
{
    unsigned wrong =
        frame_pa(block) % (PAGE_SIZE << order) != 0 || block->count != 1 || block->order != order;

    for (uint64_t i = 1; i < UINT64_C(1) << order; i++)
        wrong += block[i].owner != FRAME_KERNEL || !(block[i].flags & FRAME_FLAG_TAIL) || block[i].count != 0;
    return wrong;
}

SELFTEST(frame_blocks_are_aligned_and_exactly_counted)
{
    for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
        /* The first may take a chunk of memory into use, whose description costs some. */
        struct frame *block = frame_alloc_order(order, FRAME_KERNEL);
        CHECK(block != NULL);
        frame_put(block);

        uint64_t before = free_frames();
        block = frame_alloc_order(order, FRAME_KERNEL);
        uint64_t taken = before - free_frames();
        unsigned wrong = block_faults(block, order);
        frame_put(block);
        CHECK_EQ(wrong, 0);
        CHECK_EQ(taken, UINT64_C(1) << order);
        CHECK_EQ(free_frames(), before);
    }
}

SELFTEST(frame_statistics_know_each_owner)
{
    struct frame_statistics before, now;
    struct frame *warm = frame_alloc(FRAME_KERNEL);

    CHECK(warm != NULL);
    frame_put(warm);
    frame_statistics(&before);
    struct frame *single = frame_alloc(FRAME_ANONYMOUS), *block = frame_alloc_order(3, FRAME_SHARED);
    frame_statistics(&now);
    bool had = single != NULL && block != NULL;
    if (had) {
        frame_put(single);
        frame_put(block);
    }
    CHECK(had);
    CHECK_EQ(now.total, before.total);
    CHECK_EQ(now.owned[FRAME_ANONYMOUS], before.owned[FRAME_ANONYMOUS] + 1);
    CHECK_EQ(now.owned[FRAME_SHARED], before.owned[FRAME_SHARED] + 8);
    CHECK_EQ(before.owned[FRAME_FREE], now.owned[FRAME_FREE] + 9);
    CHECK_EQ(before.owned[FRAME_FREE] + before.untouched, before.free);
}

/* Take pairs until the largest block `whole` is all taken in pairs; the pairs of other blocks, which the lists held, go to `rest`. */
static uint64_t pairs_take(const struct frame *whole, struct frame_list *pairs, struct frame_list *rest)
{
    uint64_t taken = 0;

    while (taken < BLOCK / 2) {
        struct frame *pair = frame_alloc_order(1, FRAME_KERNEL);
        if (pair == NULL)
            break;
        bool inside = pair >= whole && pair < whole + BLOCK;
        taken += inside;
        TAILQ_INSERT_TAIL(inside ? pairs : rest, pair, link);
    }
    return taken;
}

SELFTEST(frame_buddies_grow_together_again)
{
    struct frame_list pairs = TAILQ_HEAD_INITIALIZER(pairs), rest = TAILQ_HEAD_INITIALIZER(rest);

    /* Until nothing is left to do for idle CPUs, which would take singles out of the block. */
    while (frame_zero_ahead())
        ;
    struct frame *whole = frame_alloc_order(FRAME_ORDER_MAX, FRAME_KERNEL);

    CHECK(whole != NULL);
    frame_put(whole);
    uint64_t taken = pairs_take(whole, &pairs, &rest);
    list_free(&rest);
    list_free(&pairs);
    struct frame *again = frame_alloc_order(FRAME_ORDER_MAX, FRAME_KERNEL);
    bool same = again == whole;
    if (again != NULL)
        frame_put(again);
    CHECK_EQ(taken, BLOCK / 2);
    CHECK(same);
}

SELFTEST(frame_cache_is_used_first_and_stays_small)
{
    struct frame_list list = TAILQ_HEAD_INITIALIZER(list);
    struct frame *frame = frame_alloc(FRAME_KERNEL);

    CHECK(frame != NULL);
    frame_put(frame);
    bool cached = frame->flags & FRAME_FLAG_CACHED;
    struct frame *again = frame_alloc(FRAME_KERNEL);
    bool same = again == frame;
    frame_put(again);

    unsigned count = list_fill(&list, MANY);
    unsigned least = frame_cache_count();
    list_free(&list);
    unsigned most = frame_cache_count();
    CHECK(cached && same);
    CHECK_EQ(count, MANY);
    CHECK(least < CACHE_MAX);
    CHECK(least < most && most <= CACHE_MAX);
}

SELFTEST(frame_references_are_counted)
{
    struct frame *frame = frame_alloc(FRAME_ANONYMOUS);

    CHECK(frame != NULL);
    frame_get(frame);
    uint32_t two = frame->count;
    frame_put(frame);
    uint8_t owner = frame->owner;
    uint32_t one = frame->count;
    frame_put(frame);
    CHECK_EQ(two, 2);
    CHECK_EQ(one, 1);
    CHECK_EQ(owner, FRAME_ANONYMOUS);
    CHECK_EQ(frame->owner, FRAME_FREE);
    CHECK_EQ(frame->count, 0);
}

/* Singles, one that somebody else holds too, and a block. */
SELFTEST(frame_put_many_puts_each)
{
    uint64_t before = free_frames();
    struct frame *frame[MANY], *kept, *block = frame_alloc_order(2, FRAME_KERNEL);
    unsigned wrong = 0;

    for (unsigned i = 0; i < MANY; i++) {
        frame[i] = i == MANY / 3 ? block : frame_alloc(FRAME_KERNEL);
        CHECK(frame[i] != NULL);
    }
    kept = frame[MANY / 2];
    frame_get(kept);
    CHECK_EQ(free_frames(), before - (MANY - 1) - 4);
    struct frame *first = frame[0];
    frame_put_many(frame, MANY);
    CHECK_EQ(free_frames(), before - 1);
    CHECK_EQ(first->owner, FRAME_FREE);
    CHECK_EQ(kept->owner, FRAME_KERNEL);
    CHECK_EQ(kept->count, 1);
    CHECK(frame_cache_count() <= CACHE_MAX);
    for (unsigned i = 0; i < 4; i++)
        wrong += block[i].owner != FRAME_FREE || block[i].count != 0;
    CHECK_EQ(wrong, 0);
    frame_put(kept);
    CHECK_EQ(free_frames(), before);
    frame_put_many(frame, 0);
    CHECK_EQ(free_frames(), before);
}

SELFTEST(frame_split_makes_singles)
{
    struct frame *block = frame_alloc_order(4, FRAME_ANONYMOUS);
    unsigned wrong = 0;

    CHECK(block != NULL);
    frame_split(block, 4);
    for (unsigned i = 0; i < 16; i++) {
        wrong += block[i].count != 1 || block[i].order != 0 || block[i].flags != 0;
        frame_put(&block[i]);
    }
    CHECK_EQ(wrong, 0);
}

SELFTEST(frame_lookup_knows_what_is_ram)
{
    struct frame *frame = frame_alloc(FRAME_KERNEL);

    CHECK(frame != NULL);
    paddr_t pa = frame_pa(frame);
    bool found = frame_lookup(pa) == frame && frame_lookup(pa + PAGE_SIZE - 1) == frame;
    frame_put(frame);
    CHECK(found);
    CHECK(frame_lookup(UINT64_C(1) << 46) == NULL);
    CHECK(frame_lookup(UINT64_MAX) == NULL);
    struct frame *registers = frame_lookup(LAPIC_DEFAULT);
    CHECK(registers == NULL || registers->owner == FRAME_RESERVED);
    /* The kernel's own code belongs to the kernel. */
    struct vmiter it;
    vmiter_init(&it, &kernel_paging, (vaddr_t)frame_alloc);
    CHECK_EQ(frame_of(vmiter_pa(&it))->owner, FRAME_KERNEL);
}

SELFTEST(frame_fail_after_fails_once)
{
    bool had[4];

    frame_fail_after(3);
    for (unsigned i = 0; i < 4; i++) {
        struct frame *frame = i % 2 ? frame_alloc_order(2, FRAME_KERNEL) : frame_alloc(FRAME_KERNEL);
        had[i] = frame != NULL;
        if (had[i])
            frame_put(frame);
    }
    CHECK(had[0] && had[1] && !had[2] && had[3]);
}

/* Once is enough: what a chunk's description costs does not come back. */
SELFTEST(frame_chunks_are_taken_when_needed)
{
    static bool done;
    struct frame_list list = TAILQ_HEAD_INITIALIZER(list);
    struct frame_statistics before, now;
    unsigned taken;

    if (done)
        return;
    done = true;
    frame_statistics(&before);
    do {
        taken = list_fill(&list, PIECE);
        frame_statistics(&now);
    } while (now.untouched == before.untouched && taken == PIECE);
    struct frame *last = TAILQ_LAST(&list, frame_list);
    bool known = last != NULL && frame_lookup(frame_pa(last)) == last;
    list_free(&list);
    /* All of a small machine may be in use already. */
    CHECK(before.untouched == 0 || now.untouched < before.untouched);
    CHECK(known);
    CHECK(before.untouched - now.untouched <= FRAME_CHUNK_FRAMES);
    CHECK_EQ(now.total, before.total);
    CHECK(free_frames() <= before.free && before.free - free_frames() < FRAME_CHUNK_FRAMES / 64);
}

SELFTEST(frame_exhaustion_gives_null_and_all_comes_back)
{
    struct frame_list list = TAILQ_HEAD_INITIALIZER(list);
    struct frame_statistics now;

    frame_statistics(&now);
    if (now.total > EXHAUST_LIMIT)
        return;
    uint64_t taken = 0;
    for (struct frame *frame; (frame = frame_alloc(FRAME_KERNEL)) != NULL; taken++)
        TAILQ_INSERT_TAIL(&list, frame, link);
    frame_statistics(&now);
    struct frame *block = frame_alloc_order(1, FRAME_KERNEL);
    list_free(&list);
    CHECK(taken > 0);
    CHECK_EQ(now.untouched, 0);
    CHECK_EQ(now.free, 0);
    CHECK(block == NULL);
    CHECK_EQ(free_frames(), taken);
}

SELFTEST_CRASH(frame_put_twice)
{
    struct frame *frame = frame_alloc(FRAME_KERNEL);

    frame_put(frame);
    frame_put(frame);
}
