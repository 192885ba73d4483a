#include "kernel/lib/string.h"

#include <stdint.h>

/* Eight bytes at any alignment, of any type. */
typedef uint64_t __attribute__((aligned(1), may_alias)) word_t;
#define WORD           sizeof(word_t)

/* From this size on the string instructions are worth their start-up. They move whole words; the processor's fast-string hardware makes
 * cache lines of them, and under an emulator each word is one instruction. */
#define STRING_MINIMUM 32

static void words_set(void *to, uint64_t pattern, size_t words)
{
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
}

static void words_copy(void *to, const void *from, size_t words)
{
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

void *memset(void *to, int byte, size_t size)
{
    uint64_t pattern = UINT64_C(0x0101010101010101) * (uint8_t)byte;
    uint8_t *at = to;

    if (size < WORD) {
        while (size-- > 0)
            *at++ = (uint8_t)byte;
        return to;
    }
    /* The last word may overlap what the loop wrote. */
    *(word_t *)(at + size - WORD) = pattern;
    if (size >= STRING_MINIMUM) {
        words_set(at, pattern, size / WORD);
        return to;
    }
    for (size_t done = 0; done + WORD <= size; done += WORD)
        *(word_t *)(at + done) = pattern;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *at = to;
    const uint8_t *source = from;

    if (size < WORD) {
        while (size-- > 0)
            *at++ = *source++;
        return to;
    }
    *(word_t *)(at + size - WORD) = *(const word_t *)(source + size - WORD);
    if (size >= STRING_MINIMUM) {
        words_copy(at, source, size / WORD);
        return to;
    }
    for (size_t done = 0; done + WORD <= size; done += WORD)
        *(word_t *)(at + done) = *(const word_t *)(source + done);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *at = to;
    const uint8_t *source = from;

    /* Forward order is safe when the destination begins below the source or past its end: a word is read before any write gets there.
     * The first tail word must not be moved early as memcpy() does: its bytes may still be the source of words before it. */
    if ((uintptr_t)to - (uintptr_t)from >= size) {
        words_copy(at, source, size / WORD);
        for (size_t done = size & ~(WORD - 1); done < size; done++)
            at[done] = source[done];
        return to;
    }
    while (size % WORD != 0) {
        size--;
        at[size] = source[size];
    }
    while (size > 0) {
        size -= WORD;
        *(word_t *)(at + size) = *(const word_t *)(source + size);
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const uint8_t *a = left, *b = right;

    while (size >= WORD && *(const word_t *)a == *(const word_t *)b) {
        a += WORD;
        b += WORD;
        size -= WORD;
    }
    for (; size > 0; a++, b++, size--) {
        if (*a != *b)
            return *a < *b ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *from, int byte, size_t size)
{
    const uint8_t *at = from;

    for (; size > 0; at++, size--) {
        if (*at == (uint8_t)byte)
            return (void *)at;
    }
    return NULL;
}

size_t strlen(const char *string)
{
    const char *end = string;

    while (*end != '\0')
        end++;
    return (size_t)(end - string);
}

size_t strnlen(const char *string, size_t most)
{
    size_t length = 0;

    while (length < most && string[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return (uint8_t)*left - (uint8_t)*right;
}

int strncmp(const char *left, const char *right, size_t most)
{
    for (; most > 0; left++, right++, most--) {
        if (*left != *right || *left == '\0')
            return (uint8_t)*left - (uint8_t)*right;
    }
    return 0;
}

char *strchr(const char *string, int byte)
{
    for (;; string++) {
        if (*string == (char)byte)
            return (char *)string;
        if (*string == '\0')
            return NULL;
    }
}

char *strrchr(const char *string, int byte)
{
    const char *found = NULL;

    for (;; string++) {
        if (*string == (char)byte)
            found = string;
        if (*string == '\0')
            return (char *)found;
    }
}

size_t strlcpy(char *to, const char *from, size_t size)
{
    size_t length = strlen(from);

    if (size > 0) {
        size_t copied = length < size ? length : size - 1;
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}
