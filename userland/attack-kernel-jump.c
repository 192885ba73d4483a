/* Attack: run the kernel's code. Every way of getting there must end in SIGSEGV. */
#include <signal.h>

#include "userland/access.h"

static void jump_by_return(const void *address)
{
    __asm__ volatile("pushq %0\n\tret" ::"r"(address) : "memory");
    __builtin_unreachable();
}

int main(void)
{
    check_begin("attack-kernel-jump");
    access_all_die("call", access_jump, SIGSEGV, kernel_addresses, ADDRESS_COUNT(kernel_addresses));
    access_all_die("return to", jump_by_return, SIGSEGV, kernel_addresses, ADDRESS_COUNT(kernel_addresses));
    return check_verdict();
}
