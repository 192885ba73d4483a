/* The seed mixer, against ChaCha20's own test vector and for what a mixer must do. */

#include "efi/random_mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8439, 2.3.2: the state before, and after twenty rounds but before the addition of the first. */
static const uint32_t rfc_before[RANDOM_MIX_WORDS] = {
    0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
    0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c, 0x00000001, 0x09000000, 0x4a000000, 0x00000000,
};
static const uint32_t rfc_after[RANDOM_MIX_WORDS] = {
    0x837778ab, 0xe238d763, 0xa67ae21e, 0x5950bb2f, 0xc4f2d0c7, 0xfc62bb2f, 0x8fa018fc, 0x3f5ec7b7,
    0x335271c2, 0xf29489f3, 0xeabda8fc, 0x82e46ebd, 0xd19c12b4, 0xb04e16de, 0x9e83d0cb, 0x4e3c50a2,
};

static void the_permutation_is_chacha20s(void **state)
{
    (void)state;
    struct random_mix mix;
    unsigned char seen[RANDOM_MIX_RATE];
    memcpy(mix.words, rfc_before, sizeof(rfc_before));
    random_mix_squeeze(&mix, seen, sizeof(seen));
    assert_memory_equal(seen, rfc_after, sizeof(seen));
}

static void seed_of(const void *bytes, size_t size, unsigned char seed[64])
{
    struct random_mix mix;
    random_mix_start(&mix);
    random_mix_absorb(&mix, bytes, size);
    random_mix_squeeze(&mix, seed, 64);
}

static unsigned bits_different(const unsigned char *left, const unsigned char *right)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 64; ++i)
        bits += (unsigned)__builtin_popcount((unsigned)(left[i] ^ right[i]));
    return bits;
}

/* Every bit of the input changes about half of the seed. */
static void every_bit_counts(void **state)
{
    (void)state;
    unsigned char input[70] = {0}, seed[64], changed[64];
    seed_of(input, sizeof(input), seed);
    for (unsigned bit = 0; bit < 8 * sizeof(input); ++bit) {
        input[bit / 8] ^= (unsigned char)(1u << bit % 8);
        seed_of(input, sizeof(input), changed);
        input[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_in_range(bits_different(seed, changed), 180, 332);
    }
}

static void lengths_count_too(void **state)
{
    (void)state;
    static const unsigned char zeroes[65];
    unsigned char seeds[66][64];
    for (size_t size = 0; size <= 65; ++size) {
        seed_of(zeroes, size, seeds[size]);
        for (size_t other = 0; other < size; ++other)
            assert_memory_not_equal(seeds[size], seeds[other], 64);
    }
}

static void two_seeds_of_one_state_differ(void **state)
{
    (void)state;
    struct random_mix mix;
    unsigned char first[64], second[64];
    random_mix_start(&mix);
    random_mix_squeeze(&mix, first, sizeof(first));
    random_mix_squeeze(&mix, second, sizeof(second));
    assert_in_range(bits_different(first, second), 180, 332);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_permutation_is_chacha20s),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(lengths_count_too),
        cmocka_unit_test(two_seeds_of_one_state_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
