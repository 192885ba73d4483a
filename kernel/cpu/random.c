/* See random.h. Fast key erasure: a request runs the block function under the key, takes the first 32 bytes as the next key and gives out the
 * rest, so that no state from which past output could be found stays in memory; what is left over of small requests is kept for the next ones. */
#include "kernel/cpu/random.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"

#define KEY_WORDS     8
#define BLOCK_WORDS   16
#define DOUBLE_ROUNDS 10

static struct spinlock lock = {.rank = LOCK_RANDOM, .name = "random"};
static uint32_t key[KEY_WORDS];

/* What a block gives besides the next key, from the end on; each byte is erased when it is given out. */
#define POOL_SIZE ((BLOCK_WORDS - KEY_WORDS) * sizeof(uint32_t))
static uint8_t pool[POOL_SIZE];
static size_t pool_left;

static inline uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static inline void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

/* RFC 8439, 2.3, with a 64-bit counter and a zero nonce. */
static void block(uint32_t out[BLOCK_WORDS], uint64_t counter)
{
    uint32_t input[BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

    memcpy(input + 4, key, sizeof(key));
    memcpy(input + 12, &counter, sizeof(counter));
    memcpy(out, input, sizeof(input));
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        for (unsigned column = 0; column < 4; column++)
            quarter_round(&out[column], &out[4 + column], &out[8 + column], &out[12 + column]);
        for (unsigned diagonal = 0; diagonal < 4; diagonal++)
            quarter_round(&out[diagonal], &out[4 + (diagonal + 1) % 4], &out[8 + (diagonal + 2) % 4],
                          &out[12 + (diagonal + 3) % 4]);
    }
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        out[i] += input[i];
}

static uint64_t hardware_random(void)
{
    uint64_t value = 0;

    if (cpu_features.rdrand)
        for (unsigned tries = 0; tries < 10; tries++) {
            uint8_t done;
            __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=q"(done) : : "cc");
            if (done)
                break;
        }
    return value ^ rdtsc();
}

static void stir(void)
{
    uint64_t more = hardware_random();

    key[0] ^= (uint32_t)more;
    key[1] ^= (uint32_t)(more >> 32);
}

void random_start(const uint8_t *seed, size_t size)
{
    spinlock_lock(&lock);
    for (size_t at = 0; at < size; at += sizeof(key)) {
        uint32_t piece[KEY_WORDS] = {0};
        uint32_t out[BLOCK_WORDS];
        memcpy(piece, seed + at, size - at < sizeof(piece) ? size - at : sizeof(piece));
        for (unsigned i = 0; i < KEY_WORDS; i++)
            key[i] ^= piece[i];
        stir();
        block(out, at);
        memcpy(key, out, sizeof(key));
    }
    pool_left = 0;
    spinlock_unlock(&lock);
}

static void pool_fill(void)
{
    uint32_t out[BLOCK_WORDS];

    stir();
    block(out, 0);
    memcpy(key, out, sizeof(key));
    memcpy(pool, out + KEY_WORDS, sizeof(pool));
    pool_left = sizeof(pool);
    memset(out, 0, sizeof(out));
}

static void pool_take(uint8_t *to, size_t size)
{
    while (size > 0) {
        if (pool_left == 0)
            pool_fill();
        size_t piece = size < pool_left ? size : pool_left;
        pool_left -= piece;
        memcpy(to, pool + pool_left, piece);
        memset(pool + pool_left, 0, piece);
        to += piece;
        size -= piece;
    }
}

static void blocks_take(uint8_t *to, size_t size)
{
    uint32_t first[BLOCK_WORDS], out[BLOCK_WORDS];

    stir();
    block(first, 0);
    for (uint64_t counter = 1; size > 0; counter++) {
        size_t piece = size < sizeof(out) ? size : sizeof(out);
        block(out, counter);
        memcpy(to, out, piece);
        to += piece;
        size -= piece;
    }
    memcpy(key, first, sizeof(key));
    memset(first, 0, sizeof(first));
    memset(out, 0, sizeof(out));
}

void random_bytes(void *to, size_t size)
{
    spinlock_lock(&lock);
    if (size <= POOL_SIZE)
        pool_take(to, size);
    else
        blocks_take(to, size);
    spinlock_unlock(&lock);
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_bytes(&value, sizeof(value));
    return value;
}
