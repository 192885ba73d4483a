/* Birth, copy and end of address spaces. See address_space.h. */
#include "kernel/memory/address_space.h"

#include "kernel/cpu/random.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"

/* Linux's defaults: 8 MiB of stack; mmap begins below the room a stack may ever take. */
#define STACK_LIMIT_DEFAULT (UINT64_C(8) << 20)

struct space_list spaces = LIST_HEAD_INITIALIZER(spaces);
struct spinlock spaces_lock = {.rank = LOCK_SPACES, .name = "address spaces"};

struct address_space *space_create(void)
{
    struct address_space *space = heap_alloc_zeroed(sizeof(*space));

    if (space == NULL)
        return NULL;
    space->references = 1;
    tlb_version_start(&space->version);
    mutex_init(&space->mutex, MUTEX_SPACE, "address space");
    RB_INIT(&space->regions);
    space->stack_limit = STACK_LIMIT_DEFAULT;
    space->paging = kernel_paging;
    space->paging.context = space;
    /* The root and its place in the list appear at once, for memory_check(). */
    spinlock_lock(&spaces_lock);
    int error = paging_init(&space->paging);
    if (error == 0) {
        kernel_space_share(&space->paging);
        LIST_INSERT_HEAD(&spaces, space, link);
    }
    spinlock_unlock(&spaces_lock);
    if (error == 0)
        return space;
    heap_free(space);
    return NULL;
}

void space_get(struct address_space *space)
{
    __atomic_add_fetch(&space->references, 1, __ATOMIC_RELAXED);
}

void unmap_batch_finish(struct unmap_batch *batch)
{
    tlb_flush(batch->space, &batch->flush);
    for (unsigned i = 0; i < batch->count; i++)
        page_frame_put(batch->frame[i]);
    batch->count = 0;
}

void unmap_batch_add(struct unmap_batch *batch, struct frame *frame)
{
    if (batch->count == UNMAP_BATCH)
        unmap_batch_finish(batch);
    batch->frame[batch->count++] = frame;
}

static void flush_add(struct paging_flush *flush, vaddr_t va)
{
    if (flush->start == flush->end) {
        flush->start = va;
        flush->end = va + PAGE_SIZE;
    }
    if (va < flush->start)
        flush->start = va;
    if (va + PAGE_SIZE > flush->end)
        flush->end = va + PAGE_SIZE;
    flush->pages++;
}

bool space_pages_drop(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct unmap_batch batch = {.space = space, .flush = PAGING_FLUSH_NONE};
    bool dropped = false;
    struct vmiter it;

    for (vmiter_init(&it, &space->paging, start); it.va < end; vmiter_next(&it)) {
        pte_t entry = *it.entry;
        if (!(entry & PTE_P) && !leaf_parked(entry))
            continue;
        if (batch.count == UNMAP_BATCH)
            unmap_batch_finish(&batch);
        *it.entry = 0;
        dropped = true;
        if (entry & PTE_P)
            flush_add(&batch.flush, it.va);
        unmap_batch_add(&batch, leaf_frame(&it, entry));
        space->pages_resident -= vmiter_size(&it) / PAGE_SIZE;
    }
    unmap_batch_finish(&batch);
    return dropped;
}

void space_put(struct address_space *space)
{
    if (__atomic_sub_fetch(&space->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    ASSERT_EQ(cpu_mask_next(&space->active, 0), CPU_MAX, "a space that ends is on no CPU");
    mutex_lock(&space->mutex);
    space_drop_all(space);
    struct region *region = RB_ROOT(&space->regions);
    for (; region != NULL; region = RB_ROOT(&space->regions))
        region_remove(&space->regions, region);
    frame_put(frame_of(space->paging.root));
    spinlock_lock(&spaces_lock);
    LIST_REMOVE(space, link);
    spinlock_unlock(&spaces_lock);
    mutex_unlock(&space->mutex);
    heap_free(space);
}

/* Share the pages of one region. Private pages lose the write bit in both tables: the first who writes gets a copy, the last one the page itself. */
static int region_fork(struct address_space *parent, struct address_space *child, const struct region *region,
                       struct paging_flush *flush)
{
    struct vmiter from, to;
    bool private = !(region->flags & REGION_SHARED);

    int split = huge_page_split_range(parent, region->start, region->end);
    if (split != 0)
        return split;
    vmiter_init(&to, &child->paging, region->start);
    for (vmiter_init(&from, &parent->paging, region->start); from.va < region->end; vmiter_next(&from)) {
        pte_t entry = *from.entry;
        if (!(entry & PTE_P) && !leaf_parked(entry))
            continue;
        if (private && entry & PTE_W) {
            entry &= ~PTE_W;
            *from.entry = entry;
            flush_add(flush, from.va);
        }
        vmiter_advance(&to, from.va - to.va);
        if (to.level != 1) {
            /* The first page of a new table: the library makes it. The others are stores. */
            int error = vmiter_map(&to, entry & PTE_ADDRESS_MASK, PTE_P | PTE_NX, PAGE_SIZE, NULL);
            if (error != 0)
                return error;
        }
        *to.entry = entry & ~(PTE_A | PTE_D);
        page_frame_get(leaf_frame(&from, entry));
        child->pages_resident++;
    }
    return 0;
}

struct address_space *space_fork(struct address_space *parent)
{
    struct address_space *child = space_create();
    struct paging_flush flush = PAGING_FLUSH_NONE;
    int error = 0;

    if (child == NULL)
        return NULL;
    mutex_lock(&parent->mutex);
    child->map_base = parent->map_base;
    child->break_start = parent->break_start;
    child->break_end = parent->break_end;
    child->stack_end = parent->stack_end;
    child->stack_limit = parent->stack_limit;
    child->arguments_start = parent->arguments_start;
    child->arguments_end = parent->arguments_end;
    child->pages_mapped = parent->pages_mapped;
    struct region *region = region_find_from(&parent->regions, 0);
    for (; region != NULL && error == 0; region = region_next(region)) {
        error = region_insert(&child->regions, region);
        if (error == 0)
            error = region_fork(parent, child, region, &flush);
    }
    tlb_flush(parent, &flush);
    mutex_unlock(&parent->mutex);
    if (error != 0) {
        space_put(child);
        return NULL;
    }
    return child;
}

void space_activate(struct address_space *space)
{
    struct cpu *cpu = cpu_current();

    struct address_space *old = cpu->space;

    if (old == space)
        return;
    /* In the new space's set before its generation is read and its tables can fill the TLB, in the old one's until its entries cannot be used: whoever changes tables and then looks at
     * the set (tlb_flush) misses nobody. */
    if (space != NULL)
        cpu_mask_set(&space->active, cpu->id);
    cpu->space = space;
    tlb_load(space);
    if (old != NULL)
        cpu_mask_clear(&old->active, cpu->id);
}
