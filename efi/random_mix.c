#include "efi/random_mix.h"

#define CHACHA_DOUBLE_ROUNDS 10

static uint32_t rotate_left(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* RFC 8439, 2.1. */
static void quarter_round(uint32_t *words, unsigned a, unsigned b, unsigned c, unsigned d)
{
    words[a] += words[b];
    words[d] = rotate_left(words[d] ^ words[a], 16);
    words[c] += words[d];
    words[b] = rotate_left(words[b] ^ words[c], 12);
    words[a] += words[b];
    words[d] = rotate_left(words[d] ^ words[a], 8);
    words[c] += words[d];
    words[b] = rotate_left(words[b] ^ words[c], 7);
}

static void permute(uint32_t *words)
{
    for (unsigned round = 0; round < CHACHA_DOUBLE_ROUNDS; ++round) {
        for (unsigned column = 0; column < 4; ++column)
            quarter_round(words, column, column + 4, column + 8, column + 12);
        for (unsigned column = 0; column < 4; ++column)
            quarter_round(words, column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12);
    }
}

void random_mix_start(struct random_mix *mix)
{
    /* Any start that is not all zero, which the permutation would keep. */
    for (unsigned i = 0; i < RANDOM_MIX_WORDS; ++i)
        mix->words[i] = 0x9e3779b9u * (i + 1);
}

void random_mix_absorb(struct random_mix *mix, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    while (size > 0) {
        size_t part = size < RANDOM_MIX_RATE ? size : RANDOM_MIX_RATE;
        for (size_t i = 0; i < part; ++i)
            mix->words[i / 4] ^= (uint32_t)from[i] << i % 4 * 8;
        /* The length goes to the hidden half, so that "a" and "a\0" differ. */
        mix->words[RANDOM_MIX_WORDS - 1] ^= (uint32_t)part;
        permute(mix->words);
        from += part;
        size -= part;
    }
}

void random_mix_squeeze(struct random_mix *mix, void *bytes, size_t size)
{
    unsigned char *to = bytes;
    for (size_t i = 0; i < size; ++i) {
        size_t at = i % RANDOM_MIX_RATE;
        if (at == 0)
            permute(mix->words);
        to[i] = (unsigned char)(mix->words[at / 4] >> at % 4 * 8);
    }
    /* The permutation can be run backwards: wipe the seen half, then stir, so that the past stays hidden. */
    for (unsigned i = 0; i < RANDOM_MIX_RATE / 4; ++i)
        mix->words[i] = 0;
    permute(mix->words);
}
