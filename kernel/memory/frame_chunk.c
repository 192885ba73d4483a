/* Chunks: taking RAM into use, 32 MiB at a time.
 *
 * A chunk's part of the frame array is made from the chunk's own RAM. Only blocks of 128 frames (one page of the array) that hold usable RAM or something of the
 * kernel get a page of their own; all others share one read-only page that says "reserved". */
#include <stddef.h>

#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/kernel_space.h"
#include "paging/vmiter.h"

#define FRAMES_PER_PAGE (PAGE_SIZE / sizeof(struct frame))
#define BLOCK           (FRAMES_PER_PAGE * PAGE_SIZE) /* RAM that one page of the array describes */

/* Nothing below is handed out: firmware keeps things there that it forgets to tell of, and other processors start there. */
#define LOW_MEMORY_END  UINT64_C(0x100000)

static const struct boot_info *boot;
static paddr_t next_chunk;
static paddr_t early_at, early_end; /* the run that pages are taken from while a chunk is made */
static paddr_t early_limit;
static struct frame *reserved_page;
uint64_t frame_chunk_usable_total;
uint64_t frame_chunk_untouched;

static const struct boot_memory *memory_map(void)
{
    return direct_map(boot->memory_map);
}

static bool kind_usable(uint32_t kind)
{
    return kind == BOOT_MEMORY_FREE || kind == BOOT_MEMORY_BOOT_SERVICES || kind == BOOT_MEMORY_LOADER;
}

/* The loader's range that holds `pa`, or NULL; *next becomes where the nearest range above begins. */
static const struct boot_range *range_at(paddr_t pa, paddr_t *next)
{
    *next = UINT64_MAX;
    for (uint32_t i = 0; i < boot->range_count; i++) {
        const struct boot_range *range = &boot->ranges[i];
        if (range->start <= pa && pa < ROUND_UP(range->start + range->size, PAGE_SIZE))
            return range;
        if (range->start > pa && range->start < *next && range->size > 0)
            *next = range->start;
    }
    return NULL;
}

bool frame_usable_run(paddr_t at, paddr_t limit, paddr_t *start, paddr_t *end)
{
    const struct boot_memory *map = memory_map();

    if (at < LOW_MEMORY_END)
        at = LOW_MEMORY_END;
    for (uint32_t i = 0; i < boot->memory_map_count && map[i].start < limit; i++) {
        paddr_t low = map[i].start > at ? map[i].start : at;
        paddr_t high = map[i].start + map[i].size;
        if (high > limit)
            high = limit;
        while (kind_usable(map[i].kind) && low < high) {
            paddr_t next;
            const struct boot_range *range = range_at(low, &next);
            if (range == NULL) {
                *start = low;
                *end = high < next ? high : next;
                return true;
            }
            low = ROUND_UP(range->start + range->size, PAGE_SIZE);
        }
    }
    return false;
}

void frame_chunks_start(const struct boot_info *info)
{
    paddr_t start, end;

    boot = info;
    for (paddr_t at = 0; frame_usable_run(at, UINT64_MAX, &start, &end); at = end)
        frame_chunk_usable_total += (end - start) / PAGE_SIZE;
    frame_chunk_untouched = frame_chunk_usable_total;
}

/* One page out of the chunk that is being made; PADDR_NONE when it has no more. */
static paddr_t early_page(void)
{
    if (early_at >= early_end && !frame_usable_run(early_end, early_limit, &early_at, &early_end))
        return PADDR_NONE;
    paddr_t page = early_at;
    early_at += PAGE_SIZE;
    return page;
}

paddr_t frame_chunk_table_page(void)
{
    paddr_t page = early_page();

    if (page != PADDR_NONE)
        page_clear(direct_map(page));
    return page;
}

/* Chunks below KNOWN_END that were found in use, a bit each; they stay so. Atomic. */
#define KNOWN_END (UINT64_C(1) << 40)
static uint64_t chunks_known[KNOWN_END / FRAME_CHUNK / 64];

/* In the page-table entry of a chunk's first page of the array: all of the array is there and says whose each frame is. Other CPUs look at chunks without a lock, while one is being taken into
 * use; before this mark they see nothing of it. */
#define CHUNK_READY PTE_SOFT1

static void chunk_ready(paddr_t base)
{
    struct vmiter it;

    vmiter_init(&it, &kernel_paging, (vaddr_t)frame_of(base));
    vmiter_protect(&it, vmiter_perm(&it) | CHUNK_READY, NULL);
}

static bool chunk_in_use(paddr_t base)
{
    uint64_t number = base / FRAME_CHUNK;
    struct vmiter it;

    if (base < KNOWN_END && __atomic_load_n(&chunks_known[number / 64], __ATOMIC_ACQUIRE) >> number % 64 & 1)
        return true;
    vmiter_init(&it, &kernel_paging, (vaddr_t)frame_of(base));
    bool ready = vmiter_perm(&it) & CHUNK_READY;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (ready && base < KNOWN_END)
        __atomic_fetch_or(&chunks_known[number / 64], UINT64_C(1) << number % 64, __ATOMIC_RELEASE);
    return ready;
}

/* Whether a block of 128 frames deserves its own page of the array. */
static bool block_described(paddr_t block)
{
    paddr_t start, end, next;

    return frame_usable_run(block, block + BLOCK, &start, &end) || range_at(block, &next) != NULL ||
           next < block + BLOCK;
}

static bool array_map(paddr_t base)
{
    if (reserved_page == NULL) {
        paddr_t page = early_page();
        if (page == PADDR_NONE)
            return false;
        reserved_page = direct_map(page);
        memset(reserved_page, 0, PAGE_SIZE);
        for (unsigned i = 0; i < FRAMES_PER_PAGE; i++)
            reserved_page[i].owner = FRAME_RESERVED;
    }
    for (paddr_t block = base; block < base + FRAME_CHUNK; block += BLOCK) {
        bool described = block_described(block);
        paddr_t page = described ? early_page() : direct_map_pa(reserved_page);
        if (page == PADDR_NONE)
            return false;
        if (described)
            page_clear(direct_map(page));
        if (paging_map(&kernel_paging, (vaddr_t)frame_of(block), page, PAGE_SIZE,
                       described ? PERM_KERNEL_RW : PERM_KERNEL_R, PAGE_SIZE) != 0)
            return false;
    }
    return true;
}

static enum frame_owner range_owner(const struct boot_range *range)
{
    switch (range->kind) {
    case BOOT_RANGE_TABLES:
        return FRAME_TABLE;
    case BOOT_RANGE_ARCHIVE:
        return FRAME_FILE;
    default:
        return FRAME_KERNEL;
    }
}

/* Say whose the frames of [start, end) are that the buddy lists do not get. */
static void frames_mark(paddr_t start, paddr_t end)
{
    for (paddr_t pa = start; pa < end; pa += PAGE_SIZE) {
        paddr_t next;
        const struct boot_range *range = range_at(pa, &next);
        if (frame_of(ROUND_DOWN(pa, BLOCK))->owner == FRAME_RESERVED &&
            !block_described(ROUND_DOWN(pa, BLOCK))) {
            pa = ROUND_DOWN(pa, BLOCK) + BLOCK - PAGE_SIZE;
            continue;
        }
        frame_of(pa)->owner = range ? range_owner(range) : FRAME_RESERVED;
        frame_of(pa)->count = 1;
    }
}

static void run_free(paddr_t start, paddr_t end)
{
    while (start < end) {
        unsigned order = 0;
        while (order < FRAME_ORDER_MAX && !(start & (PAGE_SIZE << order)) &&
               start + (PAGE_SIZE << (order + 1)) <= end)
            order++;
        buddy_free(frame_of(start), order);
        start += PAGE_SIZE << order;
    }
}

/* Hand the chunk's RAM to the buddy lists, but for what the array itself took: all runs up to `early_at`. */
static void chunk_fill(paddr_t base, paddr_t taken_to)
{
    paddr_t at = base, start, end;

    while (frame_usable_run(at, base + FRAME_CHUNK, &start, &end)) {
        frames_mark(at, start);
        frame_chunk_untouched -= (end - start) / PAGE_SIZE;
        paddr_t taken = taken_to > end ? end : taken_to > start ? taken_to : start;
        for (paddr_t pa = start; pa < taken; pa += PAGE_SIZE) {
            frame_of(pa)->owner = FRAME_KERNEL;
            frame_of(pa)->count = 1;
        }
        run_free(taken, end);
        at = end;
    }
    frames_mark(at, base + FRAME_CHUNK);
}

bool frame_chunk_take(paddr_t pa)
{
    paddr_t base = ROUND_DOWN(pa, FRAME_CHUNK);

    if (chunk_in_use(base))
        return true;
    early_limit = base + FRAME_CHUNK;
    early_at = early_end = base;
    bool mapped = array_map(base);
    paddr_t taken_to = early_at;
    early_at = early_end = early_limit = 0;
    if (!mapped) {
        /* Too little usable RAM even to describe itself; only a chunk that is nearly all reserved can be that small. */
        paddr_t start, end;
        for (paddr_t at = base; frame_usable_run(at, base + FRAME_CHUNK, &start, &end); at = end)
            frame_chunk_untouched -= (end - start) / PAGE_SIZE;
        return false;
    }
    chunk_fill(base, taken_to);
    chunk_ready(base);
    return true;
}

bool frame_chunk_take_next(void)
{
    paddr_t start, end;

    while (frame_usable_run(next_chunk, UINT64_MAX, &start, &end)) {
        paddr_t base = ROUND_DOWN(start, FRAME_CHUNK);
        next_chunk = base + FRAME_CHUNK;
        if (!chunk_in_use(base) && frame_chunk_take(base))
            return true;
    }
    return false;
}

void frame_each_chunk(void (*visit)(struct frame *first, uint64_t count, void *context), void *context)
{
    paddr_t start, end;

    for (paddr_t at = 0; frame_usable_run(at, UINT64_MAX, &start, &end);) {
        paddr_t base = ROUND_DOWN(start, FRAME_CHUNK);
        if (chunk_in_use(base))
            visit(frame_of(base), FRAME_CHUNK_FRAMES, context);
        at = base + FRAME_CHUNK;
    }
}

struct frame *frame_lookup(paddr_t pa)
{
    return pa < UINT64_C(1) << 46 && chunk_in_use(ROUND_DOWN(pa, FRAME_CHUNK)) ? frame_of(pa) : NULL;
}
