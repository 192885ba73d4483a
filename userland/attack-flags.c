/* Attack: flags that the kernel must not inherit. A process may set what popf lets it set; IOPL, IF and
 * the virtual-8086 bits stay as they were, TF traps, NT and DF and AC do not reach the kernel's own code. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "userland/check.h"

/* SDM vol. 1, 3.4.3. */
#define FLAG_TRAP           UINT64_C(0x100)
#define FLAG_INTERRUPT      UINT64_C(0x200)
#define FLAG_DIRECTION      UINT64_C(0x400)
#define FLAG_IO_PRIVILEGE   UINT64_C(0x3000)
#define FLAG_NESTED_TASK    UINT64_C(0x4000)
#define FLAG_RESUME         UINT64_C(0x10000)
#define FLAG_VIRTUAL_8086   UINT64_C(0x20000)
#define FLAG_ALIGNMENT      UINT64_C(0x40000)
#define FLAG_VIRTUAL_IF     UINT64_C(0x180000)
#define FLAG_IDENTIFICATION UINT64_C(0x200000)
/* What popf leaves alone at CPL 3 and IOPL 0. */
#define FLAGS_PRIVILEGED    (FLAG_INTERRUPT | FLAG_IO_PRIVILEGE | FLAG_VIRTUAL_8086 | FLAG_VIRTUAL_IF)

static inline uint64_t flags_read(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags)::"memory");
    return flags;
}

static inline void flags_write(uint64_t flags)
{
    __asm__ volatile("pushq %0\n\tpopfq" ::"r"(flags) : "memory", "cc");
}

static void flags_are_ordinary(void)
{
    uint64_t flags = flags_read();
    check_that((flags & FLAGS_PRIVILEGED) == FLAG_INTERRUPT, "a process starts with flags %#lx", flags);
    check_that((flags & (FLAG_TRAP | FLAG_DIRECTION | FLAG_NESTED_TASK | FLAG_ALIGNMENT)) == 0,
               "a process starts with flags %#lx", flags);
}

static void set_everything(const void *unused)
{
    (void)unused;
    uint64_t before = flags_read();
    flags_write(before | FLAGS_PRIVILEGED | FLAG_RESUME);
    uint64_t after = flags_read();
    check_that(((before ^ after) & FLAGS_PRIVILEGED) == 0, "popf changed flags %#lx to %#lx", before, after);
    flags_write(before & ~FLAG_INTERRUPT);
    after = flags_read();
    check_that((after & FLAG_INTERRUPT) != 0, "popf switched interrupts off: %#lx", after);
    flags_write(before);
}

/* Set flags, enter the kernel by system call, page fault and time slice, and look again. Flags are set and
 * tested inside one assembly block, so that no compiled code runs with them. */
static uint64_t flags_through_system_call(uint64_t flags, long number)
{
    uint64_t after;
    long result = number;
    __asm__ volatile("pushfq\n\t"
                     "pushq %[flags]\n\t"
                     "popfq\n\t"
                     "syscall\n\t"
                     "pushfq\n\t"
                     "popq %[after]\n\t"
                     "popfq"
                     : "+a"(result), [after] "=&r"(after)
                     : [flags] "r"(flags_read() | flags), "D"(0), "S"(0), "d"(0)
                     : "rcx", "r11", "memory", "cc");
    check_that(result >= 0, "call %ld with flags %#lx returned %ld", number, flags, result);
    return after;
}

static void call_with_flags(const void *flags)
{
    for (int i = 0; i < 20; i++) {
        uint64_t after = flags_through_system_call((uint64_t)flags, SYS_getpid);
        /* A kernel may drop NT, which means nothing to a program; all others come back. */
        uint64_t kept = (uint64_t)flags & ~FLAG_NESTED_TASK;
        check_that((after & kept) == kept, "flags %#lx came back as %#lx", (uint64_t)flags, after);
        flags_through_system_call((uint64_t)flags, SYS_sched_yield);
    }
}

/* The fault on a page that fork shares, with the flags set: the kernel copies the page, forwards, and
 * returns by iretq. */
static unsigned char shared_page[3 * 4096];

static void fault_with_flags(const void *flags)
{
    volatile unsigned char *page = shared_page + 4096;
    __asm__ volatile("pushfq\n\t"
                     "pushq %[flags]\n\t"
                     "popfq\n\t"
                     "movb $1, (%[page])\n\t"
                     "popfq"
                     :
                     : [flags] "r"(flags_read() | (uint64_t)flags), [page] "r"(page)
                     : "memory", "cc");
    for (size_t i = 0; i < sizeof(shared_page); i++)
        check_that(shared_page[i] == (&shared_page[i] == page ? 1 : 0x5a),
                   "byte %zu of the copied page is %d", i, shared_page[i]);
}

/* Long enough for the timer to interrupt. */
static void spin_with_flags(const void *flags)
{
    unsigned long count = 30000000;
    __asm__ volatile("pushfq\n\t"
                     "pushq %[flags]\n\t"
                     "popfq\n"
                     "1:\tdecq %[count]\n\t"
                     "jnz 1b\n\t"
                     "popfq"
                     : [count] "+r"(count)
                     : [flags] "r"(flags_read() | (uint64_t)flags)
                     : "memory", "cc");
}

static void trap_flag(const void *unused)
{
    (void)unused;
    flags_write(flags_read() | FLAG_TRAP);
    __asm__ volatile("nop\n\tnop");
}

/* The trap must not hit inside the kernel, and must not be lost: it comes after the instruction that
 * follows the return. */
static void trap_flag_at_system_call(const void *unused)
{
    (void)unused;
    __asm__ volatile("pushq %[flags]\n\t"
                     "movl %[number], %%eax\n\t"
                     "popfq\n\t"
                     "syscall\n\t"
                     "nop\n\t"
                     "nop"
                     :
                     : [flags] "r"(flags_read() | FLAG_TRAP), [number] "i"(SYS_getpid)
                     : "rax", "rcx", "r11", "memory", "cc");
}

static void unaligned_with_alignment_check(const void *unused)
{
    (void)unused;
    unsigned char bytes[16] __attribute__((aligned(16))) = {0};
    __asm__ volatile("pushfq\n\t"
                     "pushq %[flags]\n\t"
                     "popfq\n\t"
                     "movl 1(%[bytes]), %%eax\n\t"
                     "popfq"
                     :
                     : [flags] "r"(flags_read() | FLAG_ALIGNMENT), [bytes] "r"(bytes)
                     : "rax", "memory", "cc");
}

static const struct {
    const char *name;
    uint64_t flag;
} harmless[] = {
    {"DF", FLAG_DIRECTION},
    {"NT", FLAG_NESTED_TASK},
    {"AC", FLAG_ALIGNMENT},
    {"ID", FLAG_IDENTIFICATION},
    {"DF, NT and AC", FLAG_DIRECTION | FLAG_NESTED_TASK | FLAG_ALIGNMENT},
};

int main(void)
{
    check_begin("attack-flags");
    flags_are_ordinary();
    check_survives("popf of privileged flags", set_everything, NULL);
    memset(shared_page, 0x5a, sizeof(shared_page));
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        char what[64];
        const void *flag = (const void *)harmless[i].flag;
        snprintf(what, sizeof(what), "system calls with %s set", harmless[i].name);
        check_survives(what, call_with_flags, flag);
        snprintf(what, sizeof(what), "a copy-on-write fault with %s set", harmless[i].name);
        check_survives(what, fault_with_flags, flag);
        snprintf(what, sizeof(what), "time slices with %s set", harmless[i].name);
        check_survives(what, spin_with_flags, flag);
    }
    check_dies("TF", SIGTRAP, trap_flag, NULL);
    check_dies("TF at a system call", SIGTRAP, trap_flag_at_system_call, NULL);
    if (check_cpu_is_emulated())
        check_dies_or_survives("AC and an unaligned access", SIGBUS, unaligned_with_alignment_check, NULL);
    else
        check_dies("AC and an unaligned access", SIGBUS, unaligned_with_alignment_check, NULL);
    return check_verdict();
}
