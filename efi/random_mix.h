/* Mix what little randomness there is at boot into one seed: a sponge over ChaCha20's permutation (RFC 8439, 2.3). It spreads and
 * hides the entropy that is put in, and makes none: the kernel must still treat the seed as no better than its sources.
 *
 * Pure: no firmware call, no allocation; the state is the caller's. */
#ifndef EFI_RANDOM_MIX_H
#define EFI_RANDOM_MIX_H

#include "paging/types.h"

#define RANDOM_MIX_WORDS 16
#define RANDOM_MIX_RATE                                                                                      \
    32 /* bytes taken or given per permutation; the other half of the state is never seen */

struct random_mix {
    uint32_t words[RANDOM_MIX_WORDS];
};

void random_mix_start(struct random_mix *mix);

/* Stir `size` bytes in. */
void random_mix_absorb(struct random_mix *mix, const void *bytes, size_t size);

/* Take `size` bytes out. What was given cannot be computed from the state afterwards. */
void random_mix_squeeze(struct random_mix *mix, void *bytes, size_t size);

#endif
