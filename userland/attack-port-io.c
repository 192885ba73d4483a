/* Attack: talk to devices. Every in and out must end in SIGSEGV: neither IOPL nor a permission bitmap lets
 * a process through.
 *
 * Ports that would end the machine, or tell it apart from another, are tried one by one; then all the
 * others, where the kernel delivers signals to handlers: the handler steps over the instruction. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "userland/access.h"

#define PORTS          0x10000
#define PORTS_LOW      0x800 /* all of these are swept, and of the rest each SWEEP_STEP-th */
#define SWEEP_STEP     61
#define IN_INSTRUCTION 0xec /* inb (%dx), %al: one byte */

static const struct named_address ports[] = {
    {"DMA", 0x00},           {"interrupt controller", 0x20},
    {"timer", 0x40},         {"keyboard controller", 0x60},
    {"speaker", 0x61},       {"keyboard command", 0x64},
    {"CMOS clock", 0x70},    {"delay", 0x80},
    {"fast reset", 0x92},    {"second controller", 0xa1},
    {"debug console", 0xe9}, {"debug exit", 0xf4},
    {"disk", 0x1f0},         {"third serial port", 0x3e8},
    {"VGA", 0x3d4},          {"first serial port", 0x3f8},
    {"firmware", 0x510},     {"power management", 0x604},
    {"PCI address", 0xcf8},  {"reset control", 0xcf9},
    {"PCI data", 0xcfc},     {"last of the map", 0xfff8},
    {"last", 0xffff},
};

static void in_byte(const void *port)
{
    __asm__ volatile("inb %%dx, %%al" ::"d"((int)(uintptr_t)port) : "rax");
}

static void in_word(const void *port)
{
    __asm__ volatile("inw %%dx, %%ax" ::"d"((int)(uintptr_t)port) : "rax");
}

static void in_long(const void *port)
{
    __asm__ volatile("inl %%dx, %%eax" ::"d"((int)(uintptr_t)port) : "rax");
}

static void out_byte(const void *port)
{
    __asm__ volatile("outb %%al, %%dx" ::"d"((int)(uintptr_t)port), "a"(0));
}

static void out_long(const void *port)
{
    __asm__ volatile("outl %%eax, %%dx" ::"d"((int)(uintptr_t)port), "a"(0));
}

static void in_string(const void *port)
{
    char buffer[4];
    char *to = buffer;
    unsigned long count = sizeof(buffer);
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"((int)(uintptr_t)port) : "memory");
}

static void out_string(const void *port)
{
    const char buffer[4] = {0};
    const char *from = buffer;
    unsigned long count = sizeof(buffer);
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"((int)(uintptr_t)port) : "memory");
}

static void in_fixed(const void *unused)
{
    (void)unused;
    __asm__ volatile("inb $0x64, %%al" ::: "rax");
}

static void out_fixed(const void *unused)
{
    (void)unused;
    __asm__ volatile("outb %%al, $0xf4" ::"a"(0));
}

static volatile unsigned long faults;

static void step_over(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    ucontext_t *interrupted = context;
    greg_t *rip = &interrupted->uc_mcontext.gregs[REG_RIP];
    if (*(const unsigned char *)*rip != IN_INSTRUCTION)
        _exit(1);
    *rip += 1;
    faults++;
}

static void sweep(const void *unused)
{
    (void)unused;
    struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    unsigned long tried = 0;
    for (unsigned port = 0; port < PORTS; port += port < PORTS_LOW ? 1 : SWEEP_STEP, tried++) {
        in_byte((const void *)(uintptr_t)port);
        if (!check_that(faults == tried + 1, "in from port %#x was allowed", port))
            return;
    }
}

int main(void)
{
    check_begin("attack-port-io");
    size_t count = ADDRESS_COUNT(ports);
    access_all_die("in (byte) from port", in_byte, SIGSEGV, ports, count);
    access_all_die("in (word) from port", in_word, SIGSEGV, ports, count);
    access_all_die("in (long) from port", in_long, SIGSEGV, ports, count);
    access_all_die("out (byte) to port", out_byte, SIGSEGV, ports, count);
    access_all_die("out (long) to port", out_long, SIGSEGV, ports, count);
    access_all_die("ins from port", in_string, SIGSEGV, ports, count);
    access_all_die("outs to port", out_string, SIGSEGV, ports, count);
    check_dies("in with the port in the instruction", SIGSEGV, in_fixed, NULL);
    check_dies("out with the port in the instruction", SIGSEGV, out_fixed, NULL);

    check_survives("sweep of the ports", sweep, NULL);
    return check_verdict();
}
