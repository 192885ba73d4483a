/* Attack: addresses whose bits 47 to 63 differ. The processor answers with a general-protection or,
 * through rsp, a stack fault instead of a page fault (SDM vol. 1, 3.3.7.1); a kernel that takes them for
 * page faults, or returns to them, is lost. */
#include <signal.h>
#include <unistd.h>

#include "userland/access.h"

static void jump_by_return(const void *address)
{
    __asm__ volatile("pushq %0\n\tret" ::"r"(address) : "memory");
    __builtin_unreachable();
}

static void push(const void *address)
{
    __asm__ volatile("movq %0, %%rsp\n\tpushq $0" ::"r"((uintptr_t)address + 8) : "memory");
    __builtin_unreachable();
}

static void read_through_rbp(const void *address)
{
    __asm__ volatile("pushq %%rbp\n\tmovq %0, %%rbp\n\tmovb (%%rbp), %%al\n\tpopq %%rbp" ::"r"(address)
                     : "rax", "memory");
}

/* The processor stops with rsp where no exception frame could be written; the kernel has its own stack. */
static void fault_with_stack(const void *address)
{
    __asm__ volatile("movq %0, %%rsp\n\tmovb 0, %%al" ::"r"(address) : "rax", "memory");
    __builtin_unreachable();
}

int main(void)
{
    check_begin("attack-noncanonical");
    const struct named_address *table = noncanonical_addresses;
    size_t count = ADDRESS_COUNT(noncanonical_addresses);
    int stack_signal = check_stack_fault_signal();
    access_all_die("read", access_read, SIGSEGV, table, count);
    access_all_die("write", access_write, SIGSEGV, table, count);
    access_all_die("call", access_jump, SIGSEGV, table, count);
    access_all_die("return to", jump_by_return, SIGSEGV, table, count);
    access_all_die("push to", push, stack_signal, table, count);
    access_all_die("read through rbp from", read_through_rbp, stack_signal, table, count);
    access_all_die("fault with rsp at", fault_with_stack, SIGSEGV, table, count);
    return check_verdict();
}
