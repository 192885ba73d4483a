/* Birth, copy and end of address spaces. See address_space.h. */
#include "kernel/memory/address_space.h"

#include <asm/errno.h>

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

/* A space that is on no list yet, without a root. */
static struct address_space *space_begin(void)
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
    return space;
}

static int root_make(struct address_space *space)
{
    int error = paging_init(&space->paging);

    if (error == 0)
        kernel_space_share(&space->paging);
    return error;
}

struct address_space *space_create(void)
{
    struct address_space *space = space_begin();

    if (space == NULL)
        return NULL;
    /* The root and its place in the list appear at once, for memory_check(). */
    spinlock_lock(&spaces_lock);
    int error = root_make(space);
    if (error == 0)
        LIST_INSERT_HEAD(&spaces, space, link);
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
    if (batch->count > 0)
        frame_put_many(batch->frame, batch->count);
    batch->count = 0;
}

void unmap_batch_add(struct unmap_batch *batch, struct frame *frame)
{
    if (frame == zero_frame)
        return; /* not counted */
    if (batch->count == UNMAP_BATCH)
        unmap_batch_finish(batch);
    batch->frame[batch->count++] = frame;
}

void space_flush_add(struct paging_flush *flush, vaddr_t va, uint64_t size)
{
    if (flush->start == flush->end) {
        flush->start = va;
        flush->end = va + size;
    }
    if (va < flush->start)
        flush->start = va;
    if (va + size > flush->end)
        flush->end = va + size;
    flush->pages++;
}

bool space_pages_drop(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct unmap_batch batch;
    bool dropped = false;
    struct vmiter it;

    unmap_batch_start(&batch, space);
    for (vmiter_init(&it, &space->paging, start); it.va < end; vmiter_next(&it)) {
        pte_t entry = *it.entry;
        if (!(entry & PTE_P) && !leaf_parked(entry))
            continue;
        if (batch.count == UNMAP_BATCH)
            unmap_batch_finish(&batch);
        *it.entry = 0;
        dropped = true;
        if (entry & PTE_P)
            space_flush_add(&batch.flush, it.va, PAGE_SIZE);
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

/* How far a copy is, in both tables. */
struct fork {
    struct address_space *child;
    struct vmiter from, to;
    struct paging_flush flush; /* of the parent */
};

/* The child's entry for the page at `va`: of a table that is there, or is made now. NULL: no memory. */
static pte_t *entry_reach(struct fork *fork, vaddr_t va)
{
    vmiter_find(&fork->to, va);
    return vmiter_reach(&fork->to) == 0 ? fork->to.entry : NULL;
}

/* Share the pages of [fork->from.va, end), which one table of the lowest level decides. Private pages lose the write bit in both tables: the first who writes gets a copy, the last one the
 * page itself. */
static int table_fork(struct fork *fork, bool private, vaddr_t end)
{
    pte_t *from = fork->from.entry, *to = NULL;
    uint64_t count = (end - fork->from.va) / PAGE_SIZE, first = count, last = 0, shared = 0;

    for (uint64_t i = 0; i < count; i++) {
        pte_t entry = pte_read(&from[i]);
        if (!(entry & PTE_P) && !leaf_parked(entry))
            continue;
        if (to == NULL) {
            pte_t *reached = entry_reach(fork, fork->from.va + i * PAGE_SIZE);
            if (reached == NULL)
                return -ENOMEM;
            to = reached - i;
        }
        if (private && entry & PTE_W) {
            entry &= ~PTE_W;
            pte_write(&from[i], entry);
            first = first < i ? first : i;
            last = i;
        }
        page_frame_get(frame_of(entry & PTE_ADDRESS_MASK));
        pte_write(&to[i], entry & ~(PTE_A | PTE_D));
        shared++;
    }
    fork->child->pages_resident += shared;
    if (first < count) {
        space_flush_add(&fork->flush, fork->from.va + first * PAGE_SIZE, PAGE_SIZE);
        space_flush_add(&fork->flush, fork->from.va + last * PAGE_SIZE, PAGE_SIZE);
    }
    return 0;
}

static int region_fork(struct fork *fork, struct address_space *parent, const struct region *region)
{
    bool private = !(region->flags & REGION_SHARED);
    int error = 0;

    vmiter_find(&fork->from, region->start);
    while (fork->from.va < region->end && error == 0) {
        vaddr_t end = ROUND_DOWN(fork->from.va, PAGE_2M) + PAGE_2M;
        if (end > region->end)
            end = region->end;
        if (fork->from.level == 2 && *fork->from.entry != 0) {
            error = huge_page_split_range(parent, fork->from.va, end);
            vmiter_find(&fork->from, fork->from.va);
        } else if (fork->from.level > 1) {
            vmiter_next(&fork->from);
        } else {
            error = table_fork(fork, private, end);
            vmiter_advance(&fork->from, end - fork->from.va);
        }
    }
    return error;
}

/* Everything of the parent, whose mutex is held, into the child that nobody else knows. -ENOMEM: a part of it. */
static int space_copy(struct address_space *parent, struct address_space *child)
{
    struct fork fork = {.child = child, .flush = PAGING_FLUSH_NONE};
    int error = 0;

    vmiter_init(&fork.from, &parent->paging, 0);
    vmiter_init(&fork.to, &child->paging, 0);
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
            error = region_fork(&fork, parent, region);
    }
    tlb_flush(parent, &fork.flush);
    return error;
}

struct address_space *space_fork(struct address_space *parent)
{
    struct address_space *child = space_begin();

    if (child == NULL)
        return NULL;
    mutex_lock(&parent->mutex);
    int error = root_make(child);
    if (error != 0) {
        mutex_unlock(&parent->mutex);
        heap_free(child);
        return NULL;
    }
    error = space_copy(parent, child);
    /* Only now can the child be found, so nobody changes it while it is filled; and before the parent's mutex is given up. Thus who cuts a file short (spaces_cut_backing) and has seen to the parent
     * before has cut what was copied, and who does so later finds the child on the list. memory_check() does not look while that mutex is held. */
    spinlock_lock(&spaces_lock);
    LIST_INSERT_HEAD(&spaces, child, link);
    spinlock_unlock(&spaces_lock);
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
