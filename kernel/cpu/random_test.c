/* Random bytes: not proof of anything but that they are not obviously broken. */
#include "kernel/cpu/random.h"

#include "kernel/debug/selftest.h"
#include "kernel/lib/string.h"

#define DRAWS 256

SELFTEST(random_does_not_repeat)
{
    static uint64_t drawn[DRAWS];
    unsigned equal = 0;

    for (unsigned i = 0; i < DRAWS; i++) {
        drawn[i] = random_u64();
        for (unsigned j = 0; j < i; j++)
            equal += drawn[i] == drawn[j];
    }
    CHECK_EQ(equal, 0);
}

SELFTEST(random_fills_exactly_what_is_asked)
{
    uint8_t bytes[200];

    for (size_t size = 0; size < 150; size += 7) {
        unsigned untouched = 0, zero = 0;
        memset(bytes, 0, sizeof(bytes));
        random_bytes(bytes + 16, size);
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            bool inside = i >= 16 && i < 16 + size;
            untouched += !inside && bytes[i] != 0;
            zero += inside && bytes[i] == 0;
        }
        CHECK_EQ(untouched, 0);
        CHECK(zero <= 8 + size / 16);
    }
}

/* Each bit comes up about half of the time. */
SELFTEST(random_bits_are_balanced)
{
    unsigned ones[64] = {0};

    for (unsigned i = 0; i < 1024; i++) {
        uint64_t value = random_u64();
        for (unsigned bit = 0; bit < 64; bit++)
            ones[bit] += value >> bit & 1;
    }
    /* Six standard deviations of 16. */
    for (unsigned bit = 0; bit < 64; bit++)
        CHECK(ones[bit] > 512 - 96 && ones[bit] < 512 + 96);
}
