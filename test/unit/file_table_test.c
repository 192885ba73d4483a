/* Descriptors, and calls with bad arguments: limits, copies, close-on-exec, readv's pieces, errors before effects. */
#include <asm/errno.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/file/file.h"
#include "kernel/file/file_table.h"
#include "kernel/process/process.h"
#include "syscalls/file.h"
#include "test/unit/file_fakes.h"

static int make(const char *path)
{
    return (int)sys_open(fake_string(path), O_RDWR | O_CREAT, 0644);
}

static void descriptors_are_the_lowest_free(void **state)
{
    (void)state;
    assert_int_equal(make("/a"), 0);
    assert_int_equal(make("/b"), 1);
    assert_int_equal(sys_dup(0), 2);
    assert_int_equal(sys_close(1), 0);
    assert_int_equal(sys_close(1), -EBADF);
    assert_int_equal(sys_fcntl(0, F_DUPFD, 100), 100);
    assert_int_equal(sys_dup(0), 1);
    assert_int_equal(sys_dup2(0, 500), 500);
    assert_int_equal(sys_dup2(0, 0), 0);
    assert_int_equal(sys_dup3(0, 0, 0), -EINVAL);
    assert_int_equal(sys_dup2(7, 7), -EBADF);
    assert_int_equal(sys_dup2(0, FILE_TABLE_MAX), -EBADF);
    assert_int_equal(sys_dup2(0, -1), -EBADF);
    assert_int_equal(sys_fcntl(0, F_DUPFD, FILE_TABLE_MAX), -EINVAL);
}

static void descriptors_run_out(void **state)
{
    (void)state;
    assert_int_equal(make("/a"), 0);
    for (int i = 1; i < FILE_TABLE_MAX; i++)
        assert_int_equal(sys_dup(0), i);
    assert_int_equal(sys_dup(0), -EMFILE);
    assert_int_equal(make("/b"), -EMFILE);
    assert_int_equal(sys_pipe(USER(fake_user)), -EMFILE);
    assert_int_equal(sys_close(1000), 0);
    assert_int_equal(sys_pipe(USER(fake_user)), -EMFILE); /* one is not enough; and it is free again */
    assert_int_equal(sys_dup(0), 1000);
    fake_process()->limits[7][0] = 10;
    assert_int_equal(sys_close(5), 0);
    assert_int_equal(sys_dup(0), 5);
    assert_int_equal(sys_close(50), 0);
    assert_int_equal(sys_dup(0), -EMFILE);
    assert_int_equal(sys_close_range(3, UINT32_MAX, 0), 0);
    assert_int_equal(sys_dup(0), 3);
}

static void fork_shares_files_and_exec_closes_some(void **state)
{
    struct file_table *copy;

    (void)state;
    assert_int_equal(make("/a"), 0);
    assert_int_equal(sys_open(fake_string("/b"), O_RDWR | O_CREAT | O_CLOEXEC, 0644), 1);
    assert_int_equal(sys_fcntl(0, F_DUPFD_CLOEXEC, 40), 40);
    assert_int_equal(sys_fcntl(40, F_GETFD, 0), FD_CLOEXEC);
    int reserved = file_table_reserve(fake_files()->table, 0, FILE_TABLE_MAX, false);
    assert_int_equal(reserved, 2);
    assert_int_equal(sys_dup2(0, 2), -EBUSY);
    assert_int_equal(file_table_copy(fake_files()->table, &copy), 0);
    file_table_unreserve(fake_files()->table, reserved);

    assert_int_equal(sys_write(0, fake_string("shared"), 6), 6);
    struct file *file = file_table_get(copy, 0);
    assert_int_equal(file->offset, 6);
    file_put(file);
    file_table_close_on_exec(copy);
    assert_null(file_table_get(copy, 1));
    assert_null(file_table_get(copy, 2));
    assert_null(file_table_get(copy, 40));
    assert_int_equal(file_table_reserve(copy, 2, FILE_TABLE_MAX, false),
                     2); /* reserved by the parent alone */
    file_table_unreserve(copy, 2);
    file_table_put(copy);
    assert_int_equal(sys_fcntl(1, F_GETFD, 0), FD_CLOEXEC); /* the parent's stay */
}

static void exhausted_memory_leaves_everything_as_it_was(void **state)
{
    struct file_table *copy;
    int *ends = (int *)fake_user;

    (void)state;
    assert_int_equal(make("/a"), 0);
    for (unsigned n = 1; n < 10; n++) {
        fake_heap_fail_at(n);
        long made = sys_pipe(USER(ends));
        fake_heap_fail_at(0);
        if (made == 0)
            break;
        assert_int_equal(made, -ENOMEM);
        assert_int_equal(sys_dup(0), 1);
        assert_int_equal(sys_close(1), 0);
    }
    for (unsigned n = 1;; n++) {
        fake_heap_fail_at(n);
        long made = sys_open(fake_string("/new"), O_CREAT | O_RDWR, 0644);
        fake_heap_fail_at(0);
        if (made >= 0)
            break;
        assert_int_equal(made, -ENOMEM);
        assert_true(n < 10);
    }
    fake_heap_fail_at(2);
    assert_int_equal(file_table_copy(fake_files()->table, &copy), -ENOMEM);
    fake_heap_fail_at(1);
    assert_int_equal(sys_dup2(0, 1000), -ENOMEM);
}

/* --- pieces --- */

static void pieces_are_filled_in_order(void **state)
{
    struct buffer_piece *pieces = (struct buffer_piece *)fake_user;
    uint8_t *data = fake_user + 65536;

    (void)state;
    assert_int_equal(make("/a"), 0);
    assert_int_equal(sys_write(0, fake_string("0123456789"), 10), 10);
    assert_int_equal(sys_lseek(0, 0, 0), 0);
    pieces[0] = (struct buffer_piece){(uintptr_t)data, 3};
    pieces[1] = (struct buffer_piece){(uintptr_t)data + 100, 0};
    pieces[2] = (struct buffer_piece){(uintptr_t)data + 200, 50};
    assert_int_equal(sys_readv(0, USER(pieces), 3), 10);
    assert_memory_equal(data, "012", 3);
    assert_memory_equal(data + 200, "3456789", 7);
    assert_int_equal(sys_preadv(0, USER(pieces), 1, 8), 2);
    assert_int_equal(sys_preadv(0, USER(pieces), 1, -1), -EINVAL);
    pieces[2].size = 2;
    assert_int_equal(sys_writev(0, USER(pieces), 3), 5);
    assert_int_equal(sys_lseek(0, 0, 1), 15);

    for (unsigned i = 0; i < 1024; i++)
        pieces[i] = (struct buffer_piece){(uintptr_t)data + i, 1};
    assert_int_equal(sys_pwritev(0, USER(pieces), 1024, 0), 1024);
    assert_int_equal(sys_writev(0, USER(pieces), 1025), -EINVAL);
    assert_int_equal(sys_writev(0, USER(pieces), 0), 0);
    pieces[1].size = UINT64_C(1) << 63;
    assert_int_equal(sys_writev(0, USER(pieces), 2), -EINVAL);
    pieces[1] = (struct buffer_piece){UINT64_C(0xffff800000000000), 1};
    assert_int_equal(sys_writev(0, USER(pieces), 2), -EFAULT);
    pieces[0] = (struct buffer_piece){(uintptr_t)fake_user + FAKE_USER_SIZE - 5, 10};
    pieces[1] = (struct buffer_piece){(uintptr_t)data, 1};
    assert_int_equal(sys_writev(0, USER(pieces), 2), 5); /* up to the fault */
    assert_int_equal(sys_writev(0, user_pointer(void, 1), 2), -EFAULT);
}

static void bad_addresses_are_faults(void **state)
{
    (void)state;
    assert_int_equal(make("/a"), 0);
    assert_int_equal(sys_write(0, user_pointer(void, UINT64_C(0xffff800000000000)), 1), -EFAULT);
    assert_int_equal(sys_write(0, USER(fake_user), UINT64_MAX), -EFAULT);
    assert_int_equal(sys_write(5, USER(NULL), 1), -EBADF);
    assert_int_equal(sys_read(0, USER(NULL), 0), 0);
    assert_int_equal(sys_open(USER(NULL), O_RDONLY, 0), -EFAULT);
    assert_int_equal(sys_open(USER(fake_user + FAKE_USER_SIZE), O_RDONLY, 0), -EFAULT);
    assert_int_equal(sys_fstat(0, USER(NULL)), -EFAULT);
    assert_int_equal(sys_getcwd(USER(NULL), 100), -EFAULT);
    assert_int_equal(sys_getcwd(USER(fake_user), 1), -ERANGE);
    memset(fake_user, 'n', 5000);
    assert_int_equal(sys_mkdir(USER(fake_user), 0755), -ENAMETOOLONG);
    assert_int_equal(sys_write(0, fake_string("unharmed"), 8), 8);
}

/* --- sendfile --- */

static void sendfile_copies_between_files(void **state)
{
    int64_t *offset = (int64_t *)fake_user;

    (void)state;
    assert_int_equal(make("/from"), 0);
    assert_int_equal(make("/to"), 1);
    memset(fake_user + 8, 'x', 10000);
    assert_int_equal(sys_write(0, USER(fake_user + 8), 10000), 10000);
    assert_int_equal(sys_lseek(0, 1000, 0), 1000);
    assert_int_equal(sys_sendfile(1, 0, NULL, 100000), 9000);
    assert_int_equal(sys_lseek(0, 0, 1), 10000);
    assert_int_equal(sys_lseek(1, 0, 1), 9000);
    *offset = 9999;
    assert_int_equal(sys_sendfile(1, 0, USER(offset), 100), 1);
    assert_int_equal(*offset, 10000);
    assert_int_equal(sys_lseek(0, 0, 1), 10000);
    *offset = -1;
    assert_int_equal(sys_sendfile(1, 0, USER(offset), 100), -EINVAL);
    assert_int_equal(sys_sendfile(1, 9, NULL, 100), -EBADF);
    assert_int_equal(sys_pipe(USER(fake_user)), 0);
    assert_int_equal(sys_sendfile(1, 2, NULL, 100), -EINVAL); /* from a pipe */
    assert_int_equal(sys_lseek(0, 0, 0), 0);
    assert_int_equal(sys_sendfile(3, 0, NULL, 100), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(descriptors_are_the_lowest_free, fakes_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(descriptors_run_out, fakes_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(fork_shares_files_and_exec_closes_some, fakes_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(exhausted_memory_leaves_everything_as_it_was, fakes_setup,
                                        fakes_teardown),
        cmocka_unit_test_setup_teardown(pieces_are_filled_in_order, fakes_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(bad_addresses_are_faults, fakes_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(sendfile_copies_between_files, fakes_setup, fakes_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
