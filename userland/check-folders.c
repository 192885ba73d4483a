/* Folders and names: mkdir, rmdir, rename, unlink, links of both kinds, listing, the working directory,
 * and paths of every shape. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define FILES    150 /* more than one buffer of getdents64 holds */
#define BUFFER   2048
#define NAME_TOO 256 /* letters: one more than a name may have */

static char base[64];

static bool make_file(const char *name, const char *contents)
{
    int file = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    size_t size = strlen(contents);
    return check_that(file >= 0 && write(file, contents, size) == (ssize_t)size && close(file) == 0,
                      "%s cannot be made", name);
}

static bool holds(const char *name, const char *contents)
{
    char buffer[64] = {0};
    int file = open(name, O_RDONLY);
    ssize_t size = file < 0 ? -1 : read(file, buffer, sizeof(buffer) - 1);
    close(file);
    return check_that(size >= 0 && strcmp(buffer, contents) == 0, "%s holds \"%s\" instead of \"%s\"", name,
                      buffer, contents);
}

static void making(void)
{
    check_result("mkdir", mkdir("d", 0755), 0);
    check_error("mkdir again", system_call(SYS_mkdir, "d", 0755), EEXIST);
    check_error("mkdir below nothing", system_call(SYS_mkdir, "no/d", 0755), ENOENT);
    make_file("f", "file");
    check_error("mkdir below a file", system_call(SYS_mkdir, "f/d", 0755), ENOTDIR);
    check_error("rmdir of a file", system_call(SYS_rmdir, "f"), ENOTDIR);
    check_error("unlink of a folder", system_call(SYS_unlink, "d"), EISDIR);
    make_file("d/f", "inner");
    check_error("rmdir of a full folder", system_call(SYS_rmdir, "d"), ENOTEMPTY);
    check_result("unlink", unlink("d/f"), 0);
    check_error("unlink again", system_call(SYS_unlink, "d/f"), ENOENT);
    check_error("rmdir of .", system_call(SYS_rmdir, "d/."), EINVAL);
    check_result("rmdir", rmdir("d"), 0);
    check_error("rmdir again", system_call(SYS_rmdir, "d"), ENOENT);
    unlink("f");
}

static void renaming(void)
{
    make_file("a", "A");
    make_file("b", "B");
    check_result("rename over a file", rename("a", "b"), 0);
    holds("b", "A");
    check_that(access("a", F_OK) != 0, "the old name is still there");
    check_result("rename onto itself", rename("b", "b"), 0);
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    check_result("rename into a folder", rename("b", "d/e/b"), 0);
    check_result("rename of a folder", rename("d", "n"), 0);
    holds("n/e/b", "A");
    check_error("rename of a folder into itself", system_call(SYS_rename, "n", "n/e/n"), EINVAL);
    make_file("f", "F");
    check_error("rename of a file over a folder", system_call(SYS_rename, "f", "n"), EISDIR);
    check_error("rename of a folder over a file", system_call(SYS_rename, "n", "f"), ENOTDIR);
    mkdir("m", 0755);
    check_error("rename of a folder over a full one", system_call(SYS_rename, "m", "n"), ENOTEMPTY);
    check_error("rename of nothing", system_call(SYS_rename, "nothing", "x"), ENOENT);
    check_result("rename over an empty folder", rename("n", "m"), 0);
    unlink("m/e/b");
    rmdir("m/e");
    check_result("rmdir after all", rmdir("m"), 0);
    unlink("f");
}

static void links(void)
{
    char target[64] = {0};
    struct stat status;
    make_file("f", "linked");
    check_result("link", link("f", "h"), 0);
    stat("f", &status);
    check_that(status.st_nlink == 2, "the file has %lu links", status.st_nlink);
    unlink("f");
    holds("h", "linked");
    check_result("symlink", symlink("h", "s"), 0);
    holds("s", "linked");
    check_result("readlink", readlink("s", target, sizeof(target)), 1);
    check_that(target[0] == 'h', "the link leads to %s", target);
    check_error("readlink of a file", system_call(SYS_readlink, "h", target, 64), EINVAL);
    check_error("readlink into nothing", system_call(SYS_readlink, "s", target, 0), EINVAL);
    check_error("symlink over a link", system_call(SYS_symlink, "h", "s"), EEXIST);
    check_that(lstat("s", &status) == 0 && S_ISLNK(status.st_mode) && status.st_size == 1,
               "lstat of a link: mode %o", status.st_mode);
    check_error("open of a link, not following", system_call(SYS_open, "s", O_RDONLY | O_NOFOLLOW), ELOOP);
    symlink("loop2", "loop1");
    symlink("loop1", "loop2");
    check_error("open of a loop of links", system_call(SYS_open, "loop1", O_RDONLY), ELOOP);
    symlink("nothing", "dangling");
    check_error("open of a dangling link", system_call(SYS_open, "dangling", O_RDONLY), ENOENT);
    mkdir("d", 0755);
    make_file("d/f", "deep");
    symlink("d", "sd");
    holds("sd/f", "deep");
    holds("sd/../h", "linked");
    char absolute[80];
    snprintf(absolute, sizeof(absolute), "%s/d", base);
    symlink(absolute, "sa");
    holds("sa/f", "deep");
    check_result("unlink of a link", unlink("sd"), 0);
    check_that(access("d/f", F_OK) == 0, "unlink followed the link");
    const char *const names[] = {"h", "s", "loop1", "loop2", "dangling", "d/f", "sa"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_that(unlink(names[i]) == 0, "%s: %s", names[i], strerror(errno));
    rmdir("d");
}

static void paths(void)
{
    static char name[NAME_TOO + 1], path[5000];
    make_file("f", "here");
    mkdir("d", 0755);
    holds("./f", "here");
    holds("d/../f", "here");
    holds(".//d/.././/f", "here");
    check_error("a file with a trailing slash", system_call(SYS_open, "f/", O_RDONLY), ENOTDIR);
    check_result("a folder with trailing slashes", access("d//", F_OK), 0);
    check_result("above the root", access("/../../..", F_OK), 0);
    memset(name, 'n', NAME_TOO);
    check_error("a name of 256 letters", system_call(SYS_open, name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
    name[NAME_TOO - 1] = '\0';
    int file = open(name, O_CREAT | O_WRONLY, 0600);
    check_that(file >= 0 && close(file) == 0 && unlink(name) == 0, "a name of 255 letters: %s",
               strerror(errno));
    for (size_t i = 0; i < sizeof(path) - 2; i += 2)
        memcpy(path + i, "./", 2);
    check_error("a path of 5000 letters", system_call(SYS_open, path, O_RDONLY), ENAMETOOLONG);
    int folder = open("d", O_RDONLY | O_DIRECTORY);
    file = openat(folder, "in", O_CREAT | O_WRONLY, 0600);
    check_that(file >= 0 && close(file) == 0, "openat: %s", strerror(errno));
    check_result("what openat made", access("d/in", F_OK), 0);
    check_error("openat of no folder", system_call(SYS_openat, 999, "in", O_RDONLY), EBADF);
    check_result("unlinkat", unlinkat(folder, "in", 0), 0);
    close(folder);
    unlink("f");
    check_result("unlinkat of a folder", unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
}

/* Every file is listed once, whatever the buffer's size. */
static void listing(void)
{
    char name[32];
    mkdir("l", 0755);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "l/file-%d", i);
        make_file(name, "");
    }
    int seen[FILES] = {0}, others = 0;
    DIR *folder = opendir("l");
    if (!check_that(folder != NULL, "opendir: %s", strerror(errno)))
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int number = -1;
        if (sscanf(entry->d_name, "file-%d", &number) == 1 && number >= 0 && number < FILES)
            seen[number]++;
        else if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            others++;
        else
            check_that(false, "l holds %s", entry->d_name);
        check_that(entry->d_ino != 0 && (entry->d_type == DT_REG || number < 0), "%s has inode %lu, type %d",
                   entry->d_name, entry->d_ino, entry->d_type);
    }
    closedir(folder);
    for (int i = 0; i < FILES; i++)
        check_that(seen[i] == 1, "file %d is listed %d times", i, seen[i]);
    check_result("entries . and ..", others, 2);
    char buffer[BUFFER];
    int file = open("l", O_RDONLY | O_DIRECTORY);
    check_error("getdents64 into 4 bytes", system_call(SYS_getdents64, file, buffer, 4), EINVAL);
    close(file);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "l/file-%d", i);
        unlink(name);
    }
    check_result("rmdir", rmdir("l"), 0);
}

static void working_directory(void)
{
    char folder[128], inner[128];
    check_that(getcwd(folder, sizeof(folder)) != NULL && strcmp(folder, base) == 0,
               "the working directory is %s", folder);
    mkdir("w", 0755);
    check_result("chdir", chdir("w"), 0);
    snprintf(inner, sizeof(inner), "%s/w", base);
    check_that(getcwd(folder, sizeof(folder)) != NULL && strcmp(folder, inner) == 0,
               "the working directory is %s", folder);
    check_error("getcwd into 3 bytes", system_call(SYS_getcwd, folder, 3), ERANGE);
    check_result("getcwd", system_call(SYS_getcwd, folder, sizeof(folder)), (long)strlen(inner) + 1);
    check_result("chdir up", chdir(".."), 0);
    int file = open("w", O_RDONLY | O_DIRECTORY);
    check_result("fchdir", fchdir(file), 0);
    close(file);
    check_result("chdir up", chdir(".."), 0);
    check_error("chdir into a file", system_call(SYS_chdir, "/dev/null"), ENOTDIR);
    check_error("chdir into nothing", system_call(SYS_chdir, "nothing"), ENOENT);
    check_result("rmdir", rmdir("w"), 0);
}

int main(void)
{
    check_begin("check-folders");
    snprintf(base, sizeof(base), "/tmp/check-folders.%d", getpid());
    if (!check_that(mkdir(base, 0755) == 0 && chdir(base) == 0, "%s: %s", base, strerror(errno)))
        return check_verdict();
    making();
    renaming();
    links();
    paths();
    listing();
    working_directory();
    check_that(chdir("/") == 0 && rmdir(base) == 0, "%s is not empty afterwards: %s", base, strerror(errno));
    return check_verdict();
}
