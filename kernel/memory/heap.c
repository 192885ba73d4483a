/* See heap.h. A slab is one frame cut into objects of one size class; its struct frame holds the list of free objects (owner_data) and
 * the number of objects in use (count - 1, so that an empty slab looks like an unused block). Slabs with room are listed per class. */
#include "kernel/memory/heap.h"

#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame.h"
#include "paging/paging.h"

static const uint16_t class_size[] = {16, 32, 48, 64, 96, 128, 192, 256, 336, 512, 816, 1024, 1360, 2048};
#define CLASSES    (sizeof(class_size) / sizeof(class_size[0]))
#define SLAB_LIMIT 2048

static struct {
    TAILQ_HEAD(, frame) with_room;
    unsigned empty; /* slabs in the list that hold nothing; one is kept */
} classes[CLASSES];

static struct spinlock heap_lock = {.rank = LOCK_HEAP, .name = "heap"};
static uint64_t bytes_used;

/* What a free object holds. The mark makes giving it back twice cheap to suspect. */
struct free_object {
    struct free_object *next;
    uint64_t mark;
};
#define FREE_MARK UINT64_C(0xf4eef4eef4eef4ee)
_Static_assert(sizeof(struct free_object) <= 16, "fits in the smallest class");

/* The class of a slab stands in the upper byte of its frame's flags. */
#define FLAG_CLASS_SHIFT 8

static unsigned class_of(size_t size)
{
    unsigned class = 0;
    while (class_size[class] < size)
        class ++;
    return class;
}

static struct frame *slab_make(unsigned class)
{
    struct frame *slab = frame_alloc(FRAME_HEAP);
    if (slab == NULL)
        return NULL;

    uint8_t *page = frame_pointer(slab);
    struct free_object *next = NULL;
    for (size_t at = PAGE_SIZE / class_size[class]; at-- > 0;) {
        struct free_object *object = (struct free_object *)(page + at * class_size[class]);
        *object = (struct free_object){next, FREE_MARK};
        next = object;
    }
    slab->flags = (uint16_t)(FRAME_FLAG_SLAB | class << FLAG_CLASS_SHIFT);
    slab->owner_data = next;
    TAILQ_INSERT_HEAD(&classes[class].with_room, slab, link);
    classes[class].empty++;
    return slab;
}

static void *small_alloc(unsigned class)
{
    if (classes[class].with_room.tqh_last == NULL)
        TAILQ_INIT(&classes[class].with_room);
    struct frame *slab = TAILQ_FIRST(&classes[class].with_room);
    if (slab == NULL && (slab = slab_make(class)) == NULL)
        return NULL;

    struct free_object *object = slab->owner_data;
    slab->owner_data = object->next;
    object->mark = 0;
    if (slab->count++ == 1)
        classes[class].empty--;
    if (slab->owner_data == NULL)
        TAILQ_REMOVE(&classes[class].with_room, slab, link);
    bytes_used += class_size[class];
    return object;
}

static unsigned order_of(size_t size)
{
    unsigned order = 0;
    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

void *heap_alloc(size_t size)
{
    void *pointer = NULL;

    if (size > PAGE_SIZE << FRAME_ORDER_MAX || failure_due(&heap_failure))
        return NULL;
    spinlock_lock(&heap_lock);
    if (size <= SLAB_LIMIT) {
        pointer = small_alloc(class_of(size));
    } else {
        struct frame *block = frame_alloc_order(order_of(size), FRAME_HEAP);
        if (block != NULL) {
            bytes_used += PAGE_SIZE << block->order;
            pointer = frame_pointer(block);
        }
    }
    spinlock_unlock(&heap_lock);
    return pointer;
}

void *heap_alloc_zeroed(size_t size)
{
    void *pointer = heap_alloc(size);

    if (pointer != NULL)
        memset(pointer, 0, size);
    return pointer;
}

/* The mark alone may be what the owner wrote there; the list is certain. */
static bool object_free(const struct frame *slab, const struct free_object *object)
{
    if (object->mark != FREE_MARK)
        return false;
    for (const struct free_object *at = slab->owner_data; at != NULL; at = at->next)
        if (at == object)
            return true;
    return false;
}

static void small_free(struct frame *slab, void *pointer)
{
    unsigned class = slab->flags >> FLAG_CLASS_SHIFT;
    struct free_object *object = pointer;

    ASSERT_EQ(PAGEOFFSET((vaddr_t)pointer) % class_size[class], 0u,
              "a heap object begins where it was given");
    ASSERT(slab->count > 1 && !object_free(slab, object), "heap object %p is given back once", pointer);
    if (slab->owner_data == NULL)
        TAILQ_INSERT_HEAD(&classes[class].with_room, slab, link);
    *object = (struct free_object){slab->owner_data, FREE_MARK};
    slab->owner_data = object;
    bytes_used -= class_size[class];
    if (--slab->count > 1)
        return;
    if (classes[class].empty > 0) {
        TAILQ_REMOVE(&classes[class].with_room, slab, link);
        frame_put(slab);
    } else {
        classes[class].empty++;
    }
}

void heap_free(void *pointer)
{
    if (pointer == NULL)
        return;
    struct frame *frame = frame_lookup(direct_map_pa(pointer));
    ASSERT(frame != NULL && frame->owner == FRAME_HEAP, "%p is of the heap", pointer);
    spinlock_lock(&heap_lock);
    if (frame->flags & FRAME_FLAG_SLAB) {
        small_free(frame, pointer);
    } else {
        ASSERT(PAGEOFFSET((vaddr_t)pointer) == 0 && !(frame->flags & FRAME_FLAG_TAIL), "%p begins a block",
               pointer);
        bytes_used -= PAGE_SIZE << frame->order;
        frame_put(frame);
    }
    spinlock_unlock(&heap_lock);
}

unsigned heap_slab_objects(const struct frame *slab)
{
    return (unsigned)(PAGE_SIZE / class_size[slab->flags >> FLAG_CLASS_SHIFT]);
}

uint64_t heap_bytes_used(void)
{
    return __atomic_load_n(&bytes_used, __ATOMIC_RELAXED);
}
