/* What Linux answers to every bad argument of mmap, munmap, mprotect, mremap, madvise, mincore, msync and brk; and that
 * a call that failed has changed nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define PAGES       8
#define PAGE        ((long)PAGE_SIZE)
#define ALL         UINT64_MAX
#define NEAR_ALL    (UINT64_MAX - PAGE_SIZE + 1) /* the largest multiple of a page */
#define HUGE_SIZE   (UINT64_C(1) << 47)
#define SHARED_ANON (MAP_SHARED | MAP_ANONYMOUS)
#define FIXED       (ANONYMOUS | MAP_FIXED)
#define NOT_ALIGNED ((char *)memory + 1)
#define NO_FILE     1000

/* The mapping that the calls are made on: PAGES pages that hold 1, 2, 3, ... */
static unsigned char *memory;
/* As many, of which the fourth is not mapped. */
static unsigned char *with_hole;
static int file, folder, reader, writer, ends[2];

/* One call that must fail with this errno; 0: must succeed. */
struct attempt {
    const char *what;
    long arguments[6];
    int error;
};

static void attempts(long number, const char *name, const struct attempt *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const long *a = list[i].arguments;
        long result = system_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        check_that(list[i].error == 0 ? result >= 0 || result < -4095 : result == -list[i].error,
                   "%s, %s: expected %d (%s), got %ld (%s)", name, list[i].what, -list[i].error,
                   strerror(list[i].error), result,
                   strerror(result < 0 && result >= -4095 ? (int)-result : 0));
        if (number == SYS_mmap && result > 0 && (result & (PAGE - 1)) == 0 && result != (long)memory)
            system_call(SYS_munmap, result, a[1]);
        for (size_t page = 0; page < PAGES; page++)
            check_that(memory[page * PAGE_SIZE] == page + 1, "%s, %s: page %zu changed", name, list[i].what,
                       page);
    }
}

#define ATTEMPTS(number, name, list) attempts(number, name, list, sizeof(list) / sizeof((list)[0]))
#define AT(pointer)                  ((long)(pointer))

static void mmap_errors(void)
{
    const struct attempt list[] = {
        {"no size", {0, 0, READ_WRITE, ANONYMOUS, -1, 0}, EINVAL},
        {"neither private nor shared", {0, PAGE, READ_WRITE, MAP_ANONYMOUS, -1, 0}, EINVAL},
        {"type 4", {0, PAGE, READ_WRITE, MAP_ANONYMOUS | 4, -1, 0}, EINVAL},
        {"unknown flags are no matter", {0, PAGE, READ_WRITE, ANONYMOUS | 0x40000000, -1, 0}, 0},
        {"a flag that this file cannot have",
         {0, PAGE, READ_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file, 0},
         EOPNOTSUPP},
        {"unknown protection is no matter", {0, PAGE, READ_WRITE | 0x1000, ANONYMOUS, -1, 0}, 0},
        {"a size of all there is", {0, (long)ALL, READ_WRITE, ANONYMOUS, -1, 0}, ENOMEM},
        {"all but a page", {0, (long)NEAR_ALL, READ_WRITE, ANONYMOUS, -1, 0}, ENOMEM},
        {"as much as the low half", {0, (long)HUGE_SIZE, READ_WRITE, ANONYMOUS, -1, 0}, ENOMEM},
        {"shared, as much as the low half", {0, (long)HUGE_SIZE, READ_WRITE, SHARED_ANON, -1, 0}, ENOMEM},
        {"fixed, not aligned", {AT(NOT_ALIGNED), PAGE, READ_WRITE, FIXED, -1, 0}, EINVAL},
        {"fixed, in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE, READ_WRITE, FIXED, -1, 0}, ENOMEM},
        {"fixed, beyond the last page", {(long)USER_END, PAGE, READ_WRITE, FIXED, -1, 0}, ENOMEM},
        {"fixed, reaching beyond", {(long)USER_LAST_PAGE, 2 * PAGE, READ_WRITE, FIXED, -1, 0}, ENOMEM},
        {"fixed, not canonical", {(long)NONCANONICAL_LOWEST, PAGE, READ_WRITE, FIXED, -1, 0}, ENOMEM},
        {"no replacement", {AT(memory), PAGE, READ_WRITE, FIXED | MAP_FIXED_NOREPLACE, -1, 0}, EEXIST},
        {"no replacement, one page of many",
         {AT(memory - PAGE), 2 * PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0},
         EEXIST},
        {"a hint in the kernel is no matter",
         {(long)KERNEL_IMAGE_BASE, PAGE, PROT_READ, ANONYMOUS, -1, 0},
         0},
        {"a hint that is not aligned is no matter", {AT(NOT_ALIGNED), PAGE, PROT_READ, ANONYMOUS, -1, 0}, 0},
        {"no file", {0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0}, EBADF},
        {"no such file", {0, PAGE, PROT_READ, MAP_PRIVATE, NO_FILE, 0}, EBADF},
        {"no file and no size", {0, 0, PROT_READ, MAP_PRIVATE, NO_FILE, 0}, EBADF},
        {"no file and an odd offset", {0, PAGE, PROT_READ, MAP_PRIVATE, NO_FILE, 1}, EINVAL},
        {"a file, no size", {0, 0, PROT_READ, MAP_PRIVATE, file, 0}, EINVAL},
        {"a file, no type", {0, PAGE, PROT_READ, 0, file, 0}, EINVAL},
        {"an odd offset", {0, PAGE, PROT_READ, MAP_PRIVATE, file, 1}, EINVAL},
        {"an odd offset without a file", {0, PAGE, PROT_READ, ANONYMOUS, -1, 1}, EINVAL},
        {"an offset that wraps", {0, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, (long)NEAR_ALL}, EOVERFLOW},
        {"a file that is a folder", {0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0}, ENODEV},
        {"a file that is a pipe", {0, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0}, ENODEV},
        {"shared and writable, open for reading", {0, PAGE, READ_WRITE, MAP_SHARED, reader, 0}, EACCES},
        {"private and writable, open for reading", {0, PAGE, READ_WRITE, MAP_PRIVATE, reader, 0}, 0},
        {"private, open for writing", {0, PAGE, PROT_READ, MAP_PRIVATE, writer, 0}, EACCES},
        {"shared, open for writing", {0, PAGE, PROT_WRITE, MAP_SHARED, writer, 0}, EACCES},
        {"a file is ignored for anonymous memory", {0, PAGE, PROT_READ, ANONYMOUS, NO_FILE, 0}, 0},
    };
    ATTEMPTS(SYS_mmap, "mmap", list);
}

static void munmap_errors(void)
{
    const struct attempt list[] = {
        {"no size", {AT(memory), 0}, EINVAL},
        {"not aligned", {AT(NOT_ALIGNED), PAGE}, EINVAL},
        {"all there is", {0, (long)ALL}, EINVAL},
        {"all but a page", {AT(memory), (long)NEAR_ALL}, EINVAL},
        {"in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE}, EINVAL},
        {"reaching beyond the last page", {(long)USER_LAST_PAGE, 2 * PAGE}, EINVAL},
        {"not canonical", {(long)NONCANONICAL_LOWEST, PAGE}, EINVAL},
        {"where nothing is", {AT(with_hole + 3 * PAGE), PAGE}, 0},
    };
    ATTEMPTS(SYS_munmap, "munmap", list);
}

static void mprotect_errors(void)
{
    const struct attempt list[] = {
        {"not aligned", {AT(NOT_ALIGNED), PAGE, READ_WRITE}, EINVAL},
        {"no size", {AT(memory), 0, PROT_NONE}, 0},
        {"no size where nothing is", {AT(with_hole + 3 * PAGE), 0, PROT_NONE}, 0},
        {"unknown protection", {AT(memory), PAGE, 0x1000}, EINVAL},
        {"growing down and up", {AT(memory), PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP}, EINVAL},
        {"growing down, no stack", {AT(memory), PAGE, PROT_READ | PROT_GROWSDOWN}, EINVAL},
        {"growing up", {AT(memory), PAGE, PROT_READ | PROT_GROWSUP}, EINVAL},
        {"where nothing is", {AT(with_hole + 3 * PAGE), PAGE, PROT_READ}, ENOMEM},
        {"null", {0, PAGE, PROT_READ}, ENOMEM},
        {"in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE, PROT_READ}, ENOMEM},
        {"not canonical", {(long)NONCANONICAL_LOWEST, PAGE, PROT_READ}, ENOMEM},
        {"all there is", {AT(memory), (long)ALL, PROT_READ}, ENOMEM},
        {"all but a page", {AT(memory), (long)NEAR_ALL, PROT_READ}, ENOMEM},
    };
    ATTEMPTS(SYS_mprotect, "mprotect", list);
    memory[0] = 1; /* still writable */
}

static void mremap_errors(void)
{
    const long move = MREMAP_MAYMOVE, fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
    const struct attempt list[] = {
        {"not aligned", {AT(NOT_ALIGNED), PAGE, 2 * PAGE, move}, EINVAL},
        {"no new size", {AT(memory), PAGE, 0, move}, EINVAL},
        {"no old size of a private mapping", {AT(memory), 0, PAGE, move}, EINVAL},
        {"unknown flags", {AT(memory), PAGE, PAGE, 0x100}, EINVAL},
        {"fixed, but not to be moved", {AT(memory), PAGE, PAGE, MREMAP_FIXED, AT(with_hole)}, EINVAL},
        {"where nothing is", {AT(with_hole + 3 * PAGE), PAGE, 2 * PAGE, move}, EFAULT},
        {"over a hole", {AT(with_hole + 2 * PAGE), 2 * PAGE, 4 * PAGE, move}, EFAULT},
        {"to a place not aligned", {AT(memory), PAGE, PAGE, fixed, AT(with_hole) + 1}, EINVAL},
        {"to a place that overlaps", {AT(memory), 2 * PAGE, 2 * PAGE, fixed, AT(memory + PAGE)}, EINVAL},
        {"to the same place", {AT(memory), PAGE, PAGE, fixed, AT(memory)}, EINVAL},
        {"to the kernel", {AT(memory), PAGE, PAGE, fixed, (long)KERNEL_IMAGE_BASE}, EINVAL},
        {"to beyond the last page", {AT(memory), PAGE, 2 * PAGE, fixed, (long)USER_LAST_PAGE}, EINVAL},
        {"growing without moving, against a neighbour", {AT(memory), PAGE, 2 * PAGE, 0}, ENOMEM},
        {"more than there can be", {AT(memory), PAGE, (long)HUGE_SIZE, move}, EINVAL},
        {"in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE, 2 * PAGE, move}, EFAULT},
        {"of all there is", {AT(memory), (long)ALL, PAGE, move}, EINVAL},
        {"the same size", {AT(memory), PAGE, PAGE, 0}, 0},
    };
    ATTEMPTS(SYS_mremap, "mremap", list);
}

static void madvise_errors(void)
{
    const struct attempt list[] = {
        {"unknown advice", {AT(memory), PAGE, 999}, EINVAL},
        {"advice -1", {AT(memory), PAGE, -1}, EINVAL},
        {"not aligned", {AT(NOT_ALIGNED), PAGE, MADV_NORMAL}, EINVAL},
        {"no size", {AT(memory), 0, MADV_DONTNEED}, 0},
        {"no size where nothing is", {AT(with_hole + 3 * PAGE), 0, MADV_DONTNEED}, 0},
        {"all there is", {AT(memory), (long)ALL, MADV_DONTNEED}, EINVAL}, /* rounded up, that is nothing */
        {"wrapping", {AT(memory), (long)NEAR_ALL, MADV_DONTNEED}, EINVAL},
        {"where nothing is", {AT(with_hole + 3 * PAGE), PAGE, MADV_NORMAL}, ENOMEM},
        {"over a hole", {AT(with_hole), PAGES * PAGE, MADV_WILLNEED}, ENOMEM},
        {"in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE, MADV_NORMAL}, ENOMEM},
        {"normal", {AT(memory), PAGES * PAGE, MADV_NORMAL}, 0},
        {"random", {AT(memory), PAGES * PAGE, MADV_RANDOM}, 0},
        {"sequential", {AT(memory), PAGES * PAGE, MADV_SEQUENTIAL}, 0},
        {"will need", {AT(memory), PAGES * PAGE, MADV_WILLNEED}, 0},
    };
    ATTEMPTS(SYS_madvise, "madvise", list);
}

static void mincore_errors(void)
{
    static unsigned char to[PAGES];
    unsigned char *edge = memory_map(2, READ_WRITE);
    munmap(edge + PAGE, PAGE_SIZE);
    const struct attempt list[] = {
        {"not aligned", {AT(NOT_ALIGNED), PAGE, AT(to)}, EINVAL},
        {"where nothing is", {AT(with_hole + 3 * PAGE), PAGE, AT(to)}, ENOMEM},
        {"over a hole", {AT(with_hole), PAGES * PAGE, AT(to)}, ENOMEM},
        {"into nothing", {AT(memory), PAGE, 0}, EFAULT},
        {"into the kernel", {AT(memory), PAGE, (long)KERNEL_IMAGE_BASE}, EFAULT},
        {"into an edge", {AT(memory), PAGES * PAGE, AT(edge + PAGE - 1)}, EFAULT},
        {"in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE, AT(to)}, ENOMEM},
        {"all there is", {AT(memory), (long)ALL, AT(to)}, ENOMEM},
        {"no size", {AT(memory), 0, AT(to)}, 0},
        {"all of it", {AT(memory), PAGES * PAGE, AT(to)}, 0},
    };
    ATTEMPTS(SYS_mincore, "mincore", list);
    check_that(memory_is(to, PAGES, 1), "mincore: pages that were written are not there");
    munmap(edge, PAGE_SIZE);
}

static void msync_errors(void)
{
    const struct attempt list[] = {
        {"not aligned", {AT(NOT_ALIGNED), PAGE, MS_SYNC}, EINVAL},
        {"unknown flags", {AT(memory), PAGE, 0x100}, EINVAL},
        {"both now and later", {AT(memory), PAGE, MS_SYNC | MS_ASYNC}, EINVAL},
        {"where nothing is", {AT(with_hole + 3 * PAGE), PAGE, MS_SYNC}, ENOMEM},
        {"over a hole", {AT(with_hole), PAGES * PAGE, MS_SYNC}, ENOMEM},
        {"over a hole, later", {AT(with_hole), PAGES * PAGE, MS_ASYNC}, ENOMEM},
        {"in the kernel", {(long)KERNEL_IMAGE_BASE, PAGE, MS_SYNC}, ENOMEM},
        {"no size", {AT(memory), 0, MS_SYNC}, 0},
        {"all there is", {AT(memory), (long)ALL, MS_SYNC}, 0}, /* rounded up, that is nothing */
        {"wrapping", {AT(memory), (long)NEAR_ALL, MS_SYNC}, ENOMEM},
        {"neither", {AT(memory), PAGE, 0}, 0},
        {"all of it", {AT(memory), PAGES * PAGE, MS_SYNC | MS_INVALIDATE}, 0},
    };
    ATTEMPTS(SYS_msync, "msync", list);
}

/* brk tells a failure by the old end. */
static void brk_errors(void)
{
    long end = system_call(SYS_brk, 0);
    const long bad[] = {1,
                        (long)PAGE_SIZE,
                        end - (1L << 40),
                        (long)USER_END,
                        (long)NONCANONICAL_LOWEST,
                        (long)KERNEL_IMAGE_BASE,
                        (long)ALL,
                        AT(&bad)};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_result("brk to where it cannot be", system_call(SYS_brk, bad[i]), end);
    check_result("brk by a page", system_call(SYS_brk, end + PAGE), end + PAGE);
    check_result("brk back", system_call(SYS_brk, end), end);
}

int main(void)
{
    memory_begin("memory-errno");
    memory = memory_map(PAGES, READ_WRITE);
    with_hole = memory_map(PAGES, READ_WRITE);
    for (size_t i = 0; i < PAGES; i++)
        memory[i * PAGE_SIZE] = (unsigned char)(i + 1);
    munmap(with_hole + 3 * PAGE_SIZE, PAGE_SIZE);
    file = memory_file(PAGE_SIZE);
    folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    reader = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
    writer = open("/tmp/memory-errno", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    unlink("/tmp/memory-errno");
    check_result("write", write(writer, "x", 1), 1);
    check_that(folder >= 0 && reader >= 0 && writer >= 0 && pipe(ends) == 0, "files to try");
    mmap_errors();
    munmap_errors();
    mprotect_errors();
    mremap_errors();
    madvise_errors();
    mincore_errors();
    msync_errors();
    brk_errors();
    memory_expect_sound("at the end");
    return check_verdict();
}
