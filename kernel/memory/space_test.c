/* Address spaces driven from the kernel: what a process would see, and what each page costs. */
#include "kernel/memory/address_space.h"

#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/debug/selftest.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_access.h"
#include "kernel/memory/space_internal.h"
#include "paging/layout.h"

#define AT         UINT64_C(0x10000000)
#define PAGES(n)   ((uint64_t)(n)*PAGE_SIZE)
#define READ_WRITE (REGION_READ | REGION_WRITE)

static int map_at(struct address_space *space, vaddr_t address, uint64_t size, uint32_t protection)
{
    struct region properties = {.protection = protection};
    vaddr_t where;
    int error = space_map(space, address, size, SPACE_FIXED, &properties, &where);

    return error != 0 ? error : where == address ? 0 : -EFAULT;
}

/* The entry of `va`, 0 where nothing is. */
static pte_t entry_at(struct address_space *space, vaddr_t va)
{
    struct vmiter it;

    vmiter_init(&it, &space->paging, va);
    return *it.entry;
}

static struct frame *frame_at(struct address_space *space, vaddr_t va)
{
    struct vmiter it;

    vmiter_init(&it, &space->paging, va);
    return leaf_frame(&it, *it.entry);
}

static unsigned region_count(struct address_space *space)
{
    unsigned count = 0;

    for (struct region *region = region_find_from(&space->regions, 0); region != NULL;
         region = region_next(region))
        count++;
    return count;
}

static void violation_print(void *context, const char *line)
{
    (void)context;
    log_error("%s", line);
}

/* Each test is a function of a fresh space that says what is wrong, so that the space goes whatever happens. */
#define SPACE_TEST(test)                                                                                     \
    static void space_##test(struct address_space *space);                                                   \
    SELFTEST(test)                                                                                           \
    {                                                                                                        \
        struct address_space *space = space_create();                                                        \
        CHECK(space != NULL);                                                                                \
        space_##test(space);                                                                                 \
        unsigned violations = paging_check(&space->paging, violation_print, NULL);                           \
        space_put(space);                                                                                    \
        CHECK_EQ(violations, 0);                                                                             \
    }                                                                                                        \
    static void space_##test(struct address_space *space)

SPACE_TEST(space_fills_pages_in_on_demand)
{
    CHECK_EQ(map_at(space, AT, PAGES(4), READ_WRITE), 0);
    CHECK_EQ(space->pages_mapped, 4);
    CHECK_EQ(space->pages_resident, 0);

    /* Reading costs no frame; writing costs one. */
    CHECK_EQ(space_fault(space, AT + 5, REGION_READ), SPACE_FAULT_DONE);
    CHECK(frame_at(space, AT) == zero_frame);
    CHECK_EQ(entry_at(space, AT) & (PTE_P | PTE_U | PTE_W), PTE_P | PTE_U);
    CHECK_EQ(space_fault(space, AT, REGION_WRITE), SPACE_FAULT_DONE);
    CHECK(frame_at(space, AT) != zero_frame);
    CHECK_EQ(frame_at(space, AT)->owner, FRAME_ANONYMOUS);
    CHECK_EQ(frame_at(space, AT)->count, 1);
    CHECK(entry_at(space, AT) & PTE_W);
    CHECK_EQ(space->pages_resident, 1);

    CHECK_EQ(space_fault(space, AT + PAGES(3), REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(space->pages_resident, 2);
    CHECK_EQ(space_fault(space, AT + PAGES(4), REGION_READ), SPACE_FAULT_UNMAPPED);
    CHECK_EQ(space_fault(space, AT - 1, REGION_READ), SPACE_FAULT_UNMAPPED);
    CHECK_EQ(space_fault(space, AT, REGION_EXEC), SPACE_FAULT_REFUSED);
}

SPACE_TEST(space_map_refuses_nonsense)
{
    struct region properties = {.protection = READ_WRITE};
    vaddr_t where;

    CHECK_EQ(space_map(space, AT, 0, SPACE_FIXED, &properties, &where), -EINVAL);
    CHECK_EQ(space_map(space, AT + 1, PAGES(1), SPACE_FIXED, &properties, &where), -EINVAL);
    CHECK_EQ(space_map(space, USER_END, PAGES(1), SPACE_FIXED, &properties, &where), -ENOMEM);
    CHECK_EQ(space_map(space, USER_END - PAGES(1), PAGES(2), SPACE_FIXED, &properties, &where), -ENOMEM);
    CHECK_EQ(space_map(space, DIRECT_MAP_BASE, PAGES(1), SPACE_FIXED, &properties, &where), -ENOMEM);
    CHECK_EQ(space_map(space, AT, UINT64_MAX, SPACE_FIXED, &properties, &where), -ENOMEM);
    CHECK_EQ(space_map(space, 0, USER_END, 0, &properties, &where), -ENOMEM);
    CHECK_EQ(space_map(space, 0, PAGES(1), SPACE_FIXED, &properties, &where), -EPERM);
    CHECK_EQ(map_at(space, AT, PAGES(2), READ_WRITE), 0);
    CHECK_EQ(space_map(space, AT + PAGES(1), PAGES(2), SPACE_FIXED | SPACE_NO_REPLACE, &properties, &where),
             -EEXIST);
    CHECK_EQ(space_unmap(space, AT + 1, PAGES(1)), -EINVAL);
    CHECK_EQ(space_unmap(space, AT, 0), -EINVAL);
    CHECK_EQ(space_unmap(space, DIRECT_MAP_BASE, PAGES(1)), -EINVAL);
    CHECK_EQ(space_unmap(space, USER_END, PAGES(1)), -EINVAL);
    CHECK_EQ(space->pages_mapped, 2);
}

SPACE_TEST(space_map_anywhere_finds_room)
{
    struct region properties = {.protection = READ_WRITE};
    vaddr_t first, second, hinted;

    space->map_base = AT + PAGES(16);
    CHECK_EQ(space_map(space, 0, PAGES(2), 0, &properties, &first), 0);
    CHECK_EQ(first, AT + PAGES(14));
    CHECK_EQ(space_map(space, 0, 1, 0, &properties, &second), 0);
    CHECK_EQ(second, AT + PAGES(13));
    /* A hint is taken where there is room, and forgotten where not. */
    CHECK_EQ(space_map(space, AT + 123, PAGES(1), 0, &properties, &hinted), 0);
    CHECK_EQ(hinted, AT);
    CHECK_EQ(space_map(space, AT, PAGES(1), 0, &properties, &hinted), 0);
    CHECK_EQ(hinted, AT + PAGES(12));
    CHECK_EQ(space->pages_mapped, 5);
}

SPACE_TEST(space_populate_fills_in_now)
{
    struct region properties = {.protection = READ_WRITE};
    vaddr_t where;

    CHECK_EQ(space_map(space, AT, PAGES(3), SPACE_FIXED | SPACE_POPULATE, &properties, &where), 0);
    CHECK_EQ(space->pages_resident, 3);
    CHECK(entry_at(space, AT + PAGES(2)) & PTE_W);
}

SPACE_TEST(space_unmap_cuts_where_told)
{
    struct frame_statistics before, now;

    CHECK_EQ(map_at(space, AT, PAGES(8), READ_WRITE), 0);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(space_fault(space, AT + PAGES(i), REGION_WRITE), SPACE_FAULT_DONE);
    frame_statistics(&before);
    CHECK_EQ(space_unmap(space, AT + PAGES(3), PAGES(2)), 0);
    frame_statistics(&now);
    CHECK_EQ(now.owned[FRAME_ANONYMOUS], before.owned[FRAME_ANONYMOUS] - 2);
    CHECK_EQ(space->pages_resident, 6);
    CHECK_EQ(space->pages_mapped, 6);
    CHECK_EQ(region_count(space), 2);
    CHECK(!(entry_at(space, AT + PAGES(3)) & PTE_P) && !(entry_at(space, AT + PAGES(4)) & PTE_P));
    CHECK(entry_at(space, AT + PAGES(2)) & PTE_P && entry_at(space, AT + PAGES(5)) & PTE_P);
    CHECK_EQ(space_fault(space, AT + PAGES(3), REGION_READ), SPACE_FAULT_UNMAPPED);

    /* The hole filled again: one region, as if nothing had been. */
    CHECK_EQ(map_at(space, AT + PAGES(3), PAGES(2), READ_WRITE), 0);
    CHECK_EQ(region_count(space), 1);
    uint64_t old = 1;
    CHECK_EQ(space_read(space, &old, AT + PAGES(3), sizeof(old)), 0);
    CHECK_EQ(old, 0);
    /* All of it, with more around. */
    CHECK_EQ(space_unmap(space, AT - PAGES(5), PAGES(20)), 0);
    CHECK_EQ(region_count(space), 0);
    CHECK_EQ(space->pages_resident, 0);
    CHECK_EQ(space->pages_mapped, 0);
}

SPACE_TEST(space_unmap_without_memory_changes_nothing)
{
    CHECK_EQ(map_at(space, AT, PAGES(8), READ_WRITE), 0);
    CHECK_EQ(space_fault(space, AT + PAGES(4), REGION_WRITE), SPACE_FAULT_DONE);
    /* Regions come from slabs: use up what is there of that size. */
    void *taken[64];
    unsigned count = 0;
    int error = 0;
    frame_fail_after(1);
    while (count < 64 && (taken[count] = heap_alloc(sizeof(struct region))) != NULL)
        count++;
    frame_fail_after(1);
    error = space_unmap(space, AT + PAGES(2), PAGES(2));
    frame_fail_after(0);
    while (count > 0)
        heap_free(taken[--count]);
    CHECK_EQ(error, -ENOMEM);
    CHECK_EQ(region_count(space), 1);
    CHECK_EQ(space->pages_mapped, 8);
    CHECK_EQ(space->pages_resident, 1);
}

SPACE_TEST(space_protect_changes_rights_at_once)
{
    CHECK_EQ(map_at(space, AT, PAGES(4), READ_WRITE), 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(space_fault(space, AT + PAGES(i), REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(space_protect(space, AT + PAGES(1), PAGES(2), REGION_READ), 0);
    CHECK_EQ(region_count(space), 3);
    CHECK(entry_at(space, AT) & PTE_W && !(entry_at(space, AT + PAGES(1)) & PTE_W) &&
          !(entry_at(space, AT + PAGES(2)) & PTE_W) && entry_at(space, AT + PAGES(3)) & PTE_W);
    CHECK_EQ(space_fault(space, AT + PAGES(1), REGION_WRITE), SPACE_FAULT_REFUSED);
    CHECK_EQ(space_fault(space, AT + PAGES(1), REGION_READ), SPACE_FAULT_DONE);

    CHECK_EQ(space_protect(space, AT, PAGES(4), READ_WRITE), 0);
    CHECK_EQ(region_count(space), 1);
    CHECK_EQ(space_fault(space, AT + PAGES(1), REGION_WRITE), SPACE_FAULT_DONE);

    /* A hole anywhere: nothing changes. */
    CHECK_EQ(space_protect(space, AT + PAGES(2), PAGES(4), REGION_READ), -ENOMEM);
    CHECK(entry_at(space, AT + PAGES(2)) & PTE_W);
    CHECK_EQ(space_protect(space, AT + 8, PAGES(1), REGION_READ), -EINVAL);
    CHECK_EQ(space_protect(space, AT, 0, REGION_READ), 0);
}

SPACE_TEST(space_protect_none_parks_pages)
{
    uint64_t value = 0x1234, seen = 0;

    CHECK_EQ(map_at(space, AT, PAGES(1), READ_WRITE), 0);
    CHECK_EQ(space_write(space, AT + 64, &value, sizeof(value)), 0);
    struct frame *frame = frame_at(space, AT);
    CHECK_EQ(space_protect(space, AT, PAGES(1), 0), 0);
    CHECK(leaf_parked(entry_at(space, AT)) && !(entry_at(space, AT) & PTE_P));
    CHECK(frame_at(space, AT) == frame && frame->count == 1);
    CHECK_EQ(space_fault(space, AT, REGION_READ), SPACE_FAULT_REFUSED);
    CHECK_EQ(space_read(space, &seen, AT + 64, sizeof(seen)), -EFAULT);
    CHECK_EQ(space->pages_resident, 1);
    /* Nothing was lost. */
    CHECK_EQ(space_protect(space, AT, PAGES(1), REGION_READ), 0);
    CHECK_EQ(space_read(space, &seen, AT + 64, sizeof(seen)), 0);
    CHECK_EQ(seen, value);
    /* Parked pages are given back like any other. */
    CHECK_EQ(space_protect(space, AT, PAGES(1), 0), 0);
    CHECK_EQ(space_unmap(space, AT, PAGES(1)), 0);
    CHECK_EQ(frame->owner, FRAME_FREE);
}

SPACE_TEST(space_writable_and_executable_in_turn)
{
    CHECK_EQ(map_at(space, AT, PAGES(1), READ_WRITE | REGION_EXEC), 0);
    CHECK_EQ(space_fault(space, AT, REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(entry_at(space, AT) & PTE_W, PTE_W);
    CHECK(entry_at(space, AT) & PTE_NX || !space->paging.nx);
    CHECK_EQ(space_fault(space, AT, REGION_EXEC), SPACE_FAULT_DONE);
    CHECK_EQ(entry_at(space, AT) & (PTE_W | PTE_NX), 0);
    CHECK_EQ(space_fault(space, AT, REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(entry_at(space, AT) & PTE_W, PTE_W);
    CHECK_EQ(frame_at(space, AT)->count, 1);
}

SPACE_TEST(space_break_moves_the_heap)
{
    space->break_start = space->break_end = AT + 100;
    CHECK_EQ(space_break(space, 0), AT + 100);
    CHECK_EQ(space_break(space, AT + PAGES(2) + 7), AT + PAGES(2) + 7);
    /* The page that the heap begins in is the program's last. */
    CHECK_EQ(space->pages_mapped, 2);
    CHECK_EQ(space_fault(space, AT + PAGES(2), REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(space_fault(space, AT + PAGES(3), REGION_WRITE), SPACE_FAULT_UNMAPPED);
    CHECK_EQ(space_break(space, AT + PAGES(1)), AT + PAGES(1));
    CHECK_EQ(space->pages_mapped, 0);
    CHECK_EQ(space->pages_resident, 0);
    /* What is in the way stops it. */
    CHECK_EQ(map_at(space, AT + PAGES(4), PAGES(1), REGION_READ), 0);
    CHECK_EQ(space_break(space, AT + PAGES(5)), AT + PAGES(1));
    CHECK_EQ(space_break(space, AT + PAGES(4)), AT + PAGES(4));
    CHECK_EQ(space_break(space, UINT64_MAX), AT + PAGES(4));
    CHECK_EQ(space_break(space, AT + 99), AT + PAGES(4));
}

SPACE_TEST(space_stack_grows_to_its_limit)
{
    struct region stack = {.protection = READ_WRITE, .flags = REGION_GROWS_DOWN, .name = "[stack]"};
    vaddr_t top = AT + (UINT64_C(64) << 20), where;

    space->stack_limit = PAGES(1024);
    CHECK_EQ(space_map(space, top - PAGES(1), PAGES(1), SPACE_FIXED, &stack, &where), 0);
    CHECK_EQ(space_fault(space, top - PAGES(9), REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(space->pages_mapped, 9);
    CHECK_EQ(space->pages_resident, 1);
    CHECK_EQ(space_fault(space, top - PAGES(1025), REGION_WRITE), SPACE_FAULT_UNMAPPED);
    CHECK_EQ(space_fault(space, top - PAGES(1024), REGION_WRITE), SPACE_FAULT_DONE);
    /* Not near to what lies below. */
    space->stack_limit = PAGES(8192);
    CHECK_EQ(map_at(space, top - PAGES(2048), PAGES(1), REGION_READ), 0);
    CHECK_EQ(space_fault(space, top - PAGES(2046), REGION_WRITE), SPACE_FAULT_UNMAPPED);
    CHECK_EQ(space_fault(space, top - PAGES(1500), REGION_WRITE), SPACE_FAULT_DONE);
}

SPACE_TEST(space_access_goes_page_by_page)
{
    static uint8_t out[3 * PAGE_SIZE], in[3 * PAGE_SIZE];

    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 13 + 1);
    CHECK_EQ(map_at(space, AT, PAGES(4), READ_WRITE), 0);
    CHECK_EQ(space_write(space, AT + 11, out, sizeof(out)), 0);
    CHECK_EQ(space_read(space, in, AT + 11, sizeof(in)), 0);
    CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
    CHECK_EQ(space_read(space, in, AT + PAGES(4) - 1, 2), -EFAULT);
    CHECK_EQ(space_read(space, in, DIRECT_MAP_BASE, 1), -EFAULT);
    CHECK_EQ(space_read(space, in, UINT64_MAX, 2), -EFAULT);
    CHECK_EQ(space_protect(space, AT, PAGES(4), REGION_READ), 0);
    CHECK_EQ(space_write(space, AT, out, 1), -EFAULT);
}

SPACE_TEST(space_fork_shares_until_written)
{
    uint64_t value = 1, seen = 0;

    CHECK_EQ(map_at(space, AT, PAGES(2), READ_WRITE), 0);
    CHECK_EQ(space_write(space, AT, &value, sizeof(value)), 0);
    struct frame *frame = frame_at(space, AT);
    struct address_space *child = space_fork(space);
    CHECK(child != NULL);

    bool shared = frame_at(child, AT) == frame && frame->count == 2 && !(entry_at(space, AT) & PTE_W) &&
                  !(entry_at(child, AT) & PTE_W);
    value = 2;
    int written = space_write(child, AT, &value, sizeof(value));
    bool apart = frame_at(child, AT) != frame && frame->count == 1 && frame_at(child, AT)->count == 1;
    int read = space_read(space, &seen, AT, sizeof(seen));
    /* The last one who holds the page writes to it as it is. */
    int fault = (int)space_fault(space, AT, REGION_WRITE);
    bool kept = frame_at(space, AT) == frame && entry_at(space, AT) & PTE_W;
    unsigned violations = paging_check(&child->paging, violation_print, NULL);
    uint64_t child_pages = child->pages_resident, child_mapped = child->pages_mapped;
    space_put(child);
    CHECK(shared && apart && kept);
    CHECK_EQ(written | read | fault, 0);
    CHECK_EQ(seen, 1);
    CHECK_EQ(violations, 0);
    CHECK_EQ(child_pages, 1);
    CHECK_EQ(child_mapped, 2);
    CHECK_EQ(frame->count, 1);
}

/* A child of a child of ...: each page is counted once for each space, and the tree may end in any order. */
SPACE_TEST(space_fork_counts_every_holder)
{
    struct address_space *child[8];
    uint64_t value = 42;
    unsigned count = 0, wrong = 0;

    CHECK_EQ(map_at(space, AT, PAGES(1), READ_WRITE), 0);
    CHECK_EQ(space_write(space, AT, &value, sizeof(value)), 0);
    struct frame *frame = frame_at(space, AT);
    for (; count < 8; count++) {
        child[count] = space_fork(count == 0 ? space : child[count - 1]);
        if (child[count] == NULL)
            break;
        wrong += frame->count != count + 2;
    }
    for (unsigned i = 0; i < count; i++) {
        space_put(child[i * 5 % 8]);
        wrong += frame->count != count - i;
    }
    CHECK_EQ(count, 8);
    CHECK_EQ(wrong, 0);
}

SPACE_TEST(space_shared_memory_is_never_copied)
{
    struct region properties = {.protection = READ_WRITE, .flags = REGION_SHARED};
    uint64_t value = 7, seen = 0;
    vaddr_t where;

    properties.backing = backing_shared_create(PAGES(2));
    CHECK(properties.backing != NULL);
    int error = space_map(space, AT, PAGES(2), SPACE_FIXED, &properties, &where);
    backing_put(properties.backing);
    CHECK_EQ(error, 0);
    CHECK_EQ(space_fault(space, AT, REGION_READ), SPACE_FAULT_DONE);
    struct frame *frame = frame_at(space, AT);
    struct address_space *child = space_fork(space);
    CHECK(child != NULL);
    error = space_write(child, AT, &value, sizeof(value));
    int late = space_write(child, AT + PAGES(1), &value, sizeof(value));
    bool same = frame_at(child, AT) == frame;
    uint32_t holders = frame->count;
    space_put(child);
    CHECK_EQ(error | late, 0);
    CHECK(same);
    /* Parent, child and the backing itself. */
    CHECK_EQ(holders, 3);
    CHECK_EQ(space_read(space, &seen, AT, sizeof(seen)), 0);
    CHECK_EQ(seen, 7);
    seen = 0;
    CHECK_EQ(space_read(space, &seen, AT + PAGES(1), sizeof(seen)), 0);
    CHECK_EQ(seen, 7);
}

SPACE_TEST(space_faults_without_memory_are_told)
{
    CHECK_EQ(map_at(space, AT, PAGES(2), READ_WRITE), 0);
    frame_fail_after(1);
    enum space_fault refused = space_fault(space, AT, REGION_WRITE);
    frame_fail_after(0);
    CHECK_EQ(refused, SPACE_FAULT_NO_MEMORY);
    CHECK_EQ(space->pages_resident, 0);
    CHECK_EQ(space_fault(space, AT, REGION_WRITE), SPACE_FAULT_DONE);
}

/* Whatever allocation fails, a fork is whole or has left nothing. */
SPACE_TEST(space_fork_survives_every_failure)
{
    unsigned failures = 0;
    struct address_space *child = NULL;

    CHECK_EQ(map_at(space, AT, PAGES(3), READ_WRITE), 0);
    CHECK_EQ(map_at(space, AT + (UINT64_C(1) << 40), PAGES(1), REGION_READ), 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(space_fault(space, AT + PAGES(i), REGION_WRITE), SPACE_FAULT_DONE);
    CHECK_EQ(space_fault(space, AT + (UINT64_C(1) << 40), REGION_READ), SPACE_FAULT_DONE);
    for (uint64_t n = 1; n < 64 && child == NULL; n++) {
        frame_fail_after(n);
        child = space_fork(space);
        frame_fail_after(0);
        failures += child == NULL;
    }
    CHECK(child != NULL);
    uint64_t pages = child->pages_resident;
    space_put(child);
    CHECK(failures >= 4);
    CHECK_EQ(pages, 4);
    CHECK_EQ(frame_at(space, AT)->count, 1);
}

SPACE_TEST(space_shares_the_kernel_half_whole)
{
    const pte_t *kernel = direct_map(kernel_paging.root), *own = direct_map(space->paging.root);
    unsigned different = 0, low = 0;

    for (unsigned i = kernel_space_first_index(); i < PAGING_TABLE_ENTRIES; i++)
        different += ((kernel[i] ^ own[i]) & ~PTE_A) != 0;
    for (unsigned i = 0; i < kernel_space_first_index(); i++)
        low += own[i] != 0;
    CHECK_EQ(different, 0);
    CHECK_EQ(low, 0);
}
