/* See kernel_space.h. */
#include "kernel/memory/kernel_space.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/direct_map.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/frame_internal.h"
#include "kernel/memory/tlb.h"
#include "paging/ptiter.h"
#include "paging/vmiter.h"

#define HIGH_HALF_BASE  UINT64_C(0xffff800000000000)

/* Two top-level entries of the kernel mappings are used: one for devices, one for stacks. */
#define TOP_LEVEL_SPAN  PAGING_SPAN(4)
#define DEVICE_AREA_END (KERNEL_MAP_BASE + TOP_LEVEL_SPAN)
#define STACK_AREA_BASE DEVICE_AREA_END
#define STACK_AREA_END  (STACK_AREA_BASE + TOP_LEVEL_SPAN)
#define STACK_SLOT      (2 * KERNEL_STACK_SIZE) /* the lower half is the guard */
_Static_assert(STACK_AREA_END <= KERNEL_MAP_BASE + KERNEL_MAP_SIZE, "the areas are kernel mappings");

static const struct boot_info *boot;
static struct spinlock lock = {.rank = LOCK_KERNEL_MAP, .name = "kernel map"};
static vaddr_t device_next = KERNEL_MAP_FREE;
static vaddr_t stack_next = STACK_AREA_BASE;

/* Some stacks given back stay mapped for the next thread: no frames, no tables and no TLB flush are needed again. A free stack's first word links to the next. Beyond those only
 * the addresses are kept. */
#define STACK_CACHE_MAX      32
#define STACK_SLOTS_FREE_MAX 8192
static unsigned stack_cached, stack_slots_free;
static vaddr_t stack_slot_free[STACK_SLOTS_FREE_MAX];
static vaddr_t stack_cache;

/* `context` is the address space that the table is for; NULL: the kernel's own. */
static paddr_t table_alloc(void *context)
{
    struct address_space *space = context;

    if (spinlock_held(&frame_lock))
        return frame_chunk_table_page();
    struct frame *frame = frame_alloc_zeroed(FRAME_TABLE);
    if (space != NULL && frame != NULL)
        space->tables++;
    return frame ? frame_pa(frame) : PADDR_NONE;
}

static void table_free(void *context, paddr_t table)
{
    struct address_space *space = context;
    struct frame *frame = frame_lookup(table);

    if (space != NULL)
        space->tables--;
    if (frame != NULL)
        frame_put(frame);
}

static pte_t *table_pointer(void *context, paddr_t table)
{
    (void)context;
    return direct_map(table);
}

static const struct paging_ops kernel_paging_ops = {table_alloc, table_free, table_pointer};

struct paging kernel_paging;

void kernel_space_describe(const struct boot_info *info)
{
    boot = info;
    kernel_paging = (struct paging){
        .ops = &kernel_paging_ops,
        .root = boot->page_tables,
        .levels = (uint8_t)boot->levels,
        .physical_width = cpu_features.physical_width,
        .nx = cpu_features.nx,
        .global = cpu_features.pge,
        .pages_1g = cpu_features.pages_1g,
        .pat = cpu_features.pat,
        .direct = DIRECT_MAP_BASE,
    };
}

unsigned kernel_space_first_index(void)
{
    return (unsigned)PAGEINDEX(HIGH_HALF_BASE, kernel_paging.levels);
}

void kernel_page_guard(vaddr_t va)
{
    struct paging_flush flush = PAGING_FLUSH_NONE;
    int error = paging_unmap(&kernel_paging, va, PAGE_SIZE, &flush);
    ASSERT_EQ(error, 0, "the kernel image is mapped in 4 KiB pages");
    invlpg(va);
}

extern uint8_t boot_stack_guard[];

/* With five levels all of the high half hangs below one root entry, which exists. */
static void top_level_make(vaddr_t start, vaddr_t end)
{
    pte_t *root = direct_map(kernel_paging.root);

    for (vaddr_t va = start; va < end; va += TOP_LEVEL_SPAN) {
        unsigned index = (unsigned)PAGEINDEX(va, kernel_paging.levels);
        if (root[index] & PTE_P)
            continue;
        paddr_t table = table_alloc(NULL);
        ASSERT(table != PADDR_NONE, "there is memory for the kernel's top-level tables");
        root[index] = table | PTE_P | PTE_W;
    }
}

void kernel_space_start(void)
{
    top_level_make(KERNEL_MAP_BASE, STACK_AREA_END);
    top_level_make(FRAME_MAP_BASE, FRAME_MAP_END);
    kernel_page_guard((vaddr_t)boot_stack_guard);
    for (unsigned i = 0; i < IST_COUNT; i++)
        kernel_page_guard(cpu_interrupt_stack_guard(cpu_tables_boot(), i));
}

void kernel_space_drop_low(void)
{
    /* With five levels the low 47 bits are a part of root entry 0 and the rest is unused. */
    pte_t *root = direct_map(kernel_paging.root);
    unsigned last = kernel_space_first_index() - 1;

    spinlock_lock(&frame_lock);
    for (uint32_t i = 0; i < boot->range_count; i++)
        if (boot->ranges[i].kind == BOOT_RANGE_TABLES)
            frame_chunk_take(boot->ranges[i].start);
    spinlock_unlock(&frame_lock);
    paging_free(&kernel_paging, 0, last);
    for (unsigned i = 0; i <= last; i++)
        root[i] = 0;
    write_cr3(read_cr3());
}

volatile void *kernel_map_device(paddr_t pa, size_t size, uint64_t type)
{
    paddr_t start = ROUND_DOWN(pa, PAGE_SIZE);
    uint64_t length = ROUND_UP(pa + size, PAGE_SIZE) - start;

    if (size == 0 || pa + size < pa || (pa + size - 1) >> cpu_features.physical_width)
        return NULL;
    spinlock_lock(&lock);
    /* Aligned like the device, so that large pages fit. */
    uint64_t unit = length >= PAGE_2M ? PAGE_2M : PAGE_SIZE;
    vaddr_t va = ROUND_UP(device_next, unit) + (start & (unit - 1));
    int error = va + length > DEVICE_AREA_END
                    ? -1
                    : paging_map(&kernel_paging, va, start, length, PERM_KERNEL_RW | type, PAGE_2M);
    if (error == 0)
        device_next = va + length + PAGE_SIZE;
    spinlock_unlock(&lock);
    return error ? NULL : (volatile void *)(va + (pa - start));
}

TAILQ_HEAD(frame_list, frame);

/* Everything that mapping [va, va+size) takes: its tables, and as many zeroed frames. false: there is not enough, and the list is empty. */
static bool pages_prepare(vaddr_t va, uint64_t size, struct frame_list *list)
{
    struct vmiter it;
    struct frame *frame;

    vmiter_init(&it, &kernel_paging, va);
    for (; it.va < va + size; vmiter_next(&it)) {
        frame = vmiter_reach(&it) == 0 ? frame_alloc_zeroed(FRAME_KERNEL) : NULL;
        if (frame == NULL)
            break;
        TAILQ_INSERT_TAIL(list, frame, link);
    }
    if (it.va == va + size)
        return true;
    while ((frame = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, frame, link);
        frame_put(frame);
    }
    return false;
}

/* Map fresh, zeroed frames at [va, va+size); all or nothing: what was mapped, if only for a moment, might be in a TLB, and under a spinlock nobody can flush. */
static bool pages_map(vaddr_t va, uint64_t size)
{
    struct frame_list list = TAILQ_HEAD_INITIALIZER(list);
    struct frame *frame;

    if (!pages_prepare(va, size, &list))
        return false;
    for (vaddr_t at = va; (frame = TAILQ_FIRST(&list)) != NULL; at += PAGE_SIZE) {
        TAILQ_REMOVE(&list, frame, link);
        int error = paging_map(&kernel_paging, at, frame_pa(frame), PAGE_SIZE, PERM_KERNEL_RW, PAGE_SIZE);
        ASSERT_EQ(error, 0, "the tables are there, and nothing is mapped");
    }
    return true;
}

void *kernel_pages_alloc(size_t size)
{
    uint64_t length = ROUND_UP(size, PAGE_SIZE);

    spinlock_lock(&lock);
    vaddr_t va = device_next;
    bool mapped = va + length <= DEVICE_AREA_END && pages_map(va, length);
    if (mapped)
        device_next = va + length + PAGE_SIZE;
    spinlock_unlock(&lock);
    return mapped ? (void *)va : NULL;
}

/* Take the frames out from under a stack; the flush that this needs comes before they are used again. */
static void stack_unmap(vaddr_t va)
{
    struct frame *frame[KERNEL_STACK_SIZE / PAGE_SIZE];
    struct paging_flush flush = PAGING_FLUSH_NONE;
    struct vmiter it;

    spinlock_lock(&lock);
    vmiter_init(&it, &kernel_paging, va);
    for (unsigned i = 0; i < KERNEL_STACK_SIZE / PAGE_SIZE; i++, vmiter_next(&it)) {
        frame[i] = frame_of(vmiter_pa(&it));
        int error = vmiter_unmap(&it, PAGE_SIZE, &flush);
        ASSERT_EQ(error, 0, "a stack is mapped in 4 KiB pages");
    }
    spinlock_unlock(&lock);
    tlb_flush(NULL, &flush);
    for (unsigned i = 0; i < KERNEL_STACK_SIZE / PAGE_SIZE; i++)
        frame_put(frame[i]);
}

/* Only the address is kept. */
static void stack_drop(vaddr_t stack)
{
    stack_unmap(stack);
    spinlock_lock(&lock);
    if (stack_slots_free < STACK_SLOTS_FREE_MAX)
        stack_slot_free[stack_slots_free++] = stack;
    spinlock_unlock(&lock);
}

/* An address for a stack that has no frames yet; 0: none is left. */
static vaddr_t stack_slot(void)
{
    if (stack_slots_free > 0)
        return stack_slot_free[--stack_slots_free];
    if (stack_next + STACK_SLOT > STACK_AREA_END)
        return 0;
    stack_next += STACK_SLOT;
    return stack_next - STACK_SLOT / 2;
}

vaddr_t kernel_stack_alloc(void)
{
    spinlock_lock(&lock);
    vaddr_t stack = stack_cache;
    if (stack != 0) {
        stack_cache = *(vaddr_t *)stack;
        stack_cached--;
    } else if ((stack = stack_slot()) != 0 && !pages_map(stack, KERNEL_STACK_SIZE)) {
        stack_slot_free[stack_slots_free++] = stack;
        stack = 0;
    }
    spinlock_unlock(&lock);
    return stack;
}

void kernel_stack_free(vaddr_t stack)
{
    /* The flush for all CPUs needs interrupts; who comes without keeps the stack in the cache. */
    bool may_unmap = read_rflags() & RFLAGS_IF;

    spinlock_lock(&lock);
    bool keep = !may_unmap || stack_cached < STACK_CACHE_MAX || stack_slots_free == STACK_SLOTS_FREE_MAX;
    if (keep) {
        *(vaddr_t *)stack = stack_cache;
        stack_cache = stack;
        stack_cached++;
    }
    spinlock_unlock(&lock);
    if (!keep)
        stack_drop(stack);
}

uint64_t kernel_stacks_cached(void)
{
    return __atomic_load_n(&stack_cached, __ATOMIC_RELAXED) * (KERNEL_STACK_SIZE / PAGE_SIZE);
}

bool kernel_stacks_drop_cached(void)
{
    bool dropped = false;
    vaddr_t stack;

    do {
        spinlock_lock(&lock);
        stack = stack_slots_free < STACK_SLOTS_FREE_MAX ? stack_cache : 0;
        if (stack != 0) {
            stack_cache = *(vaddr_t *)stack;
            stack_cached--;
        }
        spinlock_unlock(&lock);
        if (stack != 0)
            stack_drop(stack);
        dropped |= stack != 0;
    } while (stack != 0);
    return dropped;
}

bool kernel_stack_guard(vaddr_t va)
{
    if (va >= (vaddr_t)boot_stack_guard && va < (vaddr_t)boot_stack_guard + PAGE_SIZE)
        return true;
    return va >= STACK_AREA_BASE && va < stack_next && (va - STACK_AREA_BASE) % STACK_SLOT < STACK_SLOT / 2;
}

static bool kind_in_direct_map(uint32_t kind)
{
    return (kind >= BOOT_MEMORY_FREE && kind <= BOOT_MEMORY_RUNTIME_DATA);
}

bool direct_map_covers(paddr_t pa, uint64_t size)
{
    const struct boot_memory *map = direct_map(boot->memory_map);

    if (size == 0 || pa + size < pa)
        return false;
    for (uint32_t i = 0; i < boot->memory_map_count && size > 0; i++) {
        if (pa < map[i].start || pa - map[i].start >= map[i].size || !kind_in_direct_map(map[i].kind))
            continue;
        uint64_t here = map[i].size - (pa - map[i].start);
        if (here >= size)
            return true;
        pa += here;
        size -= here;
    }
    return false;
}

void kernel_space_share(struct paging *paging)
{
    const pte_t *from = direct_map(kernel_paging.root);
    pte_t *to = direct_map(paging->root);

    for (unsigned i = kernel_space_first_index(); i < PAGING_TABLE_ENTRIES; i++)
        to[i] = from[i];
}
