/* Attack: make the kernel return to an address that is none. SYSRET checks the address after it has left
 * the kernel's protection on some processors: with the user's stack pointer but the kernel's rights (the
 * SYSRET bug of 2012). A kernel must never map the last page of the low half, and must not believe the
 * address in a forged signal frame. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"

#define SYSCALL_BYTES 2
#define PAST_END      ((uintptr_t)-1) /* distance: the second byte would lie beyond */
static const unsigned char syscall_instruction[SYSCALL_BYTES] = {0x0f, 0x05};

static unsigned char other_stack[64 * 1024] __attribute__((aligned(16)));

/* Put the instruction so that it ends `distance` bytes before the end of what can be mapped, and run it
 * there. Runs on a stack of its own, as the page may hold the process's first one. */
static void run_at_end(uintptr_t distance)
{
    void *page = mmap((void *)USER_LAST_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (page != (void *)USER_LAST_PAGE)
        _exit(3);
    unsigned char *at = (unsigned char *)USER_END - distance - SYSCALL_BYTES;
    memcpy(at, syscall_instruction, distance == PAST_END ? 1 : SYSCALL_BYTES);
    if (mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC) != 0)
        _exit(4);
    __asm__ volatile("jmp *%0" ::"r"(at), "a"(SYS_getpid));
    __builtin_unreachable();
}

static void call_on_other_stack(void (*function)(uintptr_t), uintptr_t argument)
{
    __asm__ volatile("movq %0, %%rsp\n\tcall *%1" ::"r"(other_stack + sizeof(other_stack)), "r"(function),
                     "D"(argument)
                     : "memory");
    __builtin_unreachable();
}

static void return_to_end(const void *distance)
{
    call_on_other_stack(run_at_end, (uintptr_t)distance);
}

static void map_last_page(void)
{
    void *page = mmap((void *)USER_END, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    check_that(page == MAP_FAILED, "the last page of the low half can be mapped");
}

/* Return from a signal handler that changed one register of what was interrupted. */
static struct {
    int index;
    uint64_t value;
} forged;

static void forge(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[forged.index] = (greg_t)forged.value;
}

static void return_forged(const void *unused)
{
    (void)unused;
    struct sigaction action = {.sa_sigaction = forge, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
    __asm__ volatile("pushq $0\n\tpopq %%rax" ::: "rax", "memory"); /* uses whatever stack came back */
}

/* Where the selector is one that may be used, the fault is met again, without a handler. */
static void return_forged_by_interrupt(const void *unused)
{
    (void)unused;
    struct sigaction action = {.sa_sigaction = forge, .sa_flags = SA_SIGINFO | SA_RESETHAND};
    sigaction(SIGSEGV, &action, NULL);
    *(volatile unsigned char *)8 = 0;
}

static void forged_frames(const char *name, int index, const struct named_address *table, size_t count,
                          int signal)
{
    for (size_t i = 0; i < count; i++) {
        forged.index = index;
        forged.value = table[i].address + (index == REG_RSP ? 8 : 0);
        char what[96];
        snprintf(what, sizeof(what), "return from a handler to %s %#lx", name, forged.value);
        check_dies(what, signal, return_forged, NULL);
    }
}

/* IRETQ, which begins a handler, has a trap of the same kind on some processors. */
static void handle_nowhere(const void *address)
{
    struct sigaction action = {.sa_handler = (void (*)(int))(uintptr_t)address};
    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
}

static void forged_handlers(const struct named_address *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char what[96];
        snprintf(what, sizeof(what), "a handler at %#lx", table[i].address);
        check_dies(what, SIGSEGV, handle_nowhere, (const void *)table[i].address);
    }
}

#define FLAGS_FORGED UINT64_C(0x1b3202) /* IOPL 3, VM, VIF, VIP, IF, RF */
#define FLAGS_KEPT   UINT64_C(0x1a3000) /* what of it a process must not have: IOPL, VM, VIF, VIP */

static void privileged_flags(const void *unused)
{
    (void)unused;
    uint64_t flags;
    forged.index = REG_EFL;
    forged.value = FLAGS_FORGED;
    return_forged(NULL);
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags)::"memory");
    check_that((flags & FLAGS_KEPT) == 0, "a forged signal frame set flags %#lx", flags);
}

int main(void)
{
    check_begin("attack-sysret");
    map_last_page();
    check_dies("a system call at the end of user memory", SIGSEGV, return_to_end, (const void *)0);
    check_dies("a system call whose second byte is past it", SIGSEGV, return_to_end, (const void *)PAST_END);

    forged_frames("rip", REG_RIP, noncanonical_addresses, ADDRESS_COUNT(noncanonical_addresses), SIGSEGV);
    forged_frames("rip", REG_RIP, kernel_addresses, ADDRESS_COUNT(kernel_addresses), SIGSEGV);
    forged_frames("rip", REG_RIP, forbidden_addresses, ADDRESS_COUNT(forbidden_addresses), SIGSEGV);
    forged_frames("rsp", REG_RSP, kernel_addresses, ADDRESS_COUNT(kernel_addresses) - 1, SIGSEGV);
    if (!check_cpu_is_shared()) /* which may make another fault of it */
        forged_frames("rsp", REG_RSP, noncanonical_addresses, ADDRESS_COUNT(noncanonical_addresses),
                      check_stack_fault_signal());

    forged_handlers(noncanonical_addresses, ADDRESS_COUNT(noncanonical_addresses));
    forged_handlers(kernel_addresses, ADDRESS_COUNT(kernel_addresses));

    /* The kernel's selectors, whatever their numbers: every ring-0 code segment a GDT of ten entries can
     * hold. */
    for (uint64_t selector = 8; selector <= 80; selector += 8) {
        forged.index = REG_CSGSFS;
        forged.value = selector;
        int status = check_child(return_forged_by_interrupt, NULL);
        check_that(WIFSIGNALED(status), "return to code selector %#lx: %s", selector,
                   check_status_text(status));
    }
    check_survives("privileged flags in a signal frame", privileged_flags, NULL);
    return check_verdict();
}
