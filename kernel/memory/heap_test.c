/* The heap on the running machine. */
#include "kernel/memory/heap.h"

#include "kernel/debug/selftest.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame.h"

#define LARGEST (PAGE_SIZE << FRAME_ORDER_MAX)

/* Around every size class, and some blocks of frames. */
static const size_t sizes[] = {0,    1,    15,   16,   17,   31,   32,   33,   47,   48,
                               49,   64,   65,   96,   97,   128,  129,  192,  193,  256,
                               257,  336,  337,  512,  513,  816,  817,  1024, 1025, 1360,
                               1361, 2047, 2048, 2049, 4095, 4096, 4097, 8192, 8193, 65536};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static bool filled(const uint8_t *bytes, size_t size, uint8_t with)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

SELFTEST(heap_objects_are_aligned_and_apart)
{
    uint8_t *object[SIZES];
    unsigned missing = 0, misaligned = 0, overwritten = 0;

    uint64_t before = heap_bytes_used();
    for (unsigned i = 0; i < SIZES; i++) {
        object[i] = heap_alloc(sizes[i]);
        if (object[i] == NULL) {
            missing++;
            continue;
        }
        misaligned += (uintptr_t)object[i] % (sizes[i] > PAGE_SIZE / 2 ? PAGE_SIZE : 16) != 0;
        memset(object[i], (int)(i + 1), sizes[i]);
    }
    uint64_t used = heap_bytes_used() - before, asked = 0;
    for (unsigned i = 0; i < SIZES; i++) {
        asked += sizes[i];
        overwritten += object[i] != NULL && !filled(object[i], sizes[i], (uint8_t)(i + 1));
        heap_free(object[i]);
    }
    CHECK_EQ(missing, 0);
    CHECK_EQ(misaligned, 0);
    CHECK_EQ(overwritten, 0);
    CHECK(used >= asked && used < 2 * asked);
    CHECK_EQ(heap_bytes_used(), before);
}

SELFTEST(heap_has_a_largest_size)
{
    void *block = heap_alloc(LARGEST);
    bool had = block != NULL, aligned = (uintptr_t)block % PAGE_SIZE == 0;

    heap_free(block);
    CHECK(had && aligned);
    CHECK(heap_alloc(LARGEST + 1) == NULL);
    CHECK(heap_alloc(SIZE_MAX) == NULL);
    CHECK(heap_alloc_zeroed(SIZE_MAX) == NULL);
    heap_free(NULL);
}

SELFTEST(heap_reuses_what_came_back)
{
    for (unsigned i = 0; i < SIZES; i++) {
        uint8_t *first = heap_alloc(sizes[i]);
        CHECK(first != NULL);
        memset(first, 0xa5, sizes[i]);
        heap_free(first);
        uint8_t *second = heap_alloc_zeroed(sizes[i]);
        bool same = first == second, clear = second != NULL && filled(second, sizes[i], 0);
        heap_free(second);
        CHECK(clear);
        /* Blocks go back to the buddy lists, where they may merge. */
        CHECK(same || sizes[i] > PAGE_SIZE / 2);
    }
}

/* Many objects of one size, linked through themselves, given back from both ends of the list in turn. */
static unsigned many_objects(size_t size, unsigned count)
{
    struct object {
        TAILQ_ENTRY(object) link;
    } * object;
    TAILQ_HEAD(, object) list = TAILQ_HEAD_INITIALIZER(list);
    unsigned had = 0;

    for (; had < count && (object = heap_alloc(size)) != NULL; had++)
        TAILQ_INSERT_TAIL(&list, object, link);
    for (unsigned i = 0; !TAILQ_EMPTY(&list); i++) {
        object = i % 3 ? TAILQ_FIRST(&list) : TAILQ_NEXT(TAILQ_FIRST(&list), link);
        if (object == NULL)
            object = TAILQ_FIRST(&list);
        TAILQ_REMOVE(&list, object, link);
        heap_free(object);
    }
    return had;
}

static uint64_t heap_frames(void)
{
    struct frame_statistics frames;

    frame_statistics(&frames);
    return frames.owned[FRAME_HEAP];
}

SELFTEST(heap_gives_empty_slabs_back)
{
    static const size_t some[] = {16, 48, 336, 1360, 2048};

    for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        uint64_t before = heap_frames(), used = heap_bytes_used();
        CHECK_EQ(many_objects(some[i], 1000), 1000);
        CHECK_EQ(heap_bytes_used(), used);
        /* One slab of each size is kept for the next. */
        CHECK(heap_frames() <= before + 1);
    }
}

SELFTEST(heap_exhaustion_gives_null)
{
    uint64_t before = heap_bytes_used();

    frame_fail_after(1);
    void *block = heap_alloc(3 * PAGE_SIZE);
    uint64_t after_block = heap_bytes_used();
    CHECK(block == NULL);
    CHECK_EQ(after_block, before);

    /* A slab's worth and more of objects: at some point a new slab is wanted, and refused. */
    void *object[8], *refused = NULL;
    unsigned had = 0;
    frame_fail_after(1);
    for (; had < 8; had++) {
        object[had] = heap_alloc(1360);
        if (object[had] == NULL)
            break;
    }
    frame_fail_after(0);
    if (had < 8)
        refused = object[had];
    for (unsigned i = 0; i < had; i++)
        heap_free(object[i]);
    CHECK(had < 8 && refused == NULL);
    CHECK_EQ(heap_bytes_used(), before);
}

/* While its slab holds other objects, so that only the object itself can tell. */
SELFTEST_CRASH(heap_free_twice)
{
    void *object[8];

    for (unsigned i = 0; i < 8; i++)
        object[i] = heap_alloc(64);
    heap_free(object[3]);
    heap_free(object[5]);
    heap_free(object[3]);
}

SELFTEST_CRASH(heap_free_inside_object)
{
    uint8_t *object = heap_alloc(64);

    heap_free(object + 16);
}
