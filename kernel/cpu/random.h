/* Random bytes: ChaCha20 keyed from the loader's seed and stirred with time stamps and RDRAND (RFC 8439's block function, fast key erasure).
 *
 * Any context; never sleeps. Good for ASLR, AT_RANDOM and getrandom(); as unpredictable as the seed that the firmware and the CPU gave. */
#ifndef KERNEL_CPU_RANDOM_H
#define KERNEL_CPU_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_start(const uint8_t *seed, size_t size);
void random_bytes(void *to, size_t size);
uint64_t random_u64(void);

#endif
