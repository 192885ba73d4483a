#include "test/unit/paging_memory.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

const struct machine machines[] = {
    {"4 levels", 4, 46, true, true, true, true},
    {"5 levels", 5, 52, true, true, true, true},
    {"no 1 GiB pages", 4, 39, true, true, false, true},
    {"no NX", 4, 40, false, true, true, true},
    {"no PAT, no global", 4, 36, true, false, true, false},
    {"nothing", 5, 36, false, false, false, false},
};
const unsigned machine_count = sizeof machines / sizeof machines[0];

static uint8_t *memory_page(struct memory *memory, unsigned frame)
{
    return memory->pages + frame * PAGE_SIZE;
}

static paddr_t memory_alloc(void *context)
{
    struct memory *memory = context;
    if (memory->allocations == 0 || memory->live == MEMORY_FRAMES)
        return PADDR_NONE;
    if (memory->allocations > 0)
        memory->allocations--;
    while (memory->used[memory->next])
        memory->next = (memory->next + 1) % MEMORY_FRAMES;
    unsigned frame = memory->next;
    memory->next = (frame + 1) % MEMORY_FRAMES;
    memory->used[frame] = true;
    memory->live++;
    ASAN_UNPOISON_MEMORY_REGION(memory_page(memory, frame), PAGE_SIZE);
    memset(memory_page(memory, frame), 0, PAGE_SIZE);
    return memory->base + frame * PAGE_SIZE;
}

static unsigned memory_frame(const struct memory *memory, paddr_t table)
{
    CHECK((table & 0xfff) == 0 && table >= memory->base && table - memory->base < MEMORY_FRAMES * PAGE_SIZE,
          "%#jx is no table page", (uintmax_t)table);
    unsigned frame = (unsigned)((table - memory->base) / PAGE_SIZE);
    CHECK(memory->used[frame], "table %#jx is free", (uintmax_t)table);
    return frame;
}

static void memory_free(void *context, paddr_t table)
{
    struct memory *memory = context;
    unsigned frame = memory_frame(memory, table);
    CHECK(!memory->watch, "%#jx is freed while a TLB may hold it", (uintmax_t)table);
    for (unsigned i = 0; memory->unlinked && i < 512; i++)
        CHECK(!(memory_table(memory, table)[i] & 1), "entry %u of unlinked table %#jx is present", i,
              (uintmax_t)table);
    memory->used[frame] = false;
    memory->live--;
    ASAN_POISON_MEMORY_REGION(memory_page(memory, frame), PAGE_SIZE);
}

static pte_t *memory_pointer(void *context, paddr_t table)
{
    return memory_table(context, table);
}

uint64_t *memory_table(struct memory *memory, paddr_t table)
{
    return (uint64_t *)(void *)memory_page(memory, memory_frame(memory, table));
}

static const struct paging_ops memory_ops = {memory_alloc, memory_free, memory_pointer};

/* What the last memory_close() left: fuzzing opens and closes thousands of times. */
static uint8_t *spare_pages;

void memory_open(struct memory *memory, paddr_t base)
{
    memset(memory, 0, sizeof *memory);
    memory->base = base;
    memory->allocations = -1;
    memory->pages = spare_pages ? spare_pages : aligned_alloc(PAGE_SIZE, MEMORY_FRAMES * PAGE_SIZE);
    spare_pages = NULL;
    CHECK(memory->pages, "the host has no memory");
    ASAN_POISON_MEMORY_REGION(memory->pages, MEMORY_FRAMES * PAGE_SIZE);
}

void memory_close(struct memory *memory)
{
    ASAN_UNPOISON_MEMORY_REGION(memory->pages, MEMORY_FRAMES * PAGE_SIZE);
    free(spare_pages);
    spare_pages = memory->pages;
    memory->pages = NULL;
}

void machine_start(struct paging *paging, struct memory *memory, const struct machine *machine)
{
    *paging = (struct paging){.ops = &memory_ops,
                              .context = memory,
                              .levels = machine->levels,
                              .physical_width = machine->physical_width,
                              .nx = machine->nx,
                              .global = machine->global,
                              .pages_1g = machine->pages_1g,
                              .pat = machine->pat};
    CHECK(paging_init(paging) == 0, "no root for %s", machine->name);
}

static uint64_t bits(unsigned high, unsigned low)
{
    return (~UINT64_C(0) >> (63 - high)) & (~UINT64_C(0) << low);
}

/* SDM vol. 3A, tables 4-14 to 4-20: which bits of a present entry are reserved. Level 5 is PML5E, 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE. */
static uint64_t manual_reserved(const struct paging *paging, unsigned level, uint64_t entry)
{
    uint64_t reserved = 0;
    if (paging->physical_width < 52)
        reserved |= bits(51, paging->physical_width);
    if (!paging->nx)
        reserved |= bits(63, 63);
    bool page_size = entry >> 7 & 1;
    switch (level) {
    case 5:
    case 4:
        reserved |= bits(7, 7);
        break;
    case 3:
        if (page_size && !paging->pages_1g)
            reserved |= bits(7, 7);
        if (page_size)
            reserved |= bits(29, 13);
        break;
    case 2:
        if (page_size)
            reserved |= bits(20, 13);
        break;
    default:
        break;
    }
    return reserved;
}

struct manual_walk manual_walk(const struct paging *paging, uint64_t va)
{
    struct manual_walk walk = {0};
    unsigned width = paging->levels == 5 ? 57 : 48;
    uint64_t top = va >> (width - 1);
    walk.canonical = top == 0 || top == bits(63, width - 1) >> (width - 1);
    if (!walk.canonical)
        return walk;

    static const unsigned low_bit[6] = {0, 12, 21, 30, 39, 48};
    uint64_t table = paging->root, writable = 1, user = 1, no_execute = 0;
    for (unsigned level = paging->levels; level >= 1; level--) {
        uint64_t *entry = memory_table(paging->context, table) + ((va >> low_bit[level]) & 511);
        walk.entries[walk.visited++] = *entry;
        walk.level = level;
        walk.entry = entry;
        walk.size = UINT64_C(1) << low_bit[level];
        if ((*entry & 1) == 0)
            return walk;
        if (*entry & manual_reserved(paging, level, *entry)) {
            walk.reserved = true;
            return walk;
        }
        writable &= *entry >> 1;
        user &= *entry >> 2;
        no_execute |= *entry >> 63;
        bool large = (level == 2 || level == 3) && (*entry >> 7 & 1);
        if (level > 1 && !large) {
            table = *entry & bits(51, 12);
            continue;
        }
        walk.present = true;
        walk.pa = (*entry & bits(51, low_bit[level])) | (va & (walk.size - 1));
        uint64_t pat = level == 1 ? *entry >> 7 & 1 : *entry >> 12 & 1;
        walk.flags = 1 | writable << 1 | user << 2 | (*entry & (bits(6, 3) | bits(11, 8))) | pat << 12 |
                     no_execute << 63;
        return walk;
    }
    return walk;
}

/* SDM vol. 3A, 4.6.1 (access rights by mode and kind of address) and figure 4-12 (error code), case by case. */
int manual_access(const struct paging *paging, const struct manual_walk *walk, struct paging_access access)
{
    if (!walk->canonical)
        return MANUAL_GENERAL_PROTECTION;
    int code = 0;
    if (access.write)
        code |= 2;
    if (access.user)
        code |= 4;
    if (access.fetch && (access.smep || paging->nx))
        code |= 16;
    if (walk->reserved)
        return code | 8 | 1;
    if (!walk->present)
        return code;

    bool user_address = walk->flags >> 2 & 1, writable = walk->flags >> 1 & 1;
    bool execute = !paging->nx || !(walk->flags >> 63);
    bool allowed;
    if (!access.user) {
        if (access.fetch) {
            allowed = user_address ? !access.smep && execute : execute;
        } else if (!access.write) {
            allowed = user_address ? !access.smap || access.ac : true;
        } else if (!user_address) {
            allowed = access.wp ? writable : true;
        } else if (!access.wp) {
            allowed = !access.smap || access.ac;
        } else {
            allowed = writable && (!access.smap || access.ac);
        }
    } else {
        if (access.fetch)
            allowed = user_address && execute;
        else if (access.write)
            allowed = user_address && writable;
        else
            allowed = user_address;
    }
    return allowed ? MANUAL_ALLOWED : code | 1;
}

struct enumeration {
    const struct paging *paging;
    void (*leaf)(void *context, uint64_t va, uint64_t size, uint64_t pa, uint64_t flags);
    void *context;
    unsigned tables;
};

static void enumerate(struct enumeration *e, uint64_t table, unsigned level, uint64_t va, uint64_t mask)
{
    const uint64_t *entries = memory_table(e->paging->context, table);
    unsigned shift = 3 + 9 * level;
    e->tables++;
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t entry = entries[i];
        uint64_t here = va | i << shift;
        if (level == e->paging->levels && i >= 256)
            here |= bits(63, shift + 9);
        CHECK(!(entry & PTE_MARK), "a mark is left in entry %ju of level %u", (uintmax_t)i, level);
        if (!(entry & 1))
            continue;
        /* Bit 63 counts inverted in `mask`, so that one AND serves all four. */
        uint64_t below = mask & (entry ^ bits(63, 63));
        if (level > 1 && !(level <= 3 && (entry & 128))) {
            enumerate(e, entry & bits(51, 12), level - 1, here, below);
            continue;
        }
        uint64_t pat = level == 1 ? (entry & 128) << 5 : entry & 4096;
        uint64_t flags = (below & 7) | (entry & (bits(6, 3) | bits(11, 8))) | pat | (~below & bits(63, 63));
        if (e->leaf)
            e->leaf(e->context, here, UINT64_C(1) << shift, entry & bits(51, shift), flags);
    }
}

unsigned manual_enumerate(const struct paging *paging,
                          void (*leaf)(void *context, uint64_t va, uint64_t size, uint64_t pa,
                                       uint64_t flags),
                          void *context)
{
    struct enumeration e = {paging, leaf, context, 0};
    enumerate(&e, paging->root, paging->levels, 0, bits(63, 63) | 7);
    return e.tables;
}

void memory_check_live(struct memory *memory, const struct paging *paging, const struct paging *other)
{
    unsigned tables = manual_enumerate(paging, NULL, NULL);
    if (other)
        tables += manual_enumerate(other, NULL, NULL);
    CHECK(memory->live == tables, "%u table pages are in use, %u hang in tables", memory->live, tables);
}

uint64_t random_next(uint64_t *state)
{
    /* splitmix64 by Steele, Lea and Flood: a counter and a bijective mix. */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
