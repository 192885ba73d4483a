/* Turn LA57 on while the firmware runs. */
#ifndef HOSTILE_SWITCH_LEVELS_H
#define HOSTILE_SWITCH_LEVELS_H

#ifndef __ASSEMBLER__
#include <stdint.h>

/* `copy`: a copy of the code between switch_levels_code and switch_levels_end below 4 GiB; `root`: a five-level root below 4 GiB that
 * shows the same addresses. */
void switch_levels(void *copy, uint64_t root);
#endif

#endif
