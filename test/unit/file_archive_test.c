/* Unpacking archives: what the tree holds afterwards, for archives of our own making, GNU cpio's and esp/cpio.py's. */
#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/file/archive.h"
#include "kernel/file/buffer.h"
#include "kernel/file/node.h"
#include "kernel/file/path.h"
#include "kernel/file/program_file.h"
#include "kernel/file/tree.h"
#include "test/unit/file_cpio_maker.h"
#include "test/unit/file_fakes.h"

#define MODE_FILE   0100644
#define MODE_FOLDER 0040755
#define MODE_LINK   0120777
#define OUTPUT_MAX  (1 << 20)

static struct cpio_maker maker;
static uint8_t output[OUTPUT_MAX];

static void add(uint32_t mode, const char *name, const char *data)
{
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = mode, .links = 1}, name, data, strlen(data));
}

static int unpack(void)
{
    cpio_maker_end(&maker);
    return archive_unpack("test.cpio", maker.bytes, maker.size);
}

static struct node *find(const char *path)
{
    struct node *node;

    if (path_find(tree_root(), path, PATH_STAY, &node) != 0)
        fail_msg("%s is not there", path);
    node_put(node); /* the tree keeps it */
    return node;
}

static void assert_absent(const char *path)
{
    struct node *node;

    assert_int_equal(path_find(tree_root(), path, PATH_STAY, &node), -ENOENT);
}

static void assert_contents(const char *path, const char *wanted)
{
    static char bytes[4096];
    struct buffer buffer;
    struct node *node = find(path);

    buffer_init_kernel(&buffer, bytes, sizeof(bytes));
    assert_int_equal(contents_read(&node->contents, &buffer, 0), strlen(wanted));
    assert_memory_equal(bytes, wanted, strlen(wanted));
}

static int setup(void **state)
{
    cpio_maker_start(&maker);
    return fakes_setup(state);
}

static void the_tree_has_what_the_archive_has(void **state)
{
    (void)state;
    add(MODE_FOLDER, "etc", "");
    add(MODE_FILE | 0111, "etc/rc", "echo hello\n");
    add(MODE_LINK, "etc/link", "rc");
    cpio_maker_add(&maker,
                   &(struct cpio_fields){.mode = 0020600, .rdev_major = 5, .rdev_minor = 1, .links = 1},
                   "console", "", 0);
    assert_int_equal(unpack(), 0);
    assert_int_equal(find("/etc")->mode, MODE_FOLDER);
    assert_int_equal(find("/etc/rc")->mode, MODE_FILE | 0111);
    assert_contents("/etc/rc", "echo hello\n");
    const uint8_t *span = contents_span(&find("/etc/rc")->contents); /* not a copy */
    assert_true(span > maker.bytes && span < maker.bytes + maker.size);
    assert_string_equal(find("/etc/link")->link.text, "rc");
    assert_int_equal(find("/console")->device, DEVICE_NUMBER(5, 1));
}

static void missing_directories_are_made(void **state)
{
    (void)state;
    add(MODE_FILE, "a/b/c/file", "x");
    assert_int_equal(unpack(), 0);
    assert_int_equal(find("/a/b/c")->mode, S_IFDIR | 0755);
}

static void later_entries_replace_earlier_ones(void **state)
{
    (void)state;
    add(MODE_FILE, "a", "first");
    add(MODE_FILE, "a", "second");
    add(MODE_FOLDER, "b", "");
    add(MODE_FILE, "b", "file now");
    add(MODE_FILE, "c", "file");
    add(MODE_FOLDER, "c", "");
    add(MODE_FILE, "c/d", "below");
    add(MODE_FOLDER, "e", "");
    add(MODE_FILE, "e/f", "kept");
    add(MODE_FOLDER & ~0077, "e", "");
    assert_int_equal(unpack(), 0);
    assert_contents("/a", "second");
    assert_contents("/b", "file now");
    assert_contents("/c/d", "below");
    assert_contents("/e/f", "kept");
    assert_int_equal(find("/e")->mode, S_IFDIR | 0700);
}

static void a_full_directory_is_not_replaced_by_a_file(void **state)
{
    (void)state;
    add(MODE_FILE, "a/b", "x");
    add(MODE_FILE, "a", "y");
    assert_int_equal(unpack(), -ENOTEMPTY);
    assert_non_null(strstr(fake_log, "test.cpio"));
    assert_contents("/a/b", "x");
}

static void links_inside_the_tree_are_followed_to_the_parent(void **state)
{
    (void)state;
    add(MODE_FOLDER, "usr/bin", "");
    add(MODE_LINK, "bin", "usr/bin");
    add(MODE_FILE, "bin/ls", "program");
    add(MODE_FOLDER, "bin", ""); /* it is one already, through the link */
    assert_int_equal(unpack(), 0);
    assert_contents("/usr/bin/ls", "program");
    assert_true(S_ISLNK(find("/bin")->mode));
}

static void links_cannot_lead_out_of_the_tree(void **state)
{
    (void)state;
    add(MODE_LINK, "up", "../../../..");
    add(MODE_FILE, "up/file", "x");
    assert_int_equal(unpack(), 0);
    assert_contents("/file", "x");
}

static void hard_links_share_one_file(void **state)
{
    struct cpio_fields fields = {.mode = MODE_FILE, .inode = 9, .links = 3};

    (void)state;
    cpio_maker_add(&maker, &fields, "one", "", 0);
    cpio_maker_add(&maker, &fields, "two", "", 0);
    cpio_maker_add(&maker, &fields, "three", "the data", 8);
    fields.device_minor = 1; /* the same number on another disk is another file */
    cpio_maker_add(&maker, &fields, "other", "else", 4);
    assert_int_equal(unpack(), 0);
    assert_ptr_equal(find("/one"), find("/three"));
    assert_int_equal(find("/one")->links, 3);
    assert_contents("/one", "the data");
    assert_contents("/other", "else");
}

static void a_damaged_archive_changes_nothing(void **state)
{
    (void)state;
    add(MODE_FILE, "a", "x");
    add(MODE_FILE, "../b", "x");
    assert_int_equal(unpack(), -EINVAL);
    assert_absent("/a");
    assert_non_null(strstr(fake_log, "test.cpio"));
    assert_non_null(strstr(fake_log, "offset 116"));
    assert_int_equal(archive_unpack("empty.cpio", maker.bytes, 0), -EINVAL);
}

static void exhausted_memory_is_an_error_at_every_point(void **state)
{
    (void)state;
    add(MODE_FOLDER, "d", "");
    cpio_maker_add(&maker, &(struct cpio_fields){.mode = MODE_FILE, .inode = 9, .links = 2}, "d/a", "x", 1);
    add(MODE_LINK, "d/l", "a");
    add(MODE_FILE, "made/on/the/way", "y");
    cpio_maker_end(&maker);
    for (unsigned n = 1;; n++) {
        fakes_end();
        fakes_begin();
        fake_heap_fail_at(n);
        int error = archive_unpack("test.cpio", maker.bytes, maker.size);
        if (error == 0)
            break;
        assert_int_equal(error, -ENOMEM);
        assert_true(n < 100);
    }
    assert_contents("/made/on/the/way", "y");
}

/* --- archives by others --- */

static size_t run(const char *command)
{
    FILE *pipe = popen(command, "r");
    size_t size = fread(output, 1, sizeof(output), pipe);

    assert_int_equal(pclose(pipe), 0);
    return size;
}

static void gnu_cpio_is_understood(void **state)
{
    (void)state;
    size_t size =
        run("d=$(mktemp -d) && cd $d && mkdir -m 750 sub && printf 12345 >sub/file && ln sub/file hard && ln "
            "-s sub/file soft &&"
            " : >empty && find . | LC_ALL=C sort | cpio -o -H newc --quiet; e=$?; rm -r $d; exit $e");
    assert_int_equal(archive_unpack("gnu.cpio", output, size), 0);
    assert_contents("/sub/file", "12345");
    assert_contents("/empty", "");
    assert_ptr_equal(find("/hard"), find("/sub/file"));
    assert_int_equal(find("/hard")->links, 2);
    assert_int_equal(find("/sub")->mode, S_IFDIR | 0750);
    assert_string_equal(find("/soft")->link.text, "sub/file");
}

static void our_own_writer_is_understood(void **state)
{
    static const char here[] = "test/unit/file_archive_test.c";
    char command[1024];

    (void)state;
    /* The root of the source, as the compiler was told it; tests are run from where they were compiled. */
    int root = (int)(strlen(__FILE__) - strlen(here));
    snprintf(command, sizeof(command),
             "cd ./%.*s && python3 -B -c 'import sys, stat; from esp.cpio import Writer; w = Writer(); "
             "w.add_file(\"bin/a\", b\"abc\");"
             " w.add(\"l\", stat.S_IFLNK | 0o777, b\"bin/a\"); w.add_file(\"bin/a\", b\"later\"); "
             "sys.stdout.buffer.write(w.bytes())'",
             root, __FILE__);
    size_t size = run(command);
    assert_int_equal(archive_unpack("quire.cpio", output, size), 0);
    assert_contents("/bin/a", "later");
    assert_string_equal(find("/l")->link.text, "bin/a");
}

/* --- programs --- */

static void programs_are_used_where_they_lie(void **state)
{
    struct program_file program;

    (void)state;
    add(MODE_FILE | 0111, "bin/true", "\177ELF");
    add(MODE_FILE, "bin/data", "text");
    add(MODE_LINK, "sh", "/bin/true");
    assert_int_equal(unpack(), 0);
    assert_int_equal(program_file_open(NULL, "/sh", &program), 0);
    assert_string_equal(program.path, "/bin/true");
    assert_int_equal(program.size, 4);
    assert_ptr_equal(program.bytes, contents_span(&find("/bin/true")->contents));
    program_file_close(&program);
    assert_int_equal(program_file_open(NULL, "/bin/data", &program), -EACCES);
    assert_int_equal(program_file_open(NULL, "/bin", &program), -EACCES);
    assert_int_equal(program_file_open(NULL, "/bin/none", &program), -ENOENT);

    /* Once written to, it is copied: the program does not change under whoever runs it. */
    struct buffer buffer;
    uint64_t position = 0;
    buffer_init_kernel(&buffer, "new program", 11);
    assert_int_equal(contents_write(&find("/bin/true")->contents, &buffer, &position, false), 11);
    assert_int_equal(program_file_open(NULL, "/sh", &program), 0);
    assert_int_equal(program.size, 11);
    assert_memory_equal(program.bytes, "new program", 11);
    assert_int_equal(tree_unlink(tree_root(), "/bin/true"), 0);
    assert_memory_equal(program.bytes, "new program", 11);
    program_file_close(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tree_has_what_the_archive_has, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(missing_directories_are_made, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(later_entries_replace_earlier_ones, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(a_full_directory_is_not_replaced_by_a_file, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(links_inside_the_tree_are_followed_to_the_parent, setup,
                                        fakes_teardown),
        cmocka_unit_test_setup_teardown(links_cannot_lead_out_of_the_tree, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(hard_links_share_one_file, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_archive_changes_nothing, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(exhausted_memory_is_an_error_at_every_point, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(gnu_cpio_is_understood, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(our_own_writer_is_understood, setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(programs_are_used_where_they_lie, setup, fakes_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
