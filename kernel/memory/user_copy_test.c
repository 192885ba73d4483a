/* The way to user memory and back: every edge of it, and what must not go through. */
#include "kernel/memory/user_copy.h"

#include <asm/errno.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/space_access.h"
#include "paging/layout.h"

#define AT      UINT64_C(0x20000000)
#define HOLE    (AT + 2 * PAGE_SIZE) /* after the two pages that may be written comes nothing */
#define REST    (AT + 4 * PAGE_SIZE) /* one page that may only be read */
#define STRETCH 24

static uint8_t bytes[4 * PAGE_SIZE];

/* A process's memory around `test`, which must not sleep: with the CPU elsewhere the space is not loaded. */
static void with_memory(void (*test)(struct address_space *space))
{
    struct region properties = {.protection = REGION_READ | REGION_WRITE};
    struct address_space *space = space_create();
    vaddr_t where;

    CHECK(space != NULL);
    int error = space_map(space, AT, 2 * PAGE_SIZE, SPACE_FIXED, &properties, &where);
    properties.protection = REGION_READ;
    if (error == 0)
        error = space_map(space, REST, PAGE_SIZE, SPACE_FIXED, &properties, &where);
    if (error == 0) {
        bool enabled = interrupts_disable();
        space_activate(space);
        interrupts_restore(enabled);
        test(space);
        enabled = interrupts_disable();
        space_activate(NULL);
        interrupts_restore(enabled);
    }
    space_put(space);
    CHECK_EQ(error, 0);
}

static void pattern_make(void)
{
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256 + 1);
}

static void both_ways(struct address_space *space)
{
    static uint8_t back[2 * PAGE_SIZE];

    pattern_make();
    for (unsigned offset = 0; offset < 9; offset++)
        for (unsigned size = 0; size < 20; size++) {
            CHECK_EQ(copy_to_user(user_pointer(void, AT + PAGE_SIZE - 10 + offset), bytes + size, size), 0);
            CHECK_EQ(copy_from_user(back, user_pointer(void, AT + PAGE_SIZE - 10 + offset), size), 0);
            CHECK_EQ(memcmp(back, bytes + size, size), 0);
        }
    CHECK_EQ(copy_to_user(user_pointer(void, AT), bytes, sizeof(back)), 0);
    CHECK_EQ(space_read(space, back, AT, sizeof(back)), 0);
    CHECK_EQ(memcmp(back, bytes, sizeof(back)), 0);
    CHECK_EQ(clear_user(user_pointer(void, AT + 3), PAGE_SIZE), 0);
    CHECK_EQ(copy_from_user(back, user_pointer(void, AT), sizeof(back)), 0);
    CHECK(back[2] == bytes[2] && back[3] == 0 && back[PAGE_SIZE + 2] == 0 &&
          back[PAGE_SIZE + 3] == bytes[PAGE_SIZE + 3]);
}

SELFTEST(user_copy_carries_every_byte)
{
    with_memory(both_ways);
}

/* Over the edge into the hole: it says how far it came, and that far is right. Up to a word of what could have been copied may be missing. */
static void edge_check(struct address_space *space, unsigned before, unsigned after)
{
    static uint8_t back[STRETCH * 2];
    vaddr_t start = HOLE - before;
    size_t size = before + after;

    CHECK_EQ(clear_user(user_pointer(void, HOLE - STRETCH), STRETCH), 0);
    size_t left = copy_to_user_partial(user_pointer(void, start), bytes, size);
    CHECK(left >= after && left < after + 8 && left <= size);
    CHECK_EQ(space_read(space, back, start, size - left), 0);
    CHECK_EQ(memcmp(back, bytes, size - left), 0);
    CHECK_EQ(copy_to_user(user_pointer(void, start), bytes, size), -EFAULT);

    memset(back, 0xee, sizeof(back));
    left = copy_from_user_partial(back, user_pointer(void, start), size);
    CHECK(left >= after && left < after + 8 && left <= size);
    CHECK_EQ(memcmp(back, bytes, size - left), 0);
    CHECK_EQ(back[before], 0xee);
    CHECK_EQ(clear_user(user_pointer(void, start), size), -EFAULT);
}

static void over_the_edge(struct address_space *space)
{
    pattern_make();
    for (unsigned before = 0; before <= STRETCH; before++)
        for (unsigned after = 1; after <= 10; after++)
            edge_check(space, before, after);
}

SELFTEST(user_copy_stops_at_a_hole)
{
    with_memory(over_the_edge);
}

static void not_the_kernels(struct address_space *space)
{
    uint64_t secret = 0x5ec4e7, seen = 0;
    const vaddr_t addresses[] = {
        (vaddr_t)&secret, DIRECT_MAP_BASE, KERNEL_IMAGE_BASE,
        UINT64_MAX - 7,   USER_END,        USER_END - 4,
        1ull << 47,       1ull << 63,      0,
        USER_BASE - 8,
    };

    (void)space;
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        CHECK_EQ(copy_from_user(&seen, user_pointer(void, addresses[i]), sizeof(seen)), -EFAULT);
        CHECK_EQ(copy_to_user(user_pointer(void, addresses[i]), &seen, sizeof(seen)), -EFAULT);
        CHECK_EQ(clear_user(user_pointer(void, addresses[i]), sizeof(seen)), -EFAULT);
        CHECK_EQ(user_string((char *)&seen, user_pointer(char, addresses[i]), sizeof(seen)), -EFAULT);
    }
    CHECK_EQ(seen, 0);
    CHECK_EQ(secret, 0x5ec4e7);
    /* A size that wraps around. */
    CHECK_EQ(copy_from_user(&seen, user_pointer(void, AT), SIZE_MAX), -EFAULT);
    CHECK_EQ(copy_from_user_partial(&seen, user_pointer(void, AT), SIZE_MAX - 100), SIZE_MAX - 100);
    CHECK_EQ(clear_user(user_pointer(void, AT), SIZE_MAX - AT), -EFAULT);
}

SELFTEST(user_copy_refuses_kernel_addresses)
{
    with_memory(not_the_kernels);
}

static void respects_protection(struct address_space *space)
{
    uint64_t value = 5;

    (void)space;
    CHECK_EQ(copy_from_user(&value, user_pointer(void, REST), sizeof(value)), 0);
    CHECK_EQ(value, 0);
    CHECK_EQ(copy_to_user(user_pointer(void, REST), &value, sizeof(value)), -EFAULT);
    CHECK_EQ(clear_user(user_pointer(void, REST), 1), -EFAULT);
}

SELFTEST(user_copy_respects_protection)
{
    with_memory(respects_protection);
}

static void strings(struct address_space *space)
{
    char text[64];

    (void)space;
    CHECK_EQ(copy_to_user(user_pointer(void, AT), "quire", 6), 0);
    CHECK_EQ(user_string(text, user_pointer(char, AT), sizeof(text)), 5);
    CHECK_EQ(strcmp(text, "quire"), 0);
    CHECK_EQ(user_string(text, user_pointer(char, AT), 6), 5);
    CHECK_EQ(user_string(text, user_pointer(char, AT), 5), -ENAMETOOLONG);
    CHECK_EQ(user_string(text, user_pointer(char, AT), 0), -ENAMETOOLONG);
    /* The last byte of memory ends it, or nothing does. */
    CHECK_EQ(copy_to_user(user_pointer(void, HOLE - 3), "ab", 3), 0);
    CHECK_EQ(user_string(text, user_pointer(char, HOLE - 3), sizeof(text)), 2);
    CHECK_EQ(copy_to_user(user_pointer(void, HOLE - 3), "abc", 3), 0);
    CHECK_EQ(user_string(text, user_pointer(char, HOLE - 3), sizeof(text)), -EFAULT);
    CHECK_EQ(user_string(text, user_pointer(char, HOLE - 3), 3), -ENAMETOOLONG);
}

SELFTEST(user_string_ends_where_it_must)
{
    with_memory(strings);
}

SELFTEST(user_range_knows_the_half)
{
    CHECK(user_range(0, 0) && user_range(0, USER_END) && user_range(USER_END, 0));
    CHECK(!user_range(USER_END, 1) && !user_range(USER_END - 1, 2) && !user_range(1, UINT64_MAX));
    CHECK(!user_range(UINT64_MAX, 0) && !user_range(DIRECT_MAP_BASE, 1));
}

/* No memory for a page: an error, not a panic, and the window is shut again. */
static void without_memory(struct address_space *space)
{
    uint64_t value = 1;

    (void)space;
    frame_fail_after(1);
    int error = copy_to_user(user_pointer(void, AT), &value, sizeof(value));
    frame_fail_after(0);
    CHECK_EQ(error, -EFAULT);
    CHECK_EQ(read_rflags() & RFLAGS_AC, 0);
    CHECK_EQ(copy_to_user(user_pointer(void, AT), &value, sizeof(value)), 0);
    CHECK_EQ(read_rflags() & RFLAGS_AC, 0);
}

SELFTEST(user_copy_shuts_its_window)
{
    with_memory(without_memory);
}

static void read_directly(struct address_space *space)
{
    uint64_t value = 1;

    if (space_write(space, AT, &value, sizeof(value)) == 0)
        value = *(volatile uint64_t *)AT;
}

/* Needs a CPU with SMAP. */
SELFTEST_CRASH(user_access)
{
    with_memory(read_directly);
}

static void run_directly(struct address_space *space)
{
    static const uint8_t ret = 0xc3;

    if (space_write(space, AT, &ret, sizeof(ret)) != 0 ||
        space_protect(space, AT, 2 * PAGE_SIZE, REGION_READ | REGION_EXEC) != 0 ||
        space_fault(space, AT, REGION_EXEC) != SPACE_FAULT_DONE)
        return;
    ((void (*)(void))AT)();
}

/* Needs a CPU with SMEP. */
SELFTEST_CRASH(user_execute)
{
    with_memory(run_directly);
}
