/* Kernel threads for self-tests: start some, wait until all have ended.
 *
 *     CHECK_EQ(test_threads_run("adder", 6, add, NULL), 0);
 *
 * One group at a time. Thread context. */
#ifndef KERNEL_PROCESS_TEST_THREADS_H
#define KERNEL_PROCESS_TEST_THREADS_H

#include <stdint.h>

#include "paging/types.h"

/* Longer than any wait of a test may last, in nanoseconds: what takes longer was forgotten. */
#define TEST_PATIENCE (UINT64_C(20) * 1000 * 1000 * 1000)

/* Start `count` threads that run function(number) with numbers from 0. -ENOMEM: not all could be started; those that were will be waited for. */
int must_check test_threads_start(const char *name, unsigned count, void (*function)(unsigned number));

/* Wait for their end: 0, or -ETIMEDOUT after TEST_PATIENCE. */
int must_check test_threads_end(void);

/* Both. */
int must_check test_threads_run(const char *name, unsigned count, void (*function)(unsigned number));

/* A step of a loop that waits for what other threads do, here or on other CPUs: lets both have their turn. */
void test_pause(void);

/* Sleep for so many nanoseconds at least. */
void test_sleep(uint64_t nanoseconds);

/* The next of a sequence of numbers that looks random and is the same in every run. */
uint32_t test_random(uint32_t *state);

#endif
