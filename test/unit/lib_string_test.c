/* kernel/lib/string.c against the C library, with every operand up against a page that must not be touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <string.h>

/* The kernel's functions under other names, beside the library's. */
#define memset  kernel_memset
#define memcpy  kernel_memcpy
#define memmove kernel_memmove
#define memcmp  kernel_memcmp
#define memchr  kernel_memchr
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#define strrchr kernel_strrchr
#define strlcpy kernel_strlcpy
#include "kernel/lib/string.c"
#undef KERNEL_LIB_STRING_H
#undef memset
#undef memcpy
#undef memmove
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strlcpy

#define AREA           4096
#define SIZE_MAX_TRIED 200

/* An area whose end touches an unmapped page, and one whose start does. */
static uint8_t *area_before_guard(void)
{
    uint8_t *pages = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + AREA, AREA, PROT_NONE), 0);
    return pages;
}

static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rand();
}

static void copies_agree(void **state)
{
    uint8_t *to = area_before_guard(), *from = area_before_guard();
    uint8_t expected[AREA];

    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        for (size_t shift = 0; shift < 9; shift++) {
            fill(to, AREA);
            fill(from, AREA);
            memcpy(expected, to, AREA);
            size_t target = AREA - size - shift, source = AREA - size;
            memcpy(expected + target, from + source, size);
            assert_ptr_equal(kernel_memcpy(to + target, from + source, size), to + target);
            assert_memory_equal(to, expected, AREA);
        }
    }
}

static void sets_agree(void **state)
{
    uint8_t *to = area_before_guard();
    uint8_t expected[AREA];

    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        for (size_t shift = 0; shift < 9; shift++) {
            fill(to, AREA);
            memcpy(expected, to, AREA);
            int byte = rand();
            memset(expected + AREA - size - shift, byte, size);
            assert_ptr_equal(kernel_memset(to + AREA - size - shift, byte, size), to + AREA - size - shift);
            assert_memory_equal(to, expected, AREA);
        }
    }
}

static void overlapping_moves_agree(void **state)
{
    uint8_t bytes[512], expected[512];

    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        for (size_t distance = 0; distance <= 40; distance++) {
            for (int forward = 0; forward < 2; forward++) {
                size_t from = forward ? 100 : 100 + distance, to = forward ? 100 + distance : 100;
                fill(bytes, sizeof(bytes));
                memcpy(expected, bytes, sizeof(bytes));
                memmove(expected + to, expected + from, size);
                assert_ptr_equal(kernel_memmove(bytes + to, bytes + from, size), bytes + to);
                assert_memory_equal(bytes, expected, sizeof(bytes));
            }
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void comparisons_agree(void **state)
{
    uint8_t *left = area_before_guard(), *right = area_before_guard();

    (void)state;
    for (size_t size = 0; size <= 70; size++) {
        for (size_t differs = 0; differs <= size; differs++) {
            uint8_t *a = left + AREA - size, *b = right + AREA - size;
            fill(a, size);
            memcpy(b, a, size);
            if (differs < size) {
                b[differs] ^= (uint8_t)(1 + rand() % 255);
                if (differs + 1 < size)
                    b[differs + 1] ^= 0xff;
            }
            assert_int_equal(sign(kernel_memcmp(a, b, size)), sign(memcmp(a, b, size)));
        }
    }
}

/* Short random strings of few letters, ended right before the guard. */
static char *random_string(uint8_t *area)
{
    size_t length = (size_t)rand() % 20;
    char *string = (char *)area + AREA - length - 1;

    for (size_t i = 0; i < length; i++)
        string[i] = "ab\xe4"[rand() % 3];
    string[length] = '\0';
    return string;
}

static void strings_agree(void **state)
{
    uint8_t *left = area_before_guard(), *right = area_before_guard();

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        char *a = random_string(left), *b = random_string(right);
        size_t most = (size_t)rand() % 24;
        int byte = "ab\xe4z"[rand() % 4];
        if (rand() % 8 == 0)
            byte = 0;
        assert_int_equal(kernel_strlen(a), strlen(a));
        assert_int_equal(kernel_strnlen(a, most), strnlen(a, most));
        assert_int_equal(sign(kernel_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(kernel_strncmp(a, b, most)), sign(strncmp(a, b, most)));
        assert_ptr_equal(kernel_strchr(a, byte), strchr(a, byte));
        assert_ptr_equal(kernel_strrchr(a, byte), strrchr(a, byte));
        assert_ptr_equal(kernel_memchr(a, byte, strlen(a)), memchr(a, byte, strlen(a)));
    }
}

static void strlcpy_cuts_and_terminates(void **state)
{
    char to[8];

    (void)state;
    memset(to, 'x', sizeof(to));
    assert_int_equal(kernel_strlcpy(to, "seven..", sizeof(to)), 7);
    assert_string_equal(to, "seven..");
    assert_int_equal(kernel_strlcpy(to, "eight...", sizeof(to)), 8);
    assert_string_equal(to, "eight..");
    memset(to, 'x', sizeof(to));
    assert_int_equal(kernel_strlcpy(to, "ab", 1), 2);
    assert_string_equal(to, "");
    assert_int_equal(to[1], 'x');
    assert_int_equal(kernel_strlcpy(to, "ab", 0), 2);
    assert_int_equal(to[1], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_agree),
        cmocka_unit_test(sets_agree),
        cmocka_unit_test(overlapping_moves_agree),
        cmocka_unit_test(comparisons_agree),
        cmocka_unit_test(strings_agree),
        cmocka_unit_test(strlcpy_cuts_and_terminates),
    };

    srand(1);
    return cmocka_run_group_tests_name("lib_string", tests, NULL, NULL);
}
