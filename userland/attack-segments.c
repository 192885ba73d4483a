/* Attack: load segment registers. A process may load the selectors that are meant for it; any of the
 * kernel's ends in SIGSEGV, as data and as the target of a far jump, call, return or interrupt return. fs
 * and gs bases point into the process's half or nowhere. */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"
#include "userland/system_call.h"

#define SELECTORS        0x48   /* as many as a GDT here holds */
#define ACCESS_PRIVILEGE 0x6000 /* DPL in what lar returns, SDM vol. 2 */
#define ACCESS_SEGMENT   0x1000 /* code or data, not a system descriptor */
#define ARCH_SET_GS      0x1001
#define ARCH_SET_FS      0x1002
#define HWCAP2_FSGSBASE  2 /* AT_HWCAP2: the fs and gs base instructions are enabled */

static void load_ds(const void *selector)
{
    __asm__ volatile("movw %w0, %%ds" ::"r"(selector));
}

static void load_es(const void *selector)
{
    __asm__ volatile("movw %w0, %%es" ::"r"(selector));
}

static void load_fs(const void *selector)
{
    __asm__ volatile("movw %w0, %%fs" ::"r"(selector));
    _exit(CHECK_SURVIVED); /* the C library has lost its thread pointer */
}

static void load_gs(const void *selector)
{
    __asm__ volatile("movw %w0, %%gs" ::"r"(selector));
}

static void load_ss(const void *selector)
{
    __asm__ volatile("movw %w0, %%ss" ::"r"(selector));
}

/* The form that both vendors' processors take: a 32-bit offset, where these fixed-address programs lie. */
struct far_pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));

static void far_target(void)
{
    _exit(CHECK_SURVIVED);
}

static void far_jump(const void *selector)
{
    struct far_pointer pointer = {(uint32_t)(uintptr_t)far_target, (uint16_t)(uintptr_t)selector};
    __asm__ volatile("ljmpl *%0" ::"m"(pointer));
    __builtin_unreachable();
}

static void far_call(const void *selector)
{
    struct far_pointer pointer = {(uint32_t)(uintptr_t)far_target, (uint16_t)(uintptr_t)selector};
    __asm__ volatile("lcalll *%0" ::"m"(pointer) : "memory");
    __builtin_unreachable();
}

static void far_return(const void *selector)
{
    __asm__ volatile("pushq %0\n\tpushq %1\n\tlretq" ::"r"(selector), "r"(far_target) : "memory");
    __builtin_unreachable();
}

static void interrupt_return(const void *selector)
{
    __asm__ volatile("movq %%rsp, %%rax\n\t"
                     "movl %%ss, %%ecx\n\t"
                     "pushq %%rcx\n\t"
                     "pushq %%rax\n\t"
                     "pushfq\n\t"
                     "pushq %0\n\t"
                     "pushq %1\n\t"
                     "iretq" ::"r"(selector),
                     "r"(far_target)
                     : "rax", "rcx", "memory");
    __builtin_unreachable();
}

/* The descriptor is code or data that ring 3 may use, as the processor itself says. */
static bool selector_is_for_users(unsigned selector)
{
    uint32_t rights = 0;
    bool valid;
    __asm__ volatile("larl %[selector], %[rights]\n\tsetz %[valid]"
                     : [rights] "+r"(rights), [valid] "=r"(valid)
                     : [selector] "r"(selector | 3)
                     : "cc");
    return valid && (rights & ACCESS_PRIVILEGE) == ACCESS_PRIVILEGE && (rights & ACCESS_SEGMENT) != 0;
}

static void selectors(void)
{
    static const struct {
        const char *name;
        check_body *body;
        bool null_allowed;
    } uses[] = {
        {"mov to ds", load_ds, true},
        {"mov to es", load_es, true},
        {"mov to fs", load_fs, true},
        {"mov to gs", load_gs, true},
        {"mov to ss", load_ss, false},
        {"far jump to", far_jump, false},
        {"far call of", far_call, false},
        {"far return to", far_return, false},
        {"interrupt return to", interrupt_return, false},
    };
    static const unsigned wild[] = {0x100, 0x1000, 0xfff8, 0xfffb, 0x7, 0x4, 0xfc};
    for (size_t u = 0; u < sizeof(uses) / sizeof(uses[0]); u++) {
        char what[64];
        for (unsigned selector = uses[u].null_allowed ? 8 : 0; selector < SELECTORS; selector++) {
            bool global = (selector & 4) == 0; /* the local table is empty; it is among the wild ones */
            bool outermost = (selector & 3) == 0 || (selector & 3) == 3;
            if (!global || !outermost || selector_is_for_users(selector))
                continue;
            snprintf(what, sizeof(what), "%s selector %#x", uses[u].name, selector);
            check_dies(what, SIGSEGV, uses[u].body, (const void *)(uintptr_t)selector);
        }
        for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
            snprintf(what, sizeof(what), "%s selector %#x", uses[u].name, wild[i]);
            check_dies(what, SIGSEGV, uses[u].body, (const void *)(uintptr_t)wild[i]);
        }
    }
}

static void null_selectors(const void *unused)
{
    (void)unused;
    load_ds(NULL);
    load_es(NULL);
    load_gs(NULL);
    check_yield(3); /* survives a switch and back */
    check_that(getpid() > 0, "system calls fail with null selectors");
}

static void bases_by_call(void)
{
    for (size_t i = 0; i < ADDRESS_COUNT(noncanonical_addresses); i++) {
        check_error("arch_prctl of a non-canonical fs base",
                    system_call(SYS_arch_prctl, ARCH_SET_FS, noncanonical_addresses[i].address), EPERM);
        check_error("arch_prctl of a non-canonical gs base",
                    system_call(SYS_arch_prctl, ARCH_SET_GS, noncanonical_addresses[i].address), EPERM);
    }
    for (size_t i = 0; i < ADDRESS_COUNT(kernel_addresses); i++) {
        check_error("arch_prctl of a kernel fs base",
                    system_call(SYS_arch_prctl, ARCH_SET_FS, kernel_addresses[i].address), EPERM);
        check_error("arch_prctl of a kernel gs base",
                    system_call(SYS_arch_prctl, ARCH_SET_GS, kernel_addresses[i].address), EPERM);
    }
    check_error("arch_prctl of nothing known", system_call(SYS_arch_prctl, 0x9999, 0), EINVAL);
}

/* The base instructions take any canonical address: the kernel must not mistake it for its own per-CPU
 * data. */
static void kernel_gs_base(const void *address)
{
    __asm__ volatile("wrgsbase %0" ::"r"(address));
    for (int i = 0; i < 10; i++)
        check_that(getpid() > 0, "getpid fails");
    check_yield(10);
    for (volatile unsigned long i = 0; i < 3000000; i++)
        continue; /* for the timer to interrupt */
    const void *after;
    __asm__ volatile("rdgsbase %0" : "=r"(after));
    check_that(after == address, "the gs base changed from %p to %p", address, after);
}

static void read_through_gs(const void *address)
{
    __asm__ volatile("wrgsbase %0\n\tmovq %%gs:0, %%rax" ::"r"(address) : "rax", "memory");
}

static void noncanonical_gs_base(const void *address)
{
    __asm__ volatile("wrgsbase %0" ::"r"(address));
}

static void bases_by_instruction(void)
{
    if ((getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) == 0) {
        if (!check_cpu_is_shared()) /* whose hypervisor may use what it hides from Linux */
            check_dies("wrgsbase without permission", SIGILL, kernel_gs_base, NULL);
        return;
    }
    for (size_t i = 0; i + 1 < ADDRESS_COUNT(kernel_addresses); i++) {
        check_survives("a gs base in the kernel", kernel_gs_base, (const void *)kernel_addresses[i].address);
        check_dies("a read through it", SIGSEGV, read_through_gs, (const void *)kernel_addresses[i].address);
    }
    for (size_t i = 0; i < ADDRESS_COUNT(noncanonical_addresses); i++)
        check_dies("a non-canonical gs base", SIGSEGV, noncanonical_gs_base,
                   (const void *)noncanonical_addresses[i].address);
}

int main(void)
{
    check_begin("attack-segments");
    selectors();
    check_survives("null selectors", null_selectors, NULL);
    bases_by_call();
    bases_by_instruction();
    return check_verdict();
}
