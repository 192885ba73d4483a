/* brk: grows and shrinks the heap by any number of bytes; what comes is zero, what goes is gone, and what
 * cannot be changes nothing. */
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/system_call.h"

static uintptr_t set_break(uintptr_t address)
{
    return (uintptr_t)system_call(SYS_brk, address);
}

static bool is_zero(uintptr_t from, uintptr_t to)
{
    for (; from < to; from++)
        if (*(volatile unsigned char *)from != 0)
            return false;
    return true;
}

int main(void)
{
    check_begin("check-brk");
    uintptr_t start = set_break(0);
    check_that(start >= (uintptr_t)ROUND_DOWN((uintptr_t)&check_on_linux, PAGE_SIZE) && start < USER_END,
               "the break starts at %#lx", start);
    uintptr_t heap = ROUND_UP(start, PAGE_SIZE);

    check_result("grow to a page's edge", (long)set_break(heap), (long)heap);
    check_dies("read past the break", SIGSEGV, access_read, (void *)heap);
    check_result("grow by one byte", (long)set_break(heap + 1), (long)(heap + 1));
    check_that(is_zero(heap, heap + PAGE_SIZE), "the new page is not zero"); /* all of the page is there */
    *(volatile unsigned char *)(heap + 5) = 1;
    check_dies("read the page after it", SIGSEGV, access_read, (void *)(heap + PAGE_SIZE));

    uintptr_t end = heap + 100 * PAGE_SIZE + 123;
    check_result("grow by 100 pages", (long)set_break(end), (long)end);
    check_that(*(volatile unsigned char *)(heap + 5) == 1, "growing lost contents");
    check_that(is_zero(heap + PAGE_SIZE, ROUND_UP(end, PAGE_SIZE)), "new pages are not zero");
    for (uintptr_t page = heap; page < end; page += PAGE_SIZE)
        *(volatile unsigned char *)page = 0x77;
    check_dies("run the heap", SIGSEGV, access_jump, (void *)heap);

    check_result("shrink to 10 pages", (long)set_break(heap + 10 * PAGE_SIZE), (long)(heap + 10 * PAGE_SIZE));
    check_dies("read what was given back", SIGSEGV, access_read, (void *)(heap + 10 * PAGE_SIZE));
    check_that(*(volatile unsigned char *)(heap + 9 * PAGE_SIZE) == 0x77, "shrinking lost contents");
    check_result("grow again", (long)set_break(end), (long)end);
    check_that(is_zero(heap + 10 * PAGE_SIZE, ROUND_UP(end, PAGE_SIZE)),
               "what was given back comes back dirty");

    /* A mapping in the way stops the heap. */
    uintptr_t wall = ROUND_UP(end, PAGE_SIZE) + 16 * PAGE_SIZE;
    void *mapping =
        mmap((void *)wall, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (check_that(mapping == (void *)wall, "no mapping at %#lx", wall)) {
        check_result("grow over a mapping", (long)set_break(wall + 2 * PAGE_SIZE), (long)end);
        munmap(mapping, PAGE_SIZE);
        check_result("grow where it was", (long)set_break(wall + 2 * PAGE_SIZE),
                     (long)(wall + 2 * PAGE_SIZE));
    }
    check_result("shrink below the start", (long)set_break(start - 1), (long)(wall + 2 * PAGE_SIZE));
    check_result("give everything back", (long)set_break(start), (long)start);
    return check_verdict();
}
