/* Attack: enter the kernel with hostile registers, and look for what it leaves in them.
 *
 * Whatever rsp holds, the kernel works on a stack of its own. A call changes rax, rcx (the return address)
 * and r11 (the flags) and nothing else: no kernel value is left in any register. Numbers without a call
 * behind them are -ENOSYS, however large. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"
#include "userland/system_call.h"

#define X32_BIT 0x40000000 /* of a number: a call of Linux's x32 ABI */

/* A system call with this rsp. */
static long call_with_stack(uint64_t stack, long number)
{
    long result = number;
    uint64_t saved, after;
    __asm__ volatile("movq %%rsp, %[saved]\n\t"
                     "movq %[stack], %%rsp\n\t"
                     "syscall\n\t"
                     "movq %%rsp, %[after]\n\t"
                     "movq %[saved], %%rsp"
                     : "+a"(result), [saved] "=&r"(saved), [after] "=&r"(after)
                     : [stack] "r"(stack), "D"(0), "S"(0), "d"(0)
                     : "rcx", "r11", "memory");
    check_that(after == stack, "call %ld changed rsp from %#lx to %#lx", number, stack, after);
    return result;
}

static void calls_with_stack(const void *stack)
{
    long pid = getpid();
    for (int i = 0; i < 5; i++) {
        check_result("getpid", call_with_stack((uint64_t)stack, SYS_getpid), pid);
        check_result("sched_yield", call_with_stack((uint64_t)stack, SYS_sched_yield), 0);
        check_error("write of null", call_with_stack((uint64_t)stack, -1), ENOSYS);
    }
}

static void hostile_stacks(void)
{
    const struct {
        const struct named_address *table;
        size_t count;
    } tables[] = {
        {kernel_addresses, ADDRESS_COUNT(kernel_addresses)},
        {forbidden_addresses, ADDRESS_COUNT(forbidden_addresses)},
        {noncanonical_addresses, ADDRESS_COUNT(noncanonical_addresses)},
    };
    /* A hypervisor that comes in between may not like the last ones. */
    size_t count = sizeof(tables) / sizeof(tables[0]) - check_cpu_is_shared();
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            char what[96];
            snprintf(what, sizeof(what), "system calls with rsp %#lx", tables[t].table[i].address);
            check_survives(what, calls_with_stack, (const void *)tables[t].table[i].address);
        }
}

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, REGISTERS };

static const char *const register_names[REGISTERS] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
                                                      "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

struct registers {
    uint64_t value[REGISTERS];
    uint64_t flags, return_address;
};

/* Load all registers, call, store all registers. The pointer lives on the stack meanwhile. */
void syscall_with_registers(struct registers *registers);
__asm__(".text\n"
        "syscall_with_registers:\n"
        "pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n pushq %rdi\n"
        "movq 0(%rdi), %rax\n movq 8(%rdi), %rbx\n movq 16(%rdi), %rcx\n movq 24(%rdi), %rdx\n movq "
        "32(%rdi), %rsi\n"
        "movq 48(%rdi), %rbp\n movq 56(%rdi), %r8\n movq 64(%rdi), %r9\n movq 72(%rdi), %r10\n movq "
        "80(%rdi), %r11\n"
        "movq 88(%rdi), %r12\n movq 96(%rdi), %r13\n movq 104(%rdi), %r14\n movq 112(%rdi), %r15\n movq "
        "40(%rdi), %rdi\n"
        "syscall\n"
        "syscall_return_address:\n"
        "pushq %rdi\n movq 8(%rsp), %rdi\n"
        "movq %rax, 0(%rdi)\n movq %rbx, 8(%rdi)\n movq %rcx, 16(%rdi)\n movq %rdx, 24(%rdi)\n movq %rsi, "
        "32(%rdi)\n"
        "movq %rbp, 48(%rdi)\n movq %r8, 56(%rdi)\n movq %r9, 64(%rdi)\n movq %r10, 72(%rdi)\n movq %r11, "
        "80(%rdi)\n"
        "movq %r12, 88(%rdi)\n movq %r13, 96(%rdi)\n movq %r14, 104(%rdi)\n movq %r15, 112(%rdi)\n"
        "popq 40(%rdi)\n"
        "pushfq\n popq 120(%rdi)\n"
        "leaq syscall_return_address(%rip), %rax\n movq %rax, 128(%rdi)\n"
        "popq %rdi\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n"
        "ret\n");

static void registers_survive(const char *name, long number, uint64_t first, uint64_t second, uint64_t third)
{
    struct registers before;
    for (int i = 0; i < REGISTERS; i++)
        before.value[i] = UINT64_C(0xa5a5000000000000) + (uint64_t)i * UINT64_C(0x1111);
    before.value[RAX] = (uint64_t)number;
    before.value[RDI] = first;
    before.value[RSI] = second;
    before.value[RDX] = third;
    struct registers after = before;
    syscall_with_registers(&after);
    for (int i = 0; i < REGISTERS; i++)
        if (i != RAX && i != RCX && i != R11)
            check_that(after.value[i] == before.value[i], "%s changed %s from %#lx to %#lx", name,
                       register_names[i], before.value[i], after.value[i]);
    check_that(after.value[RCX] == after.return_address,
               "%s left %#lx in rcx instead of the return address %#lx", name, after.value[RCX],
               after.return_address);
    check_that(((after.value[R11] ^ after.flags) & ~UINT64_C(0x8d5)) == 0,
               "%s left %#lx in r11 instead of the flags %#lx", name, after.value[R11], after.flags);
    check_that((int64_t)after.value[RAX] < INT64_C(0x7fffffff), "%s left %#lx in rax", name,
               after.value[RAX]);
}

static void registers_survive_calls(void)
{
    char buffer[512];
    registers_survive("getpid", SYS_getpid, 1, 2, 3);
    registers_survive("a call that does not exist", 999, 1, 2, 3);
    registers_survive("sched_yield", SYS_sched_yield, 1, 2, 3);
    registers_survive("uname", SYS_uname, (uint64_t)buffer, 2, 3);
    registers_survive("uname of the kernel", SYS_uname, KERNEL_IMAGE_BASE, 2, 3);
    registers_survive("write of the kernel", SYS_write, 1, KERNEL_IMAGE_BASE, 8);
    registers_survive("close of nothing", SYS_close, 12345, 2, 3);
    registers_survive("munmap of the kernel", SYS_munmap, KERNEL_IMAGE_BASE, PAGE_SIZE, 3);
    const struct {
        uint64_t seconds, nanoseconds;
    } time = {0, 1000000};
    registers_survive("nanosleep", SYS_nanosleep, (uint64_t)&time, 0, 3);
}

static void numbers_without_calls(void)
{
    const long numbers[] = {
        512, 999, 4095, 0x7fffffff, -1, -2, (long)0xffffffff80000000, X32_BIT, X32_BIT | SYS_getpid};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char what[40];
        snprintf(what, sizeof(what), "system call %#lx", (unsigned long)numbers[i]);
        check_error(what, system_call(numbers[i]), ENOSYS);
    }
}

int main(void)
{
    check_begin("attack-syscall-state");
    hostile_stacks();
    registers_survive_calls();
    numbers_without_calls();
    return check_verdict();
}
