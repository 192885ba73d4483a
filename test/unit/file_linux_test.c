/* The system calls on files against Linux itself: long random runs of calls, each made on the host's file system (in a temporary directory) and on
 * Quire's tree, must give the same results, the same errors and the same bytes.
 *
 * Paths are relative, below a chain of directories that is the same on both sides, so that ".." may climb a little. Files are opened with O_NONBLOCK, so that named
 * pipes do not block the host. */
#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/file/mode.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/process/process.h"
#include "syscalls/file.h"
#include "test/unit/file_fakes.h"

#define STEPS         30000
#define SLOTS         8
#define BASE          "base/b/b/b/b/b/b/b/b/b/b/b/b/b/b/work"
#define BUFFER        8192 /* bytes of each transfer buffer in user memory */
#define PATH_MAX_HERE 128
/* No header of the C library is mixed in here, so these are spelled out. */
#define SIGNAL_PIPE   13
#define SIGNAL_IGNORE ((void *)1)

/* A descriptor on each side; -1: closed. */
static struct {
    int host, quire;
} slots[SLOTS];

static uint8_t *host_buffer, *quire_buffer, *shared_buffer;
static char *path_a, *path_b;
static uint64_t random_state;
static char trail[512]; /* the call being compared, for messages */

static unsigned random_below(unsigned limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % limit;
}

static bool chance(unsigned percent)
{
    return random_below(100) < percent;
}

/* --- making arguments --- */

static void random_path(char *path)
{
    static const char *const names[] = {"a", "b", "c", "d", "a", "b", "c", ".", ".."};
    size_t used = 0;

    if (chance(1)) { /* too long, or empty */
        size_t length = chance(50) ? 0 : 254 + random_below(4);
        memset(path, 'n', length);
        path[length] = '\0';
        return;
    }
    for (unsigned parts = 1 + random_below(3); parts > 0; parts--) {
        unsigned choices = sizeof(names) / sizeof(names[0]) - (chance(70) ? 2 : 0);
        used += (size_t)sprintf(path + used, "%s%s", names[random_below(choices)], parts > 1 ? "/" : "");
    }
    if (chance(6))
        strcpy(path + used, chance(80) ? "/" : "//");
}

static unsigned random_slot(void)
{
    return random_below(SLOTS);
}

static size_t random_size(void)
{
    static const unsigned limits[] = {1, 10, 100, 5000, BUFFER};

    return random_below(limits[random_below(sizeof(limits) / sizeof(limits[0]))] + 1);
}

/* --- comparing --- */

static long host(long number, ...)
{
    va_list list;
    long argument[6];

    va_start(list, number);
    for (unsigned i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    long result =
        syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
    return result == -1 ? -(long)errno : result;
}

#define HOST(number, ...) host(SYS_##number, __VA_ARGS__, 0l, 0l, 0l, 0l, 0l, 0l)

static void compare(long host_result, long quire_result)
{
    if (host_result != quire_result)
        fail_msg("%s: Linux gives %ld, Quire %ld", trail, host_result, quire_result);
}

static void describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void describe(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(trail, sizeof(trail), format, arguments);
    va_end(arguments);
}

/* Both sides' open calls gave a descriptor or the same error: remember it. */
static void slot_fill(unsigned slot, long host_result, long quire_result)
{
    if (host_result < 0 || quire_result < 0) {
        compare(host_result, quire_result);
        return;
    }
    if (slots[slot].host >= 0) {
        HOST(close, (long)slots[slot].host);
        assert_int_equal(sys_close(slots[slot].quire), 0);
    }
    slots[slot].host = (int)host_result;
    slots[slot].quire = (int)quire_result;
}

/* --- the calls --- */

static void do_open(void)
{
    static const unsigned extra[] = {O_CREAT,     O_EXCL,     O_TRUNC, O_APPEND,
                                     O_DIRECTORY, O_NOFOLLOW, O_PATH,  O_CLOEXEC};
    unsigned flags = random_below(3) | O_NONBLOCK, mode = chance(80) ? 0644 : 0777 & random_below(01000);

    if (chance(40))
        flags |= O_CREAT;
    for (unsigned i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
        flags |= chance(8) ? extra[i] : 0;
    if ((flags & O_CREAT) != 0)
        flags &= ~(unsigned)O_DIRECTORY; /* what the pair means has changed with Linux's versions */
    describe("open(%s, %#o, %#o)", path_a, flags, mode);
    slot_fill(random_slot(), HOST(open, path_a, (long)flags, (long)mode),
              sys_open(USER(path_a), flags, mode));
}

static void do_close(void)
{
    unsigned slot = random_slot();

    describe("close(%d)", slots[slot].quire);
    compare(HOST(close, (long)slots[slot].host), sys_close(slots[slot].quire));
    slots[slot].host = slots[slot].quire = -1;
}

static void do_dup(void)
{
    unsigned from = random_slot();

    describe("dup(%d)", slots[from].quire);
    slot_fill(random_slot(), HOST(dup, (long)slots[from].host), sys_dup(slots[from].quire));
}

static void do_read(void)
{
    unsigned slot = random_slot();
    size_t size = random_size();
    bool positioned = chance(30);
    long position = (long)random_size() - (chance(5) ? BUFFER : 0);

    memset(host_buffer, 0x11, BUFFER);
    memset(quire_buffer, 0x11, BUFFER);
    describe("%s(%d, %zu, %ld)", positioned ? "pread" : "read", slots[slot].quire, size, position);
    if (positioned)
        compare(HOST(pread64, (long)slots[slot].host, host_buffer, size, position),
                sys_pread64(slots[slot].quire, USER(quire_buffer), size, position));
    else
        compare(HOST(read, (long)slots[slot].host, host_buffer, size),
                sys_read(slots[slot].quire, USER(quire_buffer), size));
    if (memcmp(host_buffer, quire_buffer, BUFFER) != 0)
        fail_msg("%s: other bytes", trail);
}

static void do_write(void)
{
    unsigned slot = random_slot();
    size_t size = random_size();
    bool positioned = chance(30);
    long position = (long)random_size() - (chance(5) ? BUFFER : 0);

    for (size_t i = 0; i < size; i++)
        shared_buffer[i] = (uint8_t)random_below(256);
    describe("%s(%d, %zu, %ld)", positioned ? "pwrite" : "write", slots[slot].quire, size, position);
    if (positioned)
        compare(HOST(pwrite64, (long)slots[slot].host, shared_buffer, size, position),
                sys_pwrite64(slots[slot].quire, USER(shared_buffer), size, position));
    else
        compare(HOST(write, (long)slots[slot].host, shared_buffer, size),
                sys_write(slots[slot].quire, USER(shared_buffer), size));
}

static void do_seek(void)
{
    unsigned slot = random_slot(), whence = random_below(chance(5) ? 6 : 3);
    long offset = (long)random_size() - (chance(30) ? (long)random_size() : 0);
    struct stat status;

    /* Linux gives no meaning to the ends of directories; data and holes are files' own affair. */
    if (HOST(fstat, (long)slots[slot].host, &status) == 0 && (S_ISDIR(status.st_mode) || whence > 2))
        return;
    describe("lseek(%d, %ld, %u)", slots[slot].quire, offset, whence);
    compare(HOST(lseek, (long)slots[slot].host, offset, (long)whence),
            sys_lseek(slots[slot].quire, offset, whence));
}

static void do_truncate(void)
{
    unsigned slot = random_slot();
    long size = (long)random_size() - (chance(5) ? BUFFER : 0);

    if (chance(50)) {
        describe("truncate(%s, %ld)", path_a, size);
        compare(HOST(truncate, path_a, size), sys_truncate(USER(path_a), size));
    } else {
        describe("ftruncate(%d, %ld)", slots[slot].quire, size);
        compare(HOST(ftruncate, (long)slots[slot].host, size), sys_ftruncate(slots[slot].quire, size));
    }
}

static void compare_status(void)
{
    const struct stat *from_host = (struct stat *)host_buffer, *from_quire = (struct stat *)quire_buffer;

    if (from_host->st_mode != from_quire->st_mode || from_host->st_nlink != from_quire->st_nlink)
        fail_msg("%s: mode %o, %lu links on Linux; mode %o, %lu links on Quire", trail, from_host->st_mode,
                 from_host->st_nlink, from_quire->st_mode, from_quire->st_nlink);
    if (!S_ISDIR(from_host->st_mode) && from_host->st_size != from_quire->st_size)
        fail_msg("%s: %ld bytes on Linux, %ld on Quire", trail, from_host->st_size, from_quire->st_size);
}

static void do_stat(void)
{
    unsigned flags = chance(50) ? AT_SYMLINK_NOFOLLOW : 0, slot = random_slot();
    long host_result, quire_result;

    if (chance(70)) {
        describe("fstatat(%s, %#x)", path_a, flags);
        host_result = HOST(newfstatat, (long)AT_FDCWD, path_a, host_buffer, (long)flags);
        quire_result = sys_newfstatat(AT_FDCWD, USER(path_a), USER(quire_buffer), flags);
    } else if (chance(50)) {
        describe("fstat(%d)", slots[slot].quire);
        host_result = HOST(fstat, (long)slots[slot].host, host_buffer);
        quire_result = sys_fstat(slots[slot].quire, USER(quire_buffer));
    } else {
        describe("fstatat(%d, %s)", slots[slot].quire, path_a);
        host_result = HOST(newfstatat, (long)slots[slot].host, path_a, host_buffer, AT_EMPTY_PATH);
        quire_result = sys_newfstatat(slots[slot].quire, USER(path_a), USER(quire_buffer), AT_EMPTY_PATH);
    }
    compare(host_result, quire_result);
    if (host_result == 0)
        compare_status();
}

static void do_make(void)
{
    unsigned mode = chance(80) ? 0755 : random_below(010000);

    if (chance(70)) {
        describe("mkdir(%s, %#o)", path_a, mode);
        compare(HOST(mkdir, path_a, (long)mode), sys_mkdir(USER(path_a), mode));
    } else {
        mode = (mode & 0777) | (chance(70) ? S_IFIFO : chance(50) ? S_IFREG : chance(50) ? S_IFDIR : S_IFLNK);
        describe("mknod(%s, %#o)", path_a, mode);
        compare(HOST(mknod, path_a, (long)mode, 0l), sys_mknod(USER(path_a), mode, 0));
    }
}

static void do_remove(void)
{
    if (chance(50)) {
        describe("unlink(%s)", path_a);
        compare(HOST(unlink, path_a), sys_unlink(USER(path_a)));
    } else {
        describe("rmdir(%s)", path_a);
        compare(HOST(rmdir, path_a), sys_rmdir(USER(path_a)));
    }
}

static void do_rename(void)
{
    unsigned flags = chance(70) ? 0 : random_below(4);

    /* Of two bad paths Linux names the worse one's error in an order of its own. */
    if (strlen(path_a) > DIRECTORY_NAME_MAX || strlen(path_b) > DIRECTORY_NAME_MAX)
        return;
    describe("renameat2(%s, %s, %u)", path_a, path_b, flags);
    compare(HOST(renameat2, (long)AT_FDCWD, path_a, (long)AT_FDCWD, path_b, (long)flags),
            sys_renameat2(AT_FDCWD, USER(path_a), AT_FDCWD, USER(path_b), flags));
}

static void do_link(void)
{
    unsigned flags = chance(30) ? AT_SYMLINK_FOLLOW : 0;

    if (chance(50)) {
        describe("symlink(%s, %s)", path_a, path_b);
        compare(HOST(symlink, path_a, path_b), sys_symlink(USER(path_a), USER(path_b)));
    } else {
        describe("linkat(%s, %s, %#x)", path_a, path_b, flags);
        compare(HOST(linkat, (long)AT_FDCWD, path_a, (long)AT_FDCWD, path_b, (long)flags),
                sys_linkat(AT_FDCWD, USER(path_a), AT_FDCWD, USER(path_b), flags));
    }
}

static void do_readlink(void)
{
    int size = chance(20) ? (int)random_below(4) : 200;

    memset(host_buffer, 0, BUFFER);
    memset(quire_buffer, 0, BUFFER);
    describe("readlink(%s, %d)", path_a, size);
    compare(HOST(readlink, path_a, host_buffer, (long)size),
            sys_readlink(USER(path_a), USER(quire_buffer), size));
    assert_memory_equal(host_buffer, quire_buffer, 200);
}

static void do_attributes(void)
{
    unsigned mode = chance(70) ? 0600 | random_below(0200) : random_below(010000);

    if (chance(50)) {
        describe("chmod(%s, %#o)", path_a, mode);
        compare(HOST(chmod, path_a, (long)(mode & 0777)), sys_chmod(USER(path_a), mode & 0777));
    } else {
        mode = random_below(
            chance(5) ? 16 : 2); /* what must exist; permission to read and write is the tester's affair */
        mode = mode == 1 ? 0 : mode;
        describe("access(%s, %#o)", path_a, mode & ~6u);
        compare(HOST(access, path_a, (long)(mode & ~6u)), sys_access(USER(path_a), mode & ~6u));
    }
}

static void do_directory(void)
{
    unsigned slot = random_slot();

    if (chance(60)) {
        describe("chdir(%s)", path_a);
        compare(HOST(chdir, path_a), sys_chdir(USER(path_a)));
    } else {
        describe("fchdir(%d)", slots[slot].quire);
        compare(HOST(fchdir, (long)slots[slot].host), sys_fchdir(slots[slot].quire));
    }
}

static void do_control(void)
{
    unsigned slot = random_slot(), command = random_below(5);
    long argument =
        command == F_SETFL ? (chance(50) ? O_APPEND | O_NONBLOCK : O_NONBLOCK) : (long)random_below(4);

    describe("fcntl(%d, %u, %ld)", slots[slot].quire, command, argument);
    long host_result = HOST(fcntl, (long)slots[slot].host, (long)command, argument);
    long quire_result = sys_fcntl(slots[slot].quire, command, (uint64_t)argument);
    if (command == F_DUPFD)
        slot_fill(random_slot(), host_result, quire_result);
    else if (command == F_GETFL && host_result >= 0)
        compare(host_result & ~0100000l /* O_LARGEFILE, which 64-bit Linux adds */, quire_result);
    else
        compare(host_result, quire_result);
}

/* --- listings --- */

struct record {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t kind;
    char name[];
} __attribute__((packed));

static int compare_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* "kind:name" of every entry, sorted, in one string. */
static void listing_text(const uint8_t *bytes, long size, char *text)
{
    const char *names[128];
    unsigned count = 0;
    static char store[2][128][300];
    static unsigned side;

    side = !side;
    for (long at = 0; at < size; count++) {
        const struct record *record = (const struct record *)(bytes + at);
        assert_true(count < 128);
        snprintf(store[side][count], sizeof(store[side][count]), "%u:%s", record->kind, record->name);
        names[count] = store[side][count];
        at += record->size;
    }
    qsort(names, count, sizeof(names[0]), compare_text);
    *text = '\0';
    for (unsigned i = 0; i < count; i++)
        text += sprintf(text, "%s ", names[i]);
}

static void do_list(void)
{
    static char host_text[16384], quire_text[16384];
    unsigned slot = random_slot();

    HOST(lseek, (long)slots[slot].host, 0l, 0l);
    (void)!sys_lseek(slots[slot].quire, 0, 0);
    describe("getdents64(%d)", slots[slot].quire);
    long host_size = HOST(getdents64, (long)slots[slot].host, host_buffer, (long)BUFFER);
    long quire_size = sys_getdents64(slots[slot].quire, USER(quire_buffer), BUFFER);
    if (host_size < 0 || quire_size < 0) {
        compare(host_size, quire_size);
        return;
    }
    listing_text(host_buffer, host_size, host_text);
    listing_text(quire_buffer, quire_size, quire_text);
    if (strcmp(host_text, quire_text) != 0)
        fail_msg("%s: %s on Linux, %s on Quire", trail, host_text, quire_text);
}

/* The part of the path that both sides share. */
static void do_getcwd(void)
{
    describe("getcwd");
    long host_result = HOST(getcwd, host_buffer, (long)BUFFER);
    long quire_result = sys_getcwd(USER(quire_buffer), BUFFER);
    if (quire_result < 0) {
        compare(host_result, quire_result);
        return;
    }
    /* The host's temporary directory stands in front; when the walk left it, Quire's root stopped it earlier. */
    const char *below = strstr((char *)host_buffer, "/base");
    assert_string_equal(below != NULL ? below : "/", (char *)quire_buffer);
}

static void (*const calls[])(void) = {
    do_open,     do_open,       do_open,      do_close,   do_dup,  do_read,   do_read,
    do_write,    do_write,      do_write,     do_seek,    do_stat, do_stat,   do_make,
    do_make,     do_remove,     do_rename,    do_rename,  do_link, do_link,   do_truncate,
    do_readlink, do_attributes, do_directory, do_control, do_list, do_getcwd,
};

/* --- the runs --- */

static char temporary[64];

static void base_make(void)
{
    char path[] = BASE;

    for (char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        assert_int_equal(HOST(mkdir, path, 0755l), 0);
        assert_int_equal(sys_mkdir(fake_string(path), 0755), 0);
        if (slash == NULL)
            break;
        *slash = '/';
    }
}

static void temporary_remove(void)
{
    char command[128];

    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf %s", temporary);
    assert_int_equal(system(command), 0);
}

/* Do not stay in a directory that was removed. */
static void return_to_base(void)
{
    snprintf(trail, sizeof(trail), "%s/%s", temporary, BASE);
    strcpy(path_a, "/" BASE);
    compare(HOST(chdir, trail), sys_chdir(USER(path_a)));
}

static void run(uint64_t seed)
{
    fakes_begin();
    random_state = seed;
    shared_buffer = fake_user;
    host_buffer = fake_user + BUFFER;
    quire_buffer = fake_user + 2 * BUFFER;
    path_a = (char *)fake_user + 3 * BUFFER;
    path_b = path_a + 512;
    memset(slots, -1, sizeof(slots));
    strcpy(temporary, access("/dev/shm", W_OK) == 0 ? "/dev/shm/quire-XXXXXX" : "/tmp/quire-XXXXXX");
    assert_non_null(mkdtemp(temporary));
    assert_int_equal(chdir(temporary), 0);
    base_make();
    const char __user *base = fake_string(BASE);
    assert_int_equal(chdir(BASE), 0);
    assert_int_equal(sys_chdir(base), 0);

    for (unsigned step = 0; step < STEPS; step++) {
        random_path(path_a);
        random_path(path_b);
        calls[random_below(sizeof(calls) / sizeof(calls[0]))]();
        if (step % 200 == 0)
            return_to_base();
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (slots[slot].host >= 0)
            HOST(close, (long)slots[slot].host);
    }
    temporary_remove();
    fakes_end();
}

static void calls_agree_with_linux(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calls_agree_with_linux)};

    syscall(SYS_umask, 022);
    /* The library's signal() would need a header that kernel headers do not go with. */
    extern void (*signal(int number, void (*handler)(int)))(int);
    signal(SIGNAL_PIPE, SIGNAL_IGNORE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
