/* Attack: mmap, munmap, mprotect and brk with ranges that are the kernel's, that wrap, that are too large
 * or misaligned. Each is refused with Linux's errno and changes nothing. No page is ever both writable and
 * executable. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/system_call.h"

#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define EVERYTHING (PROT_READ | PROT_WRITE | PROT_EXEC)
#define HALF       NONCANONICAL_LOWEST

static long map(uintptr_t address, size_t length, int protection, int flags)
{
    return system_call(SYS_mmap, address, length, protection, flags, -1, 0);
}

static void map_attacks(void)
{
    for (size_t i = 0; i < ADDRESS_COUNT(kernel_addresses); i++) {
        uintptr_t page = kernel_addresses[i].address & ~(PAGE_SIZE - 1);
        check_error("mmap over the kernel", map(page, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED), ENOMEM);
        long hinted = map(page, PAGE_SIZE, READ_WRITE, ANONYMOUS);
        check_that(hinted > 0 && (uintptr_t)hinted < USER_END, "mmap with a kernel hint returned %#lx",
                   (unsigned long)hinted);
        system_call(SYS_munmap, hinted, PAGE_SIZE);
    }
    for (size_t i = 0; i < ADDRESS_COUNT(noncanonical_addresses); i++)
        check_error("mmap of no address",
                    map(noncanonical_addresses[i].address & ~(PAGE_SIZE - 1), PAGE_SIZE, PROT_READ,
                        ANONYMOUS | MAP_FIXED),
                    ENOMEM);
    if (!check_on_linux) { /* whose root may map page 0 */
        check_error("mmap at null", map(0, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED), EPERM);
        check_error("mmap below 64 KiB",
                    map(USER_BASE - PAGE_SIZE, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED), EPERM);
        check_error("mmap across 64 KiB",
                    map(USER_BASE - PAGE_SIZE, 2 * PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED), EPERM);
    }
    check_that(map(0, PAGE_SIZE, PROT_READ, ANONYMOUS) >= (long)USER_BASE, "mmap anywhere chose null");
    check_error("mmap past the end", map(USER_LAST_PAGE, 2 * PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED),
                ENOMEM);
    check_error("mmap of the last page", map(USER_END, PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED), ENOMEM);
    check_error("mmap of nothing", map(0, 0, PROT_READ, ANONYMOUS), EINVAL);
    check_error("mmap misaligned", map(0x10000001, PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED), EINVAL);
    check_error("mmap of 2^64-1 bytes", map(0, SIZE_MAX, PROT_READ, ANONYMOUS), ENOMEM);
    check_error("mmap of 2^64-4096 bytes", map(0, SIZE_MAX - PAGE_SIZE + 1, PROT_READ, ANONYMOUS), ENOMEM);
    check_error("mmap of 128 TiB", map(0, HALF, PROT_READ, ANONYMOUS), ENOMEM);
    check_error("mmap that wraps", map(0x10000000, SIZE_MAX - 0x0fffffff, PROT_READ, ANONYMOUS | MAP_FIXED),
                ENOMEM);
    check_error("mmap neither shared nor private", map(0, PAGE_SIZE, PROT_READ, MAP_ANONYMOUS), EINVAL);
    check_error("mmap of no file", system_call(SYS_mmap, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    check_error("mmap with a crooked offset",
                system_call(SYS_mmap, 0, PAGE_SIZE, PROT_READ, ANONYMOUS, -1, 1), EINVAL);
}

static void unmap_attacks(void)
{
    for (size_t i = 0; i < ADDRESS_COUNT(kernel_addresses); i++)
        check_error("munmap of the kernel",
                    system_call(SYS_munmap, kernel_addresses[i].address & ~(PAGE_SIZE - 1), PAGE_SIZE),
                    EINVAL);
    check_error("munmap of nothing", system_call(SYS_munmap, 0x10000000, 0), EINVAL);
    check_error("munmap misaligned", system_call(SYS_munmap, 0x10000001, PAGE_SIZE), EINVAL);
    check_error("munmap of everything and the kernel", system_call(SYS_munmap, 0, SIZE_MAX - PAGE_SIZE + 1),
                EINVAL);
    check_error("munmap that wraps", system_call(SYS_munmap, 0x10000000, SIZE_MAX - 0x0fffffff), EINVAL);
    check_error("munmap past the end", system_call(SYS_munmap, USER_LAST_PAGE, 2 * PAGE_SIZE), EINVAL);
    check_result("munmap where nothing is", system_call(SYS_munmap, 0x10000000, PAGE_SIZE), 0);
}

static void protect_attacks(void)
{
    for (size_t i = 0; i < ADDRESS_COUNT(kernel_addresses); i++) {
        uintptr_t page = kernel_addresses[i].address & ~(PAGE_SIZE - 1);
        long result = system_call(SYS_mprotect, page, PAGE_SIZE, READ_WRITE);
        check_error("mprotect of the kernel", result, ENOMEM);
    }
    check_error("mprotect misaligned", system_call(SYS_mprotect, 0x10000001, PAGE_SIZE, PROT_READ), EINVAL);
    check_error("mprotect where nothing is", system_call(SYS_mprotect, 0x10000000, PAGE_SIZE, PROT_READ),
                ENOMEM);
    check_error("mprotect that wraps", system_call(SYS_mprotect, 0x10000000, SIZE_MAX - 0xffff, PROT_READ),
                ENOMEM);
    check_error("mprotect to no protection known", system_call(SYS_mprotect, 0x10000000, PAGE_SIZE, 0x100),
                EINVAL);
    check_result("mprotect of nothing", system_call(SYS_mprotect, 0x10000000, 0, PROT_READ), 0);
}

static void break_attacks(void)
{
    long start = system_call(SYS_brk, 0);
    const struct named_address tries[] = {
        {"null page", PAGE_SIZE},         {"below its start", (uintptr_t)start - 64 * MIB},
        {"end of user memory", USER_END}, {"half", HALF},
        {"direct map", DIRECT_MAP_BASE},  {"kernel image", KERNEL_IMAGE_BASE},
        {"last address", UINTPTR_MAX},    {"64 TiB on", (uintptr_t)start + (HALF >> 1)},
    };
    for (size_t i = 0; i < ADDRESS_COUNT(tries); i++) {
        long result = system_call(SYS_brk, tries[i].address);
        check_that(result == start, "brk to %s (%#lx) moved it from %#lx to %#lx", tries[i].name,
                   tries[i].address, (unsigned long)start, (unsigned long)result);
    }
}

static void unmap_everything(const void *unused)
{
    (void)unused;
    system_call(SYS_munmap, 0, USER_END);
}

/* Write code, run it, change it, run that: a kernel whose pages are never both at once gives each right as it is used. */
static void write_and_run(const void *page)
{
    volatile unsigned char *code = (volatile unsigned char *)page;
    for (unsigned char value = 1; value <= 10; value++) {
        int result;
        code[0] = 0xb0; /* mov $value, %al */
        code[1] = value;
        code[2] = 0xc3; /* ret */
        __asm__ volatile("xorl %%eax, %%eax\n\tcall *%1" : "=&a"(result) : "r"(page) : "memory", "cc");
        check_that(result == value, "the code returned %d instead of %d", result, value);
    }
}

/* Refused, or given as it is used. */
static void writable_and_executable(void)
{
    long page = map(0, PAGE_SIZE, EVERYTHING, ANONYMOUS);
    if (page > 0)
        check_survives("write and run a page", write_and_run, (const void *)page);
    page = map(0, PAGE_SIZE, READ_WRITE, ANONYMOUS);
    check_that(page > 0, "no page");
    if (system_call(SYS_mprotect, page, PAGE_SIZE, EVERYTHING) == 0)
        check_survives("write and run a page after mprotect", write_and_run, (const void *)page);
}

int main(void)
{
    check_begin("attack-memory-map");
    map_attacks();
    unmap_attacks();
    protect_attacks();
    break_attacks();
    check_dies("munmap of the whole process", SIGSEGV, unmap_everything, NULL);
    writable_and_executable();
    return check_verdict();
}
