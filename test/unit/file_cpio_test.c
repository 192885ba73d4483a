/* cpio archives: what is read from good ones, and what is refused in bad ones. */
#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/file/cpio.h"
#include "test/unit/file_cpio_maker.h"

#define MODE_FILE   0100644
#define MODE_FOLDER 0040755
#define MODE_LINK   0120777

static struct cpio_maker maker;
static struct cpio_reader reader;
static struct cpio_entry entry;

static int setup(void **state)
{
    (void)state;
    cpio_maker_start(&maker);
    return 0;
}

/* The archive lies in memory of exactly its size, so that a byte too far is caught. */
static int first(size_t size)
{
    static uint8_t *exact;

    free(exact);
    exact = malloc(size ? size : 1);
    memcpy(exact, maker.bytes, size);
    cpio_start(&reader, exact, size);
    return cpio_next(&reader, &entry);
}

static void entries_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct cpio_fields fields = {.inode = 7,
                                 .mode = MODE_FILE,
                                 .uid = 1,
                                 .gid = 2,
                                 .links = 3,
                                 .modified = 0x12345678,
                                 .device_major = 4,
                                 .device_minor = 5,
                                 .rdev_major = 6,
                                 .rdev_minor = 0xabcdef01};

    cpio_maker_add(&maker, &fields, "etc/motd", "hello", 5);
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_LINK}, "etc/link", "motd", 4);
    cpio_maker_end(&maker);
    assert_int_equal(first(maker.size), 1);
    assert_string_equal(entry.name, "etc/motd");
    assert_int_equal(entry.name_length, 8);
    assert_int_equal(entry.inode, 7);
    assert_int_equal(entry.mode, MODE_FILE);
    assert_int_equal(entry.uid, 1);
    assert_int_equal(entry.gid, 2);
    assert_int_equal(entry.links, 3);
    assert_int_equal(entry.modified, 0x12345678);
    assert_int_equal(entry.device_major, 4);
    assert_int_equal(entry.device_minor, 5);
    assert_int_equal(entry.rdev_major, 6);
    assert_int_equal(entry.rdev_minor, 0xabcdef01);
    assert_int_equal(entry.size, 5);
    assert_memory_equal(entry.data, "hello", 5);
    assert_int_equal(entry.offset, 0);
    assert_int_equal(cpio_next(&reader, &entry), 1);
    assert_string_equal(entry.name, "etc/link");
    assert_int_equal(cpio_next(&reader, &entry), 0);
}

static void names_are_cleaned(void **state)
{
    static const struct {
        const char *from, *to;
    } names[] = {{"a/b", "a/b"},     {"/a/b", "a/b"}, {"./a", "a"},           {"a//b///c/", "a/b/c"},
                 {"a/./b/.", "a/b"}, {"...", "..."},  {".hidden", ".hidden"}, {"a/..b/c..", "a/..b/c.."}};

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cpio_maker_start(&maker);
        cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, names[i].from, "", 0);
        cpio_maker_end(&maker);
        assert_int_equal(first(maker.size), 1);
        assert_string_equal(entry.name, names[i].to);
    }
}

/* Zeroes after a name fill the record up to a page; anything else there is damage. */
static void names_may_be_followed_by_zeroes(void **state)
{
    const size_t name = 110;

    (void)state;
    cpio_maker_start(&maker);
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, "abcd", "data", 4);
    cpio_maker_end(&maker);
    memset(maker.bytes + name + 1, 0, 3);
    assert_int_equal(first(maker.size), 1);
    assert_string_equal(entry.name, "a");
    assert_memory_equal(entry.data, "data", 4);
    maker.bytes[name + 2] = 'c';
    assert_int_equal(first(maker.size), -EINVAL);
    assert_non_null(strstr(reader.error, "not terminated"));
}

static void names_that_lead_out_are_refused(void **state)
{
    static const char *const names[] = {"..", "../a", "a/../b", "/..", "./../a", "a/..", "a/b/../../../c"};

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cpio_maker_start(&maker);
        cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, names[i], "", 0);
        cpio_maker_end(&maker);
        assert_int_equal(first(maker.size), -EINVAL);
        assert_non_null(strstr(reader.error, "leads out"));
    }
}

/* Cut anywhere but behind its end, an archive is damaged; and the reader never looks behind the cut. */
static void every_cut_is_noticed(void **state)
{
    (void)state;
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FOLDER}, "a", "", 0);
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, "a/b", "0123456789", 10);
    size_t last = maker.size;
    cpio_maker_end(&maker);
    for (size_t size = 0; size < last + 110 + 11; size++) {
        int result = first(size);
        while (result > 0)
            result = cpio_next(&reader, &entry);
        assert_int_equal(result, -EINVAL);
        assert_non_null(reader.error);
        assert_true(reader.offset <= size);
        assert_int_equal(cpio_next(&reader, &entry), -EINVAL);
    }
}

/* Whatever single byte of the headers and names is changed, nothing outside of the archive is read, and the result is one of the three. */
static void changed_bytes_do_no_harm(void **state)
{
    (void)state;
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FOLDER}, "a", "", 0);
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_LINK}, "a/b", "0123456789", 10);
    cpio_maker_end(&maker);
    for (size_t at = 0; at < maker.size; at++) {
        uint8_t before = maker.bytes[at];
        for (unsigned value = 0; value < 256; value++) {
            maker.bytes[at] = (uint8_t)value;
            int result = first(maker.size);
            for (unsigned entries = 0; result > 0 && entries < 10; entries++)
                result = cpio_next(&reader, &entry);
            assert_true(result == 0 || result == -EINVAL);
        }
        maker.bytes[at] = before;
    }
}

static void assert_refused(const struct cpio_fields *fields, const char *name, const char *data, size_t size,
                           const char *why)
{
    cpio_maker_start(&maker);
    cpio_maker_add(&maker, fields, name, data, size);
    cpio_maker_end(&maker);
    assert_int_equal(first(maker.size), -EINVAL);
    if (strstr(reader.error, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", reader.error, why);
}

static void impossible_entries_are_refused(void **state)
{
    char long_name[300];

    (void)state;
    assert_refused(&(struct cpio_fields){.mode = MODE_FILE}, "", "x", 1, "without a name");
    assert_refused(&(struct cpio_fields){.mode = MODE_FILE}, "./", "x", 1, "without a name");
    assert_refused(&(struct cpio_fields){.mode = MODE_LINK}, "a", "", 0, "target");
    assert_refused(&(struct cpio_fields){.mode = MODE_LINK}, "a", "b\0c", 3, "target");
    assert_refused(&(struct cpio_fields){.mode = 0}, "a", "", 0, "no known kind");
    assert_refused(&(struct cpio_fields){.mode = 0170000}, "a", "", 0, "no known kind");
    memset(long_name, 'n', sizeof(long_name));
    long_name[256] = '\0';
    assert_refused(&(struct cpio_fields){.mode = MODE_FILE}, long_name, "", 0, "too long");
    long_name[255] = '\0';
    cpio_maker_start(&maker);
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, long_name, "", 0);
    cpio_maker_end(&maker);
    assert_int_equal(first(maker.size), 1);
}

static void the_root_may_be_listed(void **state)
{
    (void)state;
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FOLDER}, ".", "", 0);
    cpio_maker_end(&maker);
    assert_int_equal(first(maker.size), 1);
    assert_string_equal(entry.name, "");
    assert_int_equal(cpio_next(&reader, &entry), 0);
}

static void archives_may_follow_each_other(void **state)
{
    (void)state;
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, "a", "1", 1);
    cpio_maker_end(&maker);
    memset(maker.bytes + maker.size, 0, 512);
    maker.size += 512 - maker.size % 512;
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE}, "b", "2", 1);
    cpio_maker_end(&maker);
    assert_int_equal(first(maker.size), 1);
    assert_int_equal(entry.archive, 0);
    assert_int_equal(cpio_next(&reader, &entry), 1);
    assert_string_equal(entry.name, "b");
    assert_int_equal(entry.archive, 1);
    assert_int_equal(cpio_next(&reader, &entry), 0);

    memcpy(maker.bytes + maker.size, "junk", 4);
    maker.size += 4;
    assert_int_equal(first(maker.size), 1);
    assert_int_equal(cpio_next(&reader, &entry), 1);
    assert_int_equal(cpio_next(&reader, &entry), -EINVAL);
    assert_int_equal(reader.offset, maker.size - 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(entries_come_out_as_they_went_in, setup),
        cmocka_unit_test_setup(names_are_cleaned, setup),
        cmocka_unit_test_setup(names_may_be_followed_by_zeroes, setup),
        cmocka_unit_test_setup(names_that_lead_out_are_refused, setup),
        cmocka_unit_test_setup(every_cut_is_noticed, setup),
        cmocka_unit_test_setup(changed_bytes_do_no_harm, setup),
        cmocka_unit_test_setup(impossible_entries_are_refused, setup),
        cmocka_unit_test_setup(the_root_may_be_listed, setup),
        cmocka_unit_test_setup(archives_may_follow_each_other, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
