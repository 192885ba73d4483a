/* Thousands of random operations on every kind of machine, each held against the flat model. */
#include "test/unit/paging_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define STEPS 800

static void run(const struct machine *machine, uint64_t seed, bool other_1g, bool memory_at_top)
{
    static struct steps steps;
    steps.data = NULL;
    steps.seed = seed;
    steps_start(&steps, machine, other_1g, memory_at_top);
    for (unsigned i = 0; i < STEPS; i++)
        steps_run(&steps);
    print_message("%s, seed %ju: %u steps, %u of them refused\n", machine->name, (uintmax_t)seed, steps.done,
                  steps.refused);
    assert_true(steps.refused > STEPS / 20 && steps.refused < STEPS / 2);
    steps_end(&steps);
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    for (unsigned m = 0; m < machine_count; m++) {
        run(&machines[m], 2 * m + 1, machines[m].pages_1g, false);
        run(&machines[m], 2 * m + 2, false, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations_agree_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
