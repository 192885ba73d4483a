/* Attack: write what a program may only read: its own code, constants, and pages that mprotect closed. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userland/access.h"

static const char constant[] = "not to be written";

int main(void)
{
    check_begin("attack-write-text");
    check_dies("write code", SIGSEGV, access_write, (const void *)main);
    check_dies("write code of the C library", SIGSEGV, access_write, (const void *)memcpy);
    check_dies("write a constant", SIGSEGV, access_write, constant);
    check_survives("read code", access_read, (const void *)main);

    char *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check_that(page != MAP_FAILED, "no page");
    page[0] = 1;
    check_result("mprotect to read", mprotect(page, PAGE_SIZE, PROT_READ), 0);
    check_dies("write a page that was writable", SIGSEGV, access_write, page);
    check_survives("read it", access_read, page);
    check_result("mprotect to none", mprotect(page, PAGE_SIZE, PROT_NONE), 0);
    check_dies("read a closed page", SIGSEGV, access_read, page);
    check_dies("write a closed page", SIGSEGV, access_write, page);
    check_result("mprotect to read and write", mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
    check_survives("write it again", access_write, page);
    check_that(page[0] == 1, "the page holds %d instead of 1", page[0]);
    return check_verdict();
}
