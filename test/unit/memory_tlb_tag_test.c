/* tlb_tag.c against a model of processors with tagged TLBs: whatever order the steps of switches and flushes come in, no
 * processor uses a translation whose flush is over.
 *
 * A page's translation is a number that is never used again, so a stale one is known when it is used. The steps are those of
 * tlb.c and of space_activate(), cut where another processor may get in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/memory/tlb_tag.h"

#define CPUS        4
#define SPACES      (TLB_SLOTS_MAX + 3)
#define PAGES       6
#define RANGE_MANY  3 /* pages above which everything goes */
#define IDENTIFIERS (TLB_SLOTS_MAX + 1)
#define STEPS       400000
#define SEEDS       8
#define NONE        0

struct space {
    struct tlb_version version;
    unsigned active; /* set of processors */
    unsigned users;  /* processors that are switching to it, have it loaded, or flush it */
    uint32_t page[PAGES];
};

enum doing { RUNNING, SWITCH_LOAD, SWITCH_END, FLUSH_CHANGED, FLUSH_ASKING, FLUSH_WAITING };

struct cpu {
    enum doing doing;
    struct tlb_slots slots;
    struct space *loaded, *next, *old;
    uint16_t identifier;
    uint32_t tlb[IDENTIFIERS][PAGES];
    unsigned asked_by;

    /* its own flush */
    struct space *target;
    struct tlb_version version;
    unsigned from, to, ask_next, waiting;
    uint32_t gone[PAGES]; /* translations that are free after it */
};

static struct world {
    struct cpu cpu[CPUS];
    struct space space[SPACES];
    bool identifiers;
    uint64_t last_id;
    uint32_t last_value;
    uint8_t *freed;      /* by value */
    unsigned used, kept; /* translations used; loads that kept the TLB */
} world;

#define VALUES_MAX (STEPS * PAGES + SPACES * PAGES + 1)

static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % limit;
}

static void space_begin(struct space *space)
{
    *space = (struct space){.version = {.id = ++world.last_id}};
    for (unsigned i = 0; i < PAGES; i++)
        space->page[i] = ++world.last_value;
}

/* What no processor has or flushes may end; nobody is asked to flush it. */
static void space_renew(struct space *space)
{
    if (space->users != 0)
        return;
    assert_int_equal(space->active, 0);
    for (unsigned i = 0; i < PAGES; i++)
        world.freed[space->page[i]] = 1;
    space_begin(space);
}

/* --- the processor --- */

static void cpu_load(struct cpu *cpu, struct space *space, struct tlb_load load)
{
    assert_true(load.identifier < IDENTIFIERS);
    assert_true(world.identifiers || load.flush);
    assert_true((space != NULL && world.identifiers) == (load.identifier != 0));
    cpu->loaded = space;
    cpu->identifier = load.identifier;
    if (load.flush)
        memset(cpu->tlb[load.identifier], NONE, sizeof(cpu->tlb[0]));
    else
        world.kept++;
}

/* Access a page of what is loaded, as a program or as speculation does at any time. */
static void cpu_access(struct cpu *cpu, unsigned page)
{
    if (cpu->loaded == NULL)
        return;
    uint32_t *entry = &cpu->tlb[cpu->identifier][page];
    if (*entry == NONE)
        *entry = cpu->loaded->page[page];
    if (world.freed[*entry])
        fail_msg("processor %d uses translation %u of page %u after its flush", (int)(cpu - world.cpu),
                 *entry, page);
    world.used++;
}

/* flush_here() of tlb.c. */
static void cpu_flush(struct cpu *cpu, const struct cpu *request)
{
    uint64_t now = request->target->version.generation;
    enum tlb_need need = tlb_slots_flush(&cpu->slots, request->version, now);

    if (need == TLB_NEED_RANGE && request->to - request->from <= RANGE_MANY)
        memset(&cpu->tlb[cpu->identifier][request->from], NONE,
               (request->to - request->from) * sizeof(cpu->tlb[0][0]));
    else if (need != TLB_NEED_NOTHING)
        memset(cpu->tlb[cpu->identifier], NONE, sizeof(cpu->tlb[0]));
}

static void cpu_serve(struct cpu *cpu)
{
    for (unsigned i = 0; i < CPUS; i++) {
        if (!(cpu->asked_by >> i & 1))
            continue;
        cpu->asked_by &= ~(1u << i);
        cpu_flush(cpu, &world.cpu[i]);
        world.cpu[i].waiting--;
    }
}

/* --- switching --- */

static void switch_begin(struct cpu *cpu, unsigned id)
{
    cpu->old = cpu->loaded;
    cpu->next = random_below(4) == 0 ? NULL : &world.space[random_below(SPACES)];
    if (cpu->next == cpu->old)
        return;
    if (cpu->next != NULL) {
        cpu->next->active |= 1u << id;
        cpu->next->users++;
    }
    cpu->doing = SWITCH_LOAD;
}

static void switch_load(struct cpu *cpu)
{
    cpu_load(cpu, cpu->next,
             cpu->next != NULL ? tlb_slots_enter(&cpu->slots, cpu->next->version, world.identifiers)
                               : tlb_slots_leave(&cpu->slots));
    cpu->doing = SWITCH_END;
}

static void switch_end(struct cpu *cpu, unsigned id)
{
    if (cpu->old != NULL) {
        cpu->old->active &= ~(1u << id);
        cpu->old->users--;
    }
    cpu->doing = RUNNING;
}

/* --- flushing: of any space, loaded here or not --- */

static void flush_begin(struct cpu *cpu)
{
    cpu->target = &world.space[random_below(SPACES)];
    cpu->target->users++;
    cpu->from = random_below(PAGES);
    cpu->to = cpu->from + 1 + random_below(PAGES - cpu->from);
    for (unsigned i = cpu->from; i < cpu->to; i++) {
        cpu->gone[i] = cpu->target->page[i];
        cpu->target->page[i] = ++world.last_value;
    }
    cpu->doing = FLUSH_CHANGED;
}

static void flush_start(struct cpu *cpu)
{
    cpu->version = (struct tlb_version){cpu->target->version.id, ++cpu->target->version.generation};
    cpu_flush(cpu, cpu);
    cpu->ask_next = 0;
    cpu->doing = FLUSH_ASKING;
}

static void flush_ask(struct cpu *cpu, unsigned id)
{
    unsigned other = cpu->ask_next++;

    if (other == CPUS) {
        cpu->doing = FLUSH_WAITING;
    } else if (other != id && cpu->target->active >> other & 1) {
        cpu->waiting++;
        world.cpu[other].asked_by |= 1u << id;
    }
}

static void flush_wait(struct cpu *cpu)
{
    cpu_serve(cpu);
    if (cpu->waiting != 0)
        return;
    for (unsigned i = cpu->from; i < cpu->to; i++)
        world.freed[cpu->gone[i]] = 1;
    cpu->target->users--;
    cpu->doing = RUNNING;
}

static void running(struct cpu *cpu, unsigned id)
{
    switch (random_below(8)) {
    case 0:
        switch_begin(cpu, id);
        break;
    case 1:
        flush_begin(cpu);
        break;
    case 2:
        space_renew(&world.space[random_below(SPACES)]);
        break;
    default:
        cpu_serve(cpu); /* its interrupts are on */
        break;
    }
}

static void step(struct cpu *cpu, unsigned id)
{
    switch (cpu->doing) {
    case RUNNING:
        running(cpu, id);
        break;
    case SWITCH_LOAD:
        switch_load(cpu);
        break;
    case SWITCH_END:
        switch_end(cpu, id);
        break;
    case FLUSH_CHANGED:
        flush_start(cpu);
        break;
    case FLUSH_ASKING:
        flush_ask(cpu, id);
        break;
    case FLUSH_WAITING:
        flush_wait(cpu);
        break;
    }
}

static void run(bool identifiers, uint64_t seed)
{
    uint8_t *freed = calloc(VALUES_MAX, 1);

    assert_non_null(freed);
    world = (struct world){.identifiers = identifiers, .freed = freed};
    random_state = seed;
    for (unsigned i = 0; i < SPACES; i++)
        space_begin(&world.space[i]);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned id = random_below(CPUS);
        step(&world.cpu[id], id);
        cpu_access(&world.cpu[id], random_below(PAGES));
        id = random_below(CPUS);
        cpu_access(&world.cpu[id], random_below(PAGES));
    }
    free(freed);
    assert_true(world.used > STEPS);
    assert_true(identifiers == (world.kept > STEPS / 1000));
}

static void no_stale_translation_is_used_with_identifiers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        run(true, seed);
}

static void no_stale_translation_is_used_without_identifiers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        run(false, seed);
}

static void a_space_that_comes_back_unchanged_keeps_its_translations(void **state)
{
    struct tlb_slots slots = {0};
    struct tlb_version version[TLB_SLOTS_MAX];

    (void)state;
    for (unsigned i = 0; i < TLB_SLOTS_MAX; i++) {
        version[i] = (struct tlb_version){.id = i + 1};
        assert_true(tlb_slots_enter(&slots, version[i], true).flush);
        (void)tlb_slots_leave(&slots);
    }
    for (unsigned i = 0; i < TLB_SLOTS_MAX; i++) {
        struct tlb_load load = tlb_slots_enter(&slots, version[i], true);
        assert_false(load.flush);
        assert_int_equal(load.identifier, i + 1);
    }
    /* One more pushes one out, and only one. */
    assert_true(tlb_slots_enter(&slots, (struct tlb_version){.id = 100}, true).flush);
    unsigned flushed = 0;
    for (unsigned i = TLB_SLOTS_MAX; i-- > 1;)
        flushed += tlb_slots_enter(&slots, version[i], true).flush;
    assert_int_equal(flushed, 0);
    assert_true(tlb_slots_enter(&slots, version[0], true).flush);
}

static void a_space_that_was_flushed_meanwhile_is_flushed_when_it_comes_back(void **state)
{
    struct tlb_slots slots = {0};
    struct tlb_version version = {.id = 1, .generation = 5};

    (void)state;
    (void)tlb_slots_enter(&slots, version, true);
    (void)tlb_slots_leave(&slots);
    version.generation++;
    assert_int_equal(tlb_slots_flush(&slots, version, version.generation), TLB_NEED_NOTHING);
    assert_true(tlb_slots_enter(&slots, version, true).flush);
    assert_false(tlb_slots_enter(&slots, version, true).flush);
}

static void flushes_of_the_loaded_space_are_done_once(void **state)
{
    struct tlb_slots slots = {0};
    struct tlb_version version = {.id = 1};

    (void)state;
    (void)tlb_slots_enter(&slots, version, true);
    /* The next one is the range only; with two on their way the first to come does it all, and the second has nothing left. */
    assert_int_equal(tlb_slots_flush(&slots, (struct tlb_version){1, 1}, 1), TLB_NEED_RANGE);
    assert_int_equal(tlb_slots_flush(&slots, (struct tlb_version){1, 3}, 3), TLB_NEED_ALL);
    assert_int_equal(tlb_slots_flush(&slots, (struct tlb_version){1, 2}, 3), TLB_NEED_NOTHING);
    assert_int_equal(tlb_slots_flush(&slots, (struct tlb_version){2, 9}, 9), TLB_NEED_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_stale_translation_is_used_with_identifiers),
        cmocka_unit_test(no_stale_translation_is_used_without_identifiers),
        cmocka_unit_test(a_space_that_comes_back_unchanged_keeps_its_translations),
        cmocka_unit_test(a_space_that_was_flushed_meanwhile_is_flushed_when_it_comes_back),
        cmocka_unit_test(flushes_of_the_loaded_space_are_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
