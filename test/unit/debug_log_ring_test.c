/* The log's ring against a plain list of all that was ever appended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/debug/log_ring.h"

#define RECORDS   5000
#define TEXT_MAX  60
#define RING_SIZE 509 /* not a power of two: records wrap at every offset */

static struct {
    uint8_t level;
    size_t length;
    char text[TEXT_MAX];
} all[RECORDS];

/* What the ring holds must be the newest records, unbroken, and one more must not have fitted. */
static void check_newest(const struct log_ring *ring, size_t appended)
{
    uint64_t position = ring->start;
    size_t held = 0, bytes = 0;
    uint8_t level;
    char text[TEXT_MAX];

    while (log_ring_read(ring, &position, &level, text, sizeof(text)) >= 0)
        held++;
    assert_true(held <= appended);
    position = ring->start;
    for (size_t i = appended - held; i < appended; i++) {
        assert_int_equal(log_ring_read(ring, &position, &level, text, sizeof(text)), all[i].length);
        assert_int_equal(level, all[i].level);
        assert_memory_equal(text, all[i].text, all[i].length);
        bytes += all[i].length + 3;
    }
    assert_true(bytes <= RING_SIZE);
    if (held < appended)
        assert_true(bytes + all[appended - held - 1].length + 3 > RING_SIZE);
}

static void newest_records_are_kept(void **state)
{
    static uint8_t bytes[RING_SIZE];
    struct log_ring ring = {.bytes = bytes, .size = RING_SIZE};

    (void)state;
    for (size_t i = 0; i < RECORDS; i++) {
        all[i].level = (uint8_t)(rand() % 4);
        all[i].length = (size_t)rand() % (TEXT_MAX + 1);
        for (size_t k = 0; k < all[i].length; k++)
            all[i].text[k] = (char)rand();
        log_ring_append(&ring, all[i].level, all[i].text, all[i].length);
        check_newest(&ring, i + 1);
    }
}

static void little_rooms(void **state)
{
    uint8_t bytes[8], level;
    struct log_ring ring = {.bytes = bytes, .size = sizeof(bytes)};
    uint64_t position;
    char text[8] = "";

    (void)state;
    log_ring_append(&ring, 1, "too long for it", 15);
    position = ring.start;
    assert_int_equal(log_ring_read(&ring, &position, &level, text, sizeof(text)), 5);
    assert_memory_equal(text, "too l", 5);
    assert_int_equal(log_ring_read(&ring, &position, &level, text, sizeof(text)), -1);
    /* A reader's buffer that is too small gets the beginning. */
    position = ring.start;
    memset(text, '#', sizeof(text));
    assert_int_equal(log_ring_read(&ring, &position, &level, text, 2), 5);
    assert_memory_equal(text, "to#", 3);

    struct log_ring none = {.bytes = bytes, .size = 2};
    log_ring_append(&none, 1, "x", 1);
    assert_int_equal(none.end, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_records_are_kept),
        cmocka_unit_test(little_rooms),
    };

    srand(1);
    return cmocka_run_group_tests_name("debug_log_ring", tests, NULL, NULL);
}
