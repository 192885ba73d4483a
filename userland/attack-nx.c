/* Attack: run data. Code that was written where data belongs - stack, heap, mappings, .data, .bss, .rodata
 * - must not run; the page that was made executable in the open must, and may then no longer be written. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "userland/access.h"
#include "userland/system_call.h"

#define RETURN_INSTRUCTION 0xc3

static unsigned char in_data[16] = {RETURN_INSTRUCTION};
static unsigned char in_bss[16];
static const unsigned char in_rodata[16] = {RETURN_INSTRUCTION};

static void *new_page(int protection)
{
    void *page = mmap(NULL, PAGE_SIZE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return check_that(page != MAP_FAILED, "no page with protection %d", protection) ? page : NULL;
}

static void run_written_page(void)
{
    unsigned char *page = new_page(PROT_READ | PROT_WRITE);
    page[0] = RETURN_INSTRUCTION;
    check_dies("run a read-write page", SIGSEGV, access_jump, page);
    check_result("mprotect to read-execute", mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC), 0);
    check_survives("run a read-execute page", access_jump, page);
    check_dies("write a read-execute page", SIGSEGV, access_write, page);
    check_result("mprotect to read", mprotect(page, PAGE_SIZE, PROT_READ), 0);
    check_dies("run a page that was executable", SIGSEGV, access_jump, page);
    check_result("munmap", munmap(page, PAGE_SIZE), 0);
    check_dies("run a page that was unmapped", SIGSEGV, access_jump, page);
}

int main(void)
{
    check_begin("attack-nx");
    unsigned char on_stack[16] = {RETURN_INSTRUCTION};
    in_bss[0] = RETURN_INSTRUCTION;
    __asm__ volatile("" ::"r"(on_stack), "r"(in_bss) : "memory"); /* the stores are really made */
    check_dies("run the stack", SIGSEGV, access_jump, on_stack);
    check_dies("run .data", SIGSEGV, access_jump, in_data);
    check_dies("run .bss", SIGSEGV, access_jump, in_bss);
    check_dies("run .rodata", SIGSEGV, access_jump, in_rodata);

    uintptr_t end = (uintptr_t)system_call(SYS_brk, 0);
    if (check_result("brk", system_call(SYS_brk, end + PAGE_SIZE), (long)(end + PAGE_SIZE))) {
        *(volatile unsigned char *)end = RETURN_INSTRUCTION;
        check_dies("run the heap", SIGSEGV, access_jump, (void *)end);
    }
    run_written_page();
    return check_verdict();
}
