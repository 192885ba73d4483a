/* Who maps which frame: /proc/sys/quire/memory_frames against what two processes know of themselves. Private pages after a
 * fork are one frame with two mappings, until one writes; shared ones stay so; an untouched one is the page of zeroes. Each
 * frame of anonymous memory counts exactly its mappings. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userland/memory_tools.h"

#define TABLE     "/proc/sys/quire/memory_frames"
#define TEXT_MAX  (1 << 20)
#define PAGES     8
#define WRITTEN   3 /* page that the partner writes */
#define DISCARDED 5 /* page that the partner gives up */
#define MINE      0
#define UNTOUCHED 6 /* page that is only read */

static char text[TEXT_MAX];
static unsigned char *private_pages, *shared_pages;

struct mapping {
    unsigned long frame;
    char owner[16];
    unsigned count, mapped;
    char rights[16];
};

static void table_read(void)
{
    size_t length = 0;
    if (check_on_linux)
        return;
    int file = open(TABLE, O_RDONLY | O_CLOEXEC);
    for (ssize_t size; (size = read(file, text + length, TEXT_MAX - 1 - length)) > 0;)
        length += (size_t)size;
    close(file);
    text[length] = '\0';
    check_that(length > 0, TABLE " cannot be read: %s", strerror(errno));
}

/* One mapping in a line: "PID ADDRESS RIGHTS". */
static bool use_is(const char *use, int pid, const void *address, char *rights)
{
    int found_pid;
    unsigned long found;
    return sscanf(use, "%d 0x%lx %15[^,\n]", &found_pid, &found, rights) == 3 && found_pid == pid &&
           found == (unsigned long)address;
}

static unsigned uses_in(const char *line)
{
    unsigned uses = 1;
    for (; *line != '\n' && *line != '\0'; line++)
        uses += *line == ',';
    return uses;
}

/* The frame that a process maps at an address; false: none. */
static bool mapping_find(int pid, const void *address, struct mapping *mapping)
{
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *uses = strchr(line, ':');
        if (uses == NULL ||
            sscanf(line, "0x%lx %15s %u:", &mapping->frame, mapping->owner, &mapping->count) != 3)
            continue;
        mapping->mapped = uses_in(uses);
        const char *end = strchr(uses, '\n');
        for (const char *use = uses + 1; use != NULL && (end == NULL || use < end);
             use = strchr(use, ','), use += use != NULL)
            if (use_is(use, pid, address, mapping->rights))
                return true;
    }
    return false;
}

static void expect(const char *what, int pid, const void *address, const char *owner, const char *rights,
                   unsigned mapped, struct mapping *mapping)
{
    if (check_on_linux)
        return;
    if (!check_that(mapping_find(pid, address, mapping), "%s: %p of %d is in no line", what, address, pid))
        return;
    check_that(strcmp(mapping->owner, owner) == 0 && strcmp(mapping->rights, rights) == 0 &&
                   (mapped == 0 || mapping->mapped == mapped),
               "%s: %p of %d is %s, %s, mapped %u times; expected %s, %s, %u times", what, address, pid,
               mapping->owner, mapping->rights, mapping->mapped, owner, rights, mapped);
}

/* Both map the same frame, or two. */
static void expect_both(const char *what, int partner, const unsigned char *address, const char *owner,
                        const char *rights, bool same)
{
    struct mapping own = {0}, other = {0};
    expect(what, getpid(), address, owner, rights, same ? 2 : 1, &own);
    expect(what, partner, address, owner, rights, same ? 2 : 1, &other);
    check_that(check_on_linux || (own.frame == other.frame) == same, "%s: frames %#lx and %#lx", what,
               own.frame, other.frame);
}

/* Every anonymous frame has as many references as mappings; a shared one is held by its backing too. */
static void expect_exact(const char *what)
{
    struct mapping mapping;
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "0x%lx %15s %u:", &mapping.frame, mapping.owner, &mapping.count) != 3)
            continue;
        unsigned held = strcmp(mapping.owner, "shared") == 0;
        bool counted = held || strcmp(mapping.owner, "anonymous") == 0;
        check_that(!counted || strstr(line, "2M") != NULL || uses_in(line) + held == mapping.count,
                   "%s: frame %#lx (%s) has %u references and %u mappings", what, mapping.frame,
                   mapping.owner, mapping.count, uses_in(line));
    }
}

enum { WRITE_PAGE = 1, DISCARD_PAGE, WRITE_SHARED };

static int partner_act(int command)
{
    if (command == WRITE_PAGE)
        private_pages[WRITTEN * PAGE_SIZE] = 2;
    else if (command == DISCARD_PAGE)
        return madvise(private_pages + DISCARDED * PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
    else
        shared_pages[PAGE_SIZE] = 3;
    return 0;
}

static void look_at_forked(struct partner *partner)
{
    struct mapping mapping;
    int pid = partner->pid;

    table_read();
    expect_exact("after fork");
    expect_both("private, not written", pid, private_pages + WRITTEN * PAGE_SIZE, "anonymous", "r--p", true);
    expect_both("shared", pid, shared_pages, "shared", "rw-s", true);
    expect("read only", getpid(), private_pages + UNTOUCHED * PAGE_SIZE, "zero", "r--p", 0, &mapping);
    partner_do(partner, WRITE_PAGE);
    partner_do(partner, DISCARD_PAGE);
    partner_do(partner, WRITE_SHARED);
    private_pages[MINE] = 9;
    table_read();
    expect_exact("after writes");
    expect("written by the partner", pid, private_pages + WRITTEN * PAGE_SIZE, "anonymous", "rw-p", 1,
           &mapping);
    expect("left to this one", getpid(), private_pages + WRITTEN * PAGE_SIZE, "anonymous", "r--p", 1,
           &mapping);
    expect("written by this one", getpid(), private_pages + MINE * PAGE_SIZE, "anonymous", "rw-p", 1,
           &mapping);
    expect("given up", getpid(), private_pages + DISCARDED * PAGE_SIZE, "anonymous", "r--p", 1, &mapping);
    check_that(!mapping_find(pid, private_pages + DISCARDED * PAGE_SIZE, &mapping), "given up: still listed");
    expect_both("shared, written", pid, shared_pages + PAGE_SIZE, "shared", "rw-s", true);
}

int main(void)
{
    struct partner partner;
    struct mapping mapping;

    memory_begin("memory-frames");
    private_pages = memory_map(PAGES, READ_WRITE);
    shared_pages = mmap(NULL, 2 * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < PAGES; i++)
        if (i != UNTOUCHED)
            private_pages[i * PAGE_SIZE] = 1;
    check_that(private_pages[UNTOUCHED * PAGE_SIZE] == 0, "fresh memory is zero");
    shared_pages[0] = shared_pages[PAGE_SIZE] = 1;
    memset(text, 1, sizeof(text)); /* so that reading changes nothing */
    partner_start(&partner, partner_act);
    look_at_forked(&partner);
    partner_end(&partner);
    check_that(mprotect(private_pages, PAGE_SIZE, PROT_NONE) == 0, "mprotect: %s", strerror(errno));
    table_read();
    expect_exact("alone");
    expect("no right", getpid(), private_pages, "anonymous", "parked", 1, &mapping);
    /* One frame by its number. */
    memory_control("memory_frames", (long)mapping.frame);
    table_read();
    expect("one frame", getpid(), private_pages, "anonymous", "parked", 1, &mapping);
    if (check_on_linux)
        return check_verdict();
    check_that(strchr(text, '\n') == text + strlen(text) - 1, "one frame is one line: %s", text);
    int file = open(TABLE, O_WRONLY | O_CLOEXEC);
    check_that(write(file, "all", 3) == 3, "all: %s", strerror(errno));
    check_error("nonsense", write(file, "x-y", 3) < 0 ? -errno : 0, EINVAL);
    close(file);
    return check_verdict();
}
