/* Attack: write the kernel's memory. Every write must end in SIGSEGV; a kernel that reads what was written
 * would not come to the verdict. */
#include <signal.h>

#include "userland/access.h"

/* A read-modify-write, and one with the lock prefix, reach memory by other paths of the processor. */
static void exchange(const void *address)
{
    __asm__ volatile("lock incl (%0)" ::"r"(address) : "memory", "cc");
}

static void string_store(const void *address)
{
    uintptr_t to = (uintptr_t)address;
    unsigned long count = 64;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
}

/* push writes through rsp. */
static void push_store(const void *address)
{
    __asm__ volatile("movq %0, %%rsp\n\tpushq $0" ::"r"((uintptr_t)address + 8) : "memory");
    __builtin_unreachable();
}

int main(void)
{
    check_begin("attack-kernel-write");
    access_all_die("write", access_write, SIGSEGV, kernel_addresses, ADDRESS_COUNT(kernel_addresses));
    access_all_die("locked increment of", exchange, SIGSEGV, kernel_addresses,
                   ADDRESS_COUNT(kernel_addresses));
    access_all_die("string store to", string_store, SIGSEGV, kernel_addresses,
                   ADDRESS_COUNT(kernel_addresses));
    access_all_die("push to", push_store, SIGSEGV, kernel_addresses, ADDRESS_COUNT(kernel_addresses) - 1);
    return check_verdict();
}
