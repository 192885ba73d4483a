/* Attack: ask the processor where the kernel keeps its tables. Where the CPU can refuse it (UMIP, SDM vol.
 * 3A 2.5), sgdt, sidt, sldt, smsw and str must be refused; where it cannot, they must at least be
 * harmless. Linux answers some of them itself, with values that tell nothing. */
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "userland/check.h"

#define CPUID_FEATURES_LEAF 7
#define CPUID_UMIP          (1u << 2) /* leaf 7, ECX */

/* What Linux answers in the processor's place (arch/x86/kernel/umip.c documents them as dummies). */
#define LINUX_GDT           UINT64_C(0xfffffffffffe0000)
#define LINUX_IDT           UINT64_C(0xffffffffffff0000)

struct __attribute__((packed)) table_register {
    uint16_t limit;
    uint64_t base;
};

static void store_gdt(const void *unused)
{
    (void)unused;
    struct table_register gdt = {0};
    __asm__ volatile("sgdt %0" : "=m"(gdt));
    check_that(check_on_linux && gdt.base == LINUX_GDT, "sgdt told %#lx", gdt.base);
}

static void store_idt(const void *unused)
{
    (void)unused;
    struct table_register idt = {0};
    __asm__ volatile("sidt %0" : "=m"(idt));
    check_that(check_on_linux && idt.base == LINUX_IDT, "sidt told %#lx", idt.base);
}

static void store_ldt(const void *unused)
{
    (void)unused;
    uint64_t selector = 0;
    __asm__ volatile("sldt %0" : "=r"(selector));
    check_that(check_on_linux, "sldt told %#lx", selector);
}

static void store_machine_status(const void *unused)
{
    (void)unused;
    uint64_t status = 0;
    __asm__ volatile("smsw %0" : "=r"(status));
    check_that(check_on_linux, "smsw told %#lx", status);
}

static void store_task(const void *unused)
{
    (void)unused;
    uint64_t selector = 0;
    __asm__ volatile("str %0" : "=r"(selector));
    check_that(check_on_linux, "str told %#lx", selector);
}

static void harmless(const void *body)
{
    struct table_register memory[2] = {{0}};
    uint64_t selector;
    (void)body;
    __asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(memory[0]), "=m"(memory[1]));
    __asm__ volatile("sldt %0\n\tsmsw %0\n\tstr %0" : "=&r"(selector));
    check_yield(1);
}

static bool cpu_refuses(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(CPUID_FEATURES_LEAF, 0, &a, &b, &c, &d) && (c & CPUID_UMIP) != 0;
}

int main(void)
{
    check_begin("attack-umip");
    void (*expect)(const char *, int, check_body *, const void *) =
        check_on_linux ? check_dies_or_survives : check_dies;
    if (cpu_refuses()) {
        expect("sgdt", SIGSEGV, store_gdt, NULL);
        expect("sidt", SIGSEGV, store_idt, NULL);
        expect("sldt", SIGSEGV, store_ldt, NULL);
        expect("smsw", SIGSEGV, store_machine_status, NULL);
        expect("str", SIGSEGV, store_task, NULL);
    } else {
        check_survives("sgdt, sidt, sldt, smsw and str", harmless, NULL);
    }
    return check_verdict();
}
