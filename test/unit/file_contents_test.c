/* Contents of regular files against a flat array: random writes, reads and cuts over an archive's bytes; and what happens when memory ends. */
#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/file/buffer.h"
#include "kernel/file/contents.h"
#include "test/unit/file_fakes.h"

#define SIZE_MAX_HERE 100000
#define ARCHIVE_SIZE  30001
#define STEPS         4000

static uint8_t archive[ARCHIVE_SIZE], model[2 * SIZE_MAX_HERE], bytes[2 * SIZE_MAX_HERE];
static uint64_t model_size;
static struct contents contents;

static int setup(void **state)
{
    fakes_setup(state);
    srand(1);
    for (size_t i = 0; i < ARCHIVE_SIZE; i++)
        archive[i] = (uint8_t)(i * 7 + 1);
    memset(model, 0, sizeof(model));
    memcpy(model, archive, ARCHIVE_SIZE);
    model_size = ARCHIVE_SIZE;
    contents_init(&contents);
    contents_set_archive(&contents, archive, ARCHIVE_SIZE);
    return 0;
}

static int teardown(void **state)
{
    contents_free(&contents);
    contents_set_limit(UINT64_MAX);
    assert_int_equal(contents_bytes_used(), 0);
    return fakes_teardown(state);
}

static long read_at(uint64_t position, size_t size)
{
    struct buffer buffer;

    memset(bytes, 0xee, size);
    buffer_init_kernel(&buffer, bytes, size);
    return contents_read(&contents, &buffer, position);
}

static long write_at(uint64_t *position, size_t size, bool append)
{
    struct buffer buffer;

    buffer_init_kernel(&buffer, bytes, size);
    return contents_write(&contents, &buffer, position, append);
}

static int resize_to(uint64_t size)
{
    uint64_t before = contents.size;
    bool shrank = false;

    int error = contents_resize(&contents, size, &shrank);
    assert_int_equal(shrank, error == 0 && size < before);
    return error;
}

static void compare(uint64_t position, size_t size)
{
    size_t wanted = position < model_size ? model_size - position : 0;

    if (wanted > size)
        wanted = size;
    assert_int_equal(read_at(position, size), wanted);
    assert_memory_equal(bytes, model + position, wanted);
}

static void random_write(void)
{
    uint64_t position = (uint64_t)rand() % SIZE_MAX_HERE;
    size_t size = (size_t)rand() % (rand() % 2 ? 50 : 20000);
    bool append = rand() % 10 == 0 && model_size < SIZE_MAX_HERE / 2;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rand();
    uint64_t start = append ? model_size : position;
    memcpy(model + start, bytes, size);
    assert_int_equal(write_at(&position, size, append), size);
    if (size == 0)
        return;
    assert_int_equal(position, start + size);
    if (start + size > model_size)
        model_size = start + size;
}

static void random_resize(void)
{
    uint64_t size = (uint64_t)rand() % SIZE_MAX_HERE;

    assert_int_equal(resize_to(size), 0);
    if (size < model_size)
        memset(model + size, 0, model_size - size);
    model_size = size;
}

static void contents_are_a_flat_array(void **state)
{
    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        switch (rand() % 8) {
        case 0:
            random_resize();
            break;
        case 1:
        case 2:
            random_write();
            break;
        default:
            compare((uint64_t)rand() % SIZE_MAX_HERE, (size_t)rand() % 30000);
        }
        assert_int_equal(contents.size, model_size);
    }
    compare(0, sizeof(bytes));
    for (size_t i = 0; i < ARCHIVE_SIZE; i++)
        assert_int_equal(archive[i], (uint8_t)(i * 7 + 1)); /* never written to */
}

static void an_unwritten_file_is_one_span(void **state)
{
    uint64_t position = 5;

    (void)state;
    assert_ptr_equal(contents_span(&contents), archive);
    assert_int_equal(write_at(&position, 1, false), 1);
    assert_null(contents_span(&contents));
}

static void exhausted_memory_keeps_what_was_written(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        uint64_t position = 100, before = position;
        contents_free(&contents);
        contents_init(&contents);
        fake_heap_fail_at(n);
        long done = write_at(&position, 20000, false);
        fake_heap_fail_at(0);
        if (n <= 2)
            assert_int_equal(done, -ENOSPC);
        else
            assert_true(done > 0);
        assert_int_equal(position - before, done > 0 ? done : 0);
        assert_int_equal(contents.size, done > 0 ? 100 + done : 0);
    }
}

static void written_files_have_a_limit_together(void **state)
{
    uint64_t position = 0;

    (void)state;
    contents_set_limit(3 * 4096);
    assert_int_equal(write_at(&position, 20000, false), 3 * 4096);
    assert_int_equal(write_at(&position, 1, false), -ENOSPC);
    assert_int_equal(contents_bytes_used(), 3 * 4096);
    assert_int_equal(resize_to(4096), 0);
    assert_int_equal(write_at(&position, 1, false), 1);
    position = CONTENTS_SIZE_MAX;
    assert_int_equal(write_at(&position, 1, false), -EFBIG);
    assert_int_equal(resize_to(CONTENTS_SIZE_MAX + 1), -EFBIG);
}

static void faults_are_told_when_nothing_was_moved(void **state)
{
    struct buffer buffer;
    uint64_t position = 0, end = (uintptr_t)fake_user + FAKE_USER_SIZE;

    (void)state;
    buffer_init_user(&buffer, end - 10, 100);
    assert_int_equal(contents_write(&contents, &buffer, &position, false), 10);
    buffer_init_user(&buffer, end, 100);
    assert_int_equal(contents_write(&contents, &buffer, &position, false), -EFAULT);
    buffer_init_user(&buffer, end, 100);
    assert_int_equal(contents_read(&contents, &buffer, 0), -EFAULT);
    buffer_init_user(&buffer, end - 5000, 6000);
    assert_int_equal(contents_read(&contents, &buffer, 0), 5000);
}

static int page_ignore(const uint8_t *page, void *context)
{
    (void)page, (void)context;
    return 0;
}

/* First touch of pages 0 and 2 through a shared mapping, and of page 1 through a private one. */
static void mapping_faults(const struct mutex *mutex)
{
    static unsigned steps; /* a cut that frees what is made again at once has no end */
    uint8_t page[4096];

    if (mutex != &contents.pages_mutex)
        return;
    assert_in_range(++steps, 1, 1000);
    for (uint64_t slot = 0; slot <= 2; slot += 2) {
        int error = contents_page(&contents, slot, true, page_ignore, NULL);
        assert_int_equal(error, slot * 4096 < contents.size ? 0 : -EFAULT);
    }
    int error = contents_copy_page(&contents, 1, page);
    assert_int_equal(error, 4096 < contents.size ? 0 : -EFAULT);
}

static void faults_leave_no_page_behind_a_new_end(void **state)
{
    (void)state;
    fake_other_cpu = mapping_faults;
    assert_int_equal(resize_to(100), 0);
    fake_other_cpu = NULL;
    assert_int_equal(contents.page_count, 1);
    assert_int_equal(resize_to(ARCHIVE_SIZE), 0);
    memset(model + 100, 0, ARCHIVE_SIZE - 100);
    compare(0, ARCHIVE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contents_are_a_flat_array, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unwritten_file_is_one_span, setup, teardown),
        cmocka_unit_test_setup_teardown(exhausted_memory_keeps_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(written_files_have_a_limit_together, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_are_told_when_nothing_was_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_leave_no_page_behind_a_new_end, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
