/* Operations on two address spaces at a time, drawn from a source of bytes, each done by paging/ and by the model and compared. Random tests
 * and the fuzz target are loops over steps_run(). */
#ifndef TEST_UNIT_PAGING_STEPS_H
#define TEST_UNIT_PAGING_STEPS_H

#include "test/unit/paging_model.h"

struct steps {
    /* The bytes: from `data` until they are used up; with NULL, endless from `seed`. */
    const uint8_t *data;
    size_t size;
    uint64_t seed;

    struct memory memory;
    struct machine machines[2]; /* of the two spaces; they may differ in 1 GiB pages */
    struct paging spaces[2];
    struct model models[2];
    struct model before; /* of the space the step changes */
    unsigned refused;    /* steps that ended with an error, by design */
    unsigned done;
};

void steps_start(struct steps *steps, const struct machine *machine, bool other_1g, bool memory_at_top);
/* One operation and its comparison; false when the bytes are used up. */
bool steps_run(struct steps *steps);
/* Free everything; prove that nothing leaked. */
void steps_end(struct steps *steps);

#endif
