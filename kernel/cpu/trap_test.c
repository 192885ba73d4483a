/* Traps of the kernel itself: those it means, and those that must end it. */
#include "kernel/cpu/trap.h"

#include <asm/errno.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/lib/string.h"
#include "paging/layout.h"

#define NON_CANONICAL UINT64_C(0x8000000000000000)
#define REGISTERS     14

extern const uint8_t kernel_text_start[];

/* Read a byte where it may fault; false when it did. */
static bool read_try(uint64_t address)
{
    uint64_t done = 0;

    __asm__ volatile("1: movzbl (%[address]), %%eax\n\t"
                     "movl $1, %k[done]\n\t"
                     "2:\n\t" TRAP_FIXUP("1b", "2b")
                     : [done] "+r"(done)
                     : [address] "r"(address)
                     : "rax", "memory");
    return done != 0;
}

SELFTEST(trap_fix_ups_resume_after_page_faults)
{
    uint8_t here = 1;

    CHECK(read_try((uint64_t)&here));
    CHECK(!read_try(0));
    CHECK(!read_try(USER_BASE));
    CHECK(!read_try(FRAME_MAP_END));
    /* The window between fault and resume leaves interrupts as they were. */
    CHECK(read_rflags() & RFLAGS_IF);
}

SELFTEST(trap_fix_ups_resume_after_other_exceptions)
{
    uint64_t done = 0;

    CHECK(!read_try(NON_CANONICAL)); /* #GP */
    __asm__ volatile("1: ud2\n\t"
                     "2: incq %[done]\n\t" TRAP_FIXUP("1b", "2b")
                     : [done] "+r"(done));
    CHECK_EQ(done, 1);
    __asm__ volatile("xorl %%ecx, %%ecx\n\t"
                     "1: divl %%ecx\n\t"
                     "2: incq %[done]\n\t" TRAP_FIXUP("1b", "2b")
                     : [done] "+r"(done)
                     :
                     : "rax", "rcx", "rdx", "cc");
    CHECK_EQ(done, 2);
}

/* INT 2 stands for an NMI that comes where an instruction may fault, inside the innermost lock. */
SELFTEST(trap_nmi_changes_nothing_and_takes_no_lock)
{
    struct spinlock innermost = {.rank = LOCK_CONSOLE, .name = "test"};
    uint64_t done = 0;

    spinlock_lock(&innermost);
    __asm__ volatile("int $2\n\t"
                     "1: incq %[done]\n\t"
                     "2:\n\t" TRAP_FIXUP("1b", "2b")
                     : [done] "+r"(done)
                     :
                     : "memory", "cc");
    spinlock_unlock(&innermost);
    CHECK_EQ(done, 1);
}

SELFTEST(trap_fix_ups_are_found_by_address)
{
    CHECK(!trap_has_fixup((uint64_t)kernel_text_start));
    CHECK(!trap_has_fixup(0));
    uint64_t marked;
    __asm__ volatile("1: leaq 1b(%%rip), %0\n\t" TRAP_FIXUP("1b", "1b") : "=r"(marked));
    CHECK(trap_has_fixup(marked));
    CHECK(!trap_has_fixup(marked + 1));
}

/* A breakpoint continues where it is: all registers and flags come back, with the direction flag as it was. */
SELFTEST(trap_return_restores_every_register)
{
    uint64_t loaded[REGISTERS], seen[REGISTERS], flags;

    for (unsigned i = 0; i < REGISTERS; i++)
        loaded[i] = UINT64_C(0x0101010101010101) * (i + 1);
    memset(seen, 0, sizeof(seen));
    __asm__ volatile("pushq %%rbp\n\t"
                     "pushq %[seen]\n\t"
                     "movq 0x00(%[loaded]), %%rax\n\t"
                     "movq 0x08(%[loaded]), %%rbx\n\t"
                     "movq 0x10(%[loaded]), %%rcx\n\t"
                     "movq 0x18(%[loaded]), %%rdx\n\t"
                     "movq 0x20(%[loaded]), %%rsi\n\t"
                     "movq 0x28(%[loaded]), %%rbp\n\t"
                     "movq 0x30(%[loaded]), %%r8\n\t"
                     "movq 0x38(%[loaded]), %%r9\n\t"
                     "movq 0x40(%[loaded]), %%r10\n\t"
                     "movq 0x48(%[loaded]), %%r11\n\t"
                     "movq 0x50(%[loaded]), %%r12\n\t"
                     "movq 0x58(%[loaded]), %%r13\n\t"
                     "movq 0x60(%[loaded]), %%r14\n\t"
                     "movq 0x68(%[loaded]), %%r15\n\t"
                     "std\n\t"
                     "int3\n\t"
                     "1: xchgq (%%rsp), %%rdi\n\t"
                     "movq %%rax, 0x00(%%rdi)\n\t"
                     "movq %%rbx, 0x08(%%rdi)\n\t"
                     "movq %%rcx, 0x10(%%rdi)\n\t"
                     "movq %%rdx, 0x18(%%rdi)\n\t"
                     "movq %%rsi, 0x20(%%rdi)\n\t"
                     "movq %%rbp, 0x28(%%rdi)\n\t"
                     "movq %%r8, 0x30(%%rdi)\n\t"
                     "movq %%r9, 0x38(%%rdi)\n\t"
                     "movq %%r10, 0x40(%%rdi)\n\t"
                     "movq %%r11, 0x48(%%rdi)\n\t"
                     "movq %%r12, 0x50(%%rdi)\n\t"
                     "movq %%r13, 0x58(%%rdi)\n\t"
                     "movq %%r14, 0x60(%%rdi)\n\t"
                     "movq %%r15, 0x68(%%rdi)\n\t"
                     "pushfq\n\t"
                     "popq %%rax\n\t"
                     "cld\n\t"
                     "popq %%rdi\n\t"
                     "popq %%rbp\n\t" TRAP_FIXUP("1b", "1b")
                     : "=&a"(flags)
                     : [loaded] "D"(loaded), [seen] "S"(seen)
                     : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                       "cc");
    CHECK_EQ(memcmp(loaded, seen, sizeof(seen)), 0);
    CHECK_EQ(flags & (RFLAGS_DF | RFLAGS_IF), RFLAGS_DF | RFLAGS_IF);
}

SELFTEST(trap_names_every_exception)
{
    CHECK(strcmp(exception_name(EXCEPTION_PAGE_FAULT), "#PF page fault") == 0);
    CHECK(exception_name(EXCEPTION_DOUBLE_FAULT) != NULL);
    CHECK(exception_name(32) == NULL);
    CHECK(exception_name(UINT64_MAX) == NULL);
}

static unsigned interrupts;

/* A vector of the tests' own, raised by INT. */
#define TEST_VECTOR 0xd7

static void interrupt_count(struct trap_frame *frame, void *context)
{
    (void)frame;
    ++*(unsigned *)context;
}

SELFTEST(interrupts_reach_their_handler)
{
    static bool registered;
    unsigned before = interrupts;
    uint64_t counted = cpu_current()->interrupts;

    /* Handlers stay. */
    if (!registered)
        CHECK_EQ(interrupt_register(TEST_VECTOR, interrupt_count, &interrupts), 0);
    registered = true;
    CHECK_EQ(interrupt_register(TEST_VECTOR, interrupt_count, &interrupts), -EBUSY);
    CHECK_EQ(interrupt_register(EXCEPTION_PAGE_FAULT, interrupt_count, &interrupts), -EINVAL);
    __asm__ volatile("int %0" : : "i"(TEST_VECTOR) : "memory");
    CHECK_EQ(interrupts, before + 1);
    CHECK(cpu_current()->interrupts > counted);
    CHECK_EQ(cpu_current()->interrupt_depth, 0);
}

static volatile unsigned recover_steps;

static void step_on(void *argument)
{
    recover_steps++;
    if (argument != NULL)
        *(volatile uint8_t *)argument = 1;
    recover_steps++;
}

/* Foreign code that loses even its stack, with flags that would hurt. */
static void lose_stack(void *argument)
{
    (void)argument;
    __asm__ volatile("pushfq\n\t"
                     "orq %[flags], (%%rsp)\n\t"
                     "popfq\n\t"
                     "xorl %%esp, %%esp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "movl $0x5ec4e7, %%ebx\n\t"
                     "pushq %%rax"
                     :
                     : [flags] "r"(RFLAGS_DF | RFLAGS_AC | RFLAGS_NT)
                     : "memory");
}

static void jump_to(void *argument)
{
    ((void (*)(void))argument)();
}

/* Whether the call came back by itself, with interrupts off around it as promised. */
static bool recovered_call(void (*function)(void *argument), void *argument)
{
    bool enabled = interrupts_disable();
    bool returned = trap_recover_call(function, argument);
    bool still_off = !interrupts_disable();

    interrupts_restore(enabled);
    return returned || !still_off;
}

SELFTEST(trap_recovery_ends_calls_that_fault)
{
    recover_steps = 0;
    CHECK(recovered_call(step_on, NULL));
    CHECK_EQ(recover_steps, 2);
    CHECK(!recovered_call(step_on, (void *)0x10));
    CHECK_EQ(recover_steps, 3);
    CHECK(!recovered_call(step_on, (void *)NON_CANONICAL));
    CHECK_EQ(recover_steps, 4);
    CHECK(!recovered_call(jump_to, (void *)USER_BASE));
    CHECK(!recovered_call(jump_to, (void *)NON_CANONICAL));
    CHECK(!recovered_call(lose_stack, NULL)); /* #DF */
    CHECK_EQ(read_rflags() & (RFLAGS_IF | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT), RFLAGS_IF);
    /* After it a fault is a bug again. */
    CHECK(cpu_current()->recovery == NULL);
    CHECK(recovered_call(step_on, NULL));
}

static uint64_t descend(const volatile uint64_t *above)
{
    volatile uint64_t room[32] = {*above + 1};

    return room[0] == 0 ? 0 : descend(room) + room[0];
}

/* Down through the guard page of the kernel stack. */
SELFTEST_CRASH(double_fault)
{
    uint64_t start = 0;

    log_info("descended %lu", descend(&start));
}

SELFTEST_CRASH(page_fault)
{
    log_info("read %u", *(volatile uint32_t *)0x10);
}

SELFTEST_CRASH(write_to_text)
{
    *(volatile uint8_t *)(uintptr_t)kernel_text_start = 0xcc;
}

SELFTEST_CRASH(execute_data)
{
    static uint8_t code[16] __attribute__((section(".data"))) = {0xc3};

    ((void (*)(void))(uintptr_t)code)();
}

SELFTEST_CRASH(general_protection)
{
    log_info("read %u", *(volatile uint8_t *)NON_CANONICAL);
}

SELFTEST_CRASH(breakpoint)
{
    __asm__ volatile("int3");
}
