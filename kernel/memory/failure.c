/* See failure.h. */
#include "kernel/memory/failure.h"

#include <asm/errno.h>

#include "kernel/lib/format.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"

#define ONE_IN_DEFAULT 100
#define NUMBER_MAX     24 /* bytes of a number's text */

struct failure frame_failure, heap_failure;

/* Weyl's sequence, mixed (Steele, Lea and Flood: SplitMix64). Each number depends on its place in the sequence only, so that CPUs need not agree on an order. */
#define STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

bool failure_decide(struct failure *failure)
{
    uint64_t left = __atomic_load_n(&failure->left, __ATOMIC_RELAXED);

    if (left == FAILURE_RANDOM) {
        uint64_t one_in = __atomic_load_n(&failure->one_in, __ATOMIC_RELAXED);
        uint64_t at = __atomic_add_fetch(&failure->seed, STEP, __ATOMIC_RELAXED);
        return one_in != 0 && mix(at) % one_in == 0;
    }
    /* Never below 0, whoever counts at the same time: exactly one takes the last step. */
    while (left != 0)
        if (__atomic_compare_exchange_n(&failure->left, &left, left - 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return left == 1;
    return false;
}

void failure_after(struct failure *failure, uint64_t n)
{
    __atomic_store_n(&failure->left, n, __ATOMIC_RELAXED);
}

static int random_set(struct failure *failure, const char *text)
{
    const char *comma = strchr(text, ',');
    size_t length = comma != NULL ? (size_t)(comma - text) : strlen(text);
    uint64_t seed, one_in = ONE_IN_DEFAULT;
    char number[NUMBER_MAX];

    if (length >= sizeof(number))
        return -EINVAL;
    memcpy(number, text, length);
    number[length] = '\0';
    int error = number_parse(number, &seed);
    if (error == 0 && comma != NULL)
        error = number_parse(comma + 1, &one_in);
    if (error != 0 || one_in == 0)
        return error != 0 ? error : -EINVAL;
    failure_after(failure, 0);
    __atomic_store_n(&failure->seed, seed, __ATOMIC_RELAXED);
    __atomic_store_n(&failure->one_in, one_in, __ATOMIC_RELAXED);
    failure_after(failure, FAILURE_RANDOM);
    return 0;
}

/* What follows `prefix` in `text`; NULL when it begins otherwise. */
static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

int failure_set(struct failure *failure, const char *text)
{
    const char *random = after(text, "random,");
    uint64_t n;

    if (random != NULL)
        return random_set(failure, random);
    int error = number_parse(text, &n);
    if (error == 0 && n == FAILURE_RANDOM)
        error = -ERANGE;
    if (error == 0)
        failure_after(failure, n);
    return error;
}

int failure_text(const struct failure *failure, char *text, size_t size)
{
    uint64_t left = __atomic_load_n(&failure->left, __ATOMIC_RELAXED);

    if (left == FAILURE_RANDOM)
        return snprintf(text, size, "random,%lu,%lu", __atomic_load_n(&failure->seed, __ATOMIC_RELAXED),
                        __atomic_load_n(&failure->one_in, __ATOMIC_RELAXED));
    return snprintf(text, size, "%lu", left);
}

int failure_option(const char *text)
{
    const char *frame = after(text, "frame,"), *heap = after(text, "heap,");

    if (frame != NULL)
        return failure_set(&frame_failure, frame);
    return heap != NULL ? failure_set(&heap_failure, heap) : -EINVAL;
}
