/* Attack: read what another process left in the FPU. A program starts with clean vector registers, a fork
 * inherits its parent's, and nobody sees anybody else's, whatever the time slices; an exception that is
 * not masked is SIGFPE. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/vectors.h"

#define MXCSR_INITIAL   0x1f80u /* all exceptions masked, SDM vol. 1, 10.2.3 */
#define CONTROL_INITIAL 0x37fu  /* x87: all masked, extended precision, as Linux starts programs */
#define MXCSR_DIVIDE    (1u << 9)

static uint32_t mxcsr_read(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static uint16_t control_read(void)
{
    uint16_t value;
    __asm__ volatile("fnstcw %0" : "=m"(value));
    return value;
}

/* Runs as a program of its own, before the C library had a chance to use much: everything must be as Linux
 * starts programs. The vector registers that main() finds were last written by the start-up code; a
 * sentinel there would be the parent's. */
static int started_clean(void)
{
    struct vectors found, sentinel;
    vectors_store(&found);
    vectors_fill(&sentinel, 0xc0);
    for (int i = 0; i < VECTORS; i++)
        if (memcmp(found.bytes[i], sentinel.bytes[i], 16) == 0)
            return 10 + i;
    if (mxcsr_read() != MXCSR_INITIAL)
        return 2;
    if (control_read() != CONTROL_INITIAL)
        return 3;
    uint16_t status;
    __asm__ volatile("fnstsw %0" : "=a"(status));
    return (status & 0x3800) == 0 ? 0 : 4; /* top of the register stack */
}

static void exec_with_sentinels(const void *path)
{
    struct vectors sentinel;
    vectors_fill(&sentinel, 0xc0);
    const uint32_t mxcsr = MXCSR_INITIAL | 0x6000; /* round towards zero */
    const uint16_t control = 0x27f;                /* double precision */
    char *arguments[] = {(char *)path, "started", NULL};
    char *environment[] = {NULL};
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1\n\tfld1\n\tfld1" ::"m"(mxcsr), "m"(control));
    long result;
    vectors_load(&sentinel);
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(59L), "D"(path), "S"(arguments), "d"(environment)
                     : "rcx", "r11", "memory");
    check_that(false, "exec returned %ld", result);
}

static void exec_is_clean(void)
{
    int status = check_child(exec_with_sentinels, "/proc/self/exe");
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0,
               "a new program starts with FPU state of the old one: %s", check_status_text(status));
}

/* fork by a bare system call, so that nothing touches the registers between. */
static void fork_inherits(void)
{
    struct vectors before, after;
    vectors_fill(&before, 0x31);
    const uint32_t mxcsr = MXCSR_INITIAL | 0x2000; /* round down */
    const uint32_t initial = MXCSR_INITIAL;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    vectors_load(&before);
    long child;
    __asm__ volatile("syscall" : "=a"(child) : "a"(57L) : "rcx", "r11", "memory");
    vectors_store(&after);
    uint32_t mxcsr_after = mxcsr_read();
    bool same = memcmp(&before, &after, sizeof(before)) == 0 && mxcsr_after == mxcsr;
    if (child == 0)
        _exit(same ? 0 : 1);
    __asm__ volatile("ldmxcsr %0" ::"m"(initial));
    int status = -1;
    waitpid((pid_t)child, &status, 0);
    check_that(same, "fork changes the parent's vector registers or mxcsr (%#x)", mxcsr_after);
    check_that(status == 0, "the child of a fork starts with other FPU state: %s", check_status_text(status));
}

/* Keep own values through yields (by bare system calls) and time slices; one process per seed. */
static void keep_vectors(uint8_t seed)
{
    struct vectors mine, found;
    vectors_fill(&mine, seed);
    for (int round = 0; round < 200; round++) {
        vectors_load(&mine);
        if (round % 20 == 0) {
            unsigned long spin = 400000;
            __asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(spin)::"cc");
        } else {
            long result;
            __asm__ volatile("syscall" : "=a"(result) : "a"(24L) : "rcx", "r11", "memory");
        }
        vectors_store(&found);
        if (memcmp(&mine, &found, sizeof(mine)) != 0) {
            check_that(false, "process %#x sees foreign vector registers in round %d", seed, round);
            return;
        }
    }
}

static void processes_are_apart(void)
{
    enum { PROCESSES = 4 };
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            keep_vectors((uint8_t)(0x40 + 0x20 * i));
            _exit(check_verdict_silent());
        }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        check_that(wait(&status) > 0 && status == 0, "a keeper of vector registers ended with %s",
                   check_status_text(status));
    }
}

static void divide_vector(const void *unused)
{
    (void)unused;
    const uint32_t mxcsr = MXCSR_INITIAL & ~MXCSR_DIVIDE;
    __asm__ volatile("ldmxcsr %0\n\tmovl $1, %%eax\n\tcvtsi2sd %%eax, %%xmm0\n\txorpd %%xmm1, "
                     "%%xmm1\n\tdivsd %%xmm1, %%xmm0" ::"m"(mxcsr)
                     : "rax", "xmm0", "xmm1");
}

static void divide_x87(const void *unused)
{
    (void)unused;
    const uint16_t control = CONTROL_INITIAL & ~4u; /* zero divide */
    __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" ::"m"(control));
    __asm__ volatile(
        "fld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfld1\n\tfldz\n\tfdivp %%st, %%st(1)\n\tfwait" ::);
}

static void reserved_mxcsr(const void *unused)
{
    (void)unused;
    const uint32_t mxcsr = 0xffff0000u | MXCSR_INITIAL;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

int main(int argc, char **argv)
{
    vectors_detect();
    if (argc == 2 && strcmp(argv[1], "started") == 0)
        return started_clean();
    check_begin("attack-fpu");
    exec_is_clean();
    fork_inherits();
    processes_are_apart();
    check_dies("an x87 division by zero", SIGFPE, divide_x87, NULL);
    void (*expect)(const char *, int, check_body *, const void *) =
        check_cpu_is_emulated() ? check_dies_or_survives : check_dies;
    expect("reserved bits in mxcsr", SIGSEGV, reserved_mxcsr, NULL);
    expect("an SSE division by zero", SIGFPE, divide_vector, NULL);
    return check_verdict();
}
