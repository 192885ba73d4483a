/* Signal handlers: what they are told, on which stack they run, what is blocked meanwhile, and that the
 * interrupted code notices nothing. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define PAGE_BYTES  4096
#define STACK_BYTES (16 * PAGE_BYTES)
#define MILLISECOND 1000000L
#define PASSES      2000

static volatile int calls, depth, deepest, last_signal;
static siginfo_t last_info;
static sigjmp_buf escape;
static volatile uintptr_t handler_stack;

static void install(int signal, void (*function)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = function, .sa_flags = SA_SIGINFO | flags};
    check_result("sigaction", sigaction(signal, &action, NULL), 0);
    calls = depth = deepest = last_signal = 0;
}

static void note(int signal, siginfo_t *info, void *context)
{
    (void)context;
    calls++;
    last_signal = signal;
    last_info = *info;
    handler_stack = (uintptr_t)__builtin_frame_address(0);
}

static void escape_from(int signal, siginfo_t *info, void *context)
{
    note(signal, info, context);
    siglongjmp(escape, 1);
}

/* Sends itself the same signal once more. */
static void nest(int signal, siginfo_t *info, void *context)
{
    note(signal, info, context);
    if (++depth > deepest)
        deepest = depth;
    if (calls < 3)
        kill(getpid(), signal);
    depth--;
}

static void information(void)
{
    install(SIGUSR1, note, 0);
    check_result("kill", kill(getpid(), SIGUSR1), 0);
    check_that(calls == 1 && last_signal == SIGUSR1, "%d calls, the last for signal %d", calls, last_signal);
    check_that(last_info.si_signo == SIGUSR1 && last_info.si_code == SI_USER && last_info.si_pid == getpid(),
               "the handler is told of signal %d, code %d, pid %d", last_info.si_signo, last_info.si_code,
               last_info.si_pid);
    signal(SIGUSR1, SIG_DFL);

    install(SIGCHLD, note, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(33);
    waitpid(child, NULL, 0);
    check_that(calls == 1 && last_info.si_pid == child && last_info.si_code == CLD_EXITED &&
                   last_info.si_status == 33,
               "%d calls; the handler is told of child %d, code %d, status %d", calls, last_info.si_pid,
               last_info.si_code, last_info.si_status);
    signal(SIGCHLD, SIG_DFL);
}

static void expect_fault(const char *what, int signal, int code, uintptr_t address)
{
    check_that(last_signal == signal && last_info.si_code == code && (uintptr_t)last_info.si_addr == address,
               "%s: signal %d, code %d, address %p instead of signal %d, code %d, address %#lx", what,
               last_signal, last_info.si_code, last_info.si_addr, signal, code, address);
}

/* What a fault's handler is told: the kind, and the address. */
static void faults(void)
{
    char *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install(SIGSEGV, escape_from, 0);
    install(SIGFPE, escape_from, 0);
    install(SIGILL, escape_from, 0);
    if (sigsetjmp(escape, 1) == 0)
        *(volatile char *)0x1234 = 1;
    expect_fault("a write where nothing is", SIGSEGV, SEGV_MAPERR, 0x1234);
    if (sigsetjmp(escape, 1) == 0)
        *(volatile char *)(page + 77) = 1;
    expect_fault("a write to a read-only page", SIGSEGV, SEGV_ACCERR, (uintptr_t)page + 77);
    if (sigsetjmp(escape, 1) == 0)
        (void)*(volatile char *)UINT64_C(0xffff800000000000);
    check_that(last_signal == SIGSEGV && (uintptr_t)last_info.si_addr == UINT64_C(0xffff800000000000),
               "a read of the kernel: signal %d at %p", last_signal, last_info.si_addr);
    if (sigsetjmp(escape, 1) == 0)
        (void)*(volatile char *)UINT64_C(0x800000000000);
    expect_fault("a read of no address", SIGSEGV, SI_KERNEL, 0);
    if (sigsetjmp(escape, 1) == 0)
        __asm__ volatile("xorl %%ecx, %%ecx\n\tmovl $1, %%eax\n\tcltd\n\tidivl %%ecx" ::
                             : "rax", "rcx", "rdx", "cc");
    check_that(last_signal == SIGFPE && last_info.si_code == FPE_INTDIV,
               "a division by zero: signal %d, code %d", last_signal, last_info.si_code);
    if (sigsetjmp(escape, 1) == 0)
        __asm__ volatile("ud2");
    check_that(last_signal == SIGILL && last_info.si_code == ILL_ILLOPN, "ud2: signal %d, code %d",
               last_signal, last_info.si_code);
    check_result("handled faults", calls, 6);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGFPE, SIG_DFL);
    signal(SIGILL, SIG_DFL);
    munmap(page, PAGE_BYTES);
}

static void masks(void)
{
    install(SIGUSR1, nest, 0);
    kill(getpid(), SIGUSR1);
    check_that(calls == 3 && deepest == 1, "%d calls, %d deep", calls, deepest);
    install(SIGUSR1, nest, SA_NODEFER);
    kill(getpid(), SIGUSR1);
    check_that(calls == 3 && deepest == 3, "with SA_NODEFER %d calls, %d deep", calls, deepest);
    install(SIGUSR1, note, SA_RESETHAND);
    kill(getpid(), SIGUSR1);
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    check_that(calls == 1 && action.sa_handler == SIG_DFL, "SA_RESETHAND leaves the handler");

    install(SIGUSR1, note, 0);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    check_result("calls while blocked", calls, 0);
    check_error("sigsuspend", sigsuspend(&old) < 0 ? -errno : 0, EINTR);
    check_result("calls after sigsuspend: one, as it was pending once", calls, 1);
    sigprocmask(SIG_BLOCK, NULL, &set);
    check_that(sigismember(&set, SIGUSR1) == 1, "sigsuspend does not give the mask back");
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGUSR1, SIG_DFL);
}

static __attribute__((noinline)) unsigned long overflow(unsigned long left)
{
    volatile char frame[1024];
    frame[0] = (char)left;
    return left == 0 ? 0 : overflow(left - 1) + (unsigned long)frame[0];
}

/* SIGUSR1, whose handler runs on the stack that there is: none. */
static void signal_without_stack(void)
{
    __asm__ volatile("movq $64, %%rsp\n\tsyscall\n\tud2" ::"a"((long)SYS_kill), "D"((long)getpid()),
                     "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory");
}

static void stacks(void)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t alternate = {.ss_sp = stack, .ss_size = STACK_BYTES}, now;
    check_result("sigaltstack", sigaltstack(&alternate, NULL), 0);
    check_that(sigaltstack(NULL, &now) == 0 && now.ss_sp == stack && now.ss_flags == 0,
               "sigaltstack tells %p, flags %#x", now.ss_sp, now.ss_flags);
    install(SIGUSR1, note, SA_ONSTACK);
    kill(getpid(), SIGUSR1);
    check_that(handler_stack > (uintptr_t)stack && handler_stack < (uintptr_t)stack + STACK_BYTES,
               "the handler ran on %#lx", handler_stack);
    install(SIGUSR1, note, 0);
    kill(getpid(), SIGUSR1);
    check_that(handler_stack < (uintptr_t)stack || handler_stack >= (uintptr_t)stack + STACK_BYTES,
               "without SA_ONSTACK it ran there too");
    install(SIGSEGV, escape_from, SA_ONSTACK);
    if (sigsetjmp(escape, 1) == 0)
        overflow(UINT64_MAX);
    check_that(calls == 1 && last_signal == SIGSEGV, "%d calls after a stack overflow", calls);
    install(SIGSEGV, escape_from, SA_ONSTACK);
    if (sigsetjmp(escape, 1) == 0)
        signal_without_stack();
    check_that(calls == 1 && last_signal == SIGSEGV && last_info.si_code == SI_KERNEL,
               "%d calls, signal %d, code %d when another handler has no stack", calls, last_signal,
               last_info.si_code);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    stack_t small = {.ss_sp = stack, .ss_size = 100}, none = {.ss_flags = SS_DISABLE};
    check_error("sigaltstack of 100 bytes", system_call(SYS_sigaltstack, &small, NULL), ENOMEM);
    check_result("sigaltstack, disabled", sigaltstack(&none, NULL), 0);
    munmap(stack, STACK_BYTES);
}

/* A stack overflow without another stack cannot be handled: the process dies of it. */
static void overflow_without_stack(const void *unused)
{
    (void)unused;
    install(SIGSEGV, note, 0);
    overflow(UINT64_MAX);
}

/* Another process sends signals as fast as it can; the sums that are computed meanwhile in integer, vector
 * and x87 registers stay right. */
static void nothing_is_noticed(void)
{
    install(SIGUSR1, note, SA_RESTART);
    pid_t self = getpid(), sender = fork();
    if (sender == 0)
        for (;;) {
            kill(self, SIGUSR1);
            check_yield(1);
            /* From a processor of its own it could keep the other from ever getting on. */
            for (volatile int delay = check_time_is_hosts ? 2000 : 0; delay > 0; delay--)
                continue;
        }
    int wrong = 0;
    for (int pass = 0; pass < PASSES || calls < 20; pass++) {
        uint64_t integers = 0;
        double vectors = 0;
        long double x87 = 0;
        for (int i = 0; i < 500; i++) {
            integers += (uint64_t)i * 3;
            vectors += i * 0.5;
            x87 += i * 0.25L;
            __asm__ volatile("" : "+r"(integers), "+x"(vectors));
        }
        wrong += integers != 374250 || vectors != 62375.0 || x87 != 31187.5L;
        if (pass % 16 == 0)
            check_yield(1);
        if (pass > PASSES * 1000)
            break;
    }
    kill(sender, SIGKILL);
    waitpid(sender, NULL, 0);
    check_that(wrong == 0, "%d of %d sums are wrong", wrong, PASSES);
    check_that(calls >= 20, "only %d signals came", calls);
    signal(SIGUSR1, SIG_DFL);
}

static pid_t send_later(pid_t to, int signal)
{
    pid_t child = fork();
    if (child == 0) {
        struct timespec nap = {.tv_nsec = 20 * MILLISECOND};
        nanosleep(&nap, NULL);
        kill(to, signal);
        _exit(0);
    }
    return child;
}

static void interrupted_calls(void)
{
    int ends[2];
    char byte;
    struct timespec second = {.tv_sec = 1}, left = {0};
    install(SIGUSR1, note, 0);
    pid_t sender = send_later(getpid(), SIGUSR1);
    check_error("nanosleep with a signal", system_call(SYS_nanosleep, &second, &left), EINTR);
    check_that(left.tv_sec == 0 && left.tv_nsec > 100 * MILLISECOND, "of a second %ld s %ld ns were left",
               left.tv_sec, left.tv_nsec);
    waitpid(sender, NULL, 0);

    if (!check_that(pipe(ends) == 0, "no pipe"))
        return;
    sender = send_later(getpid(), SIGUSR1);
    check_error("read with a signal", system_call(SYS_read, ends[0], &byte, 1), EINTR);
    waitpid(sender, NULL, 0);

    install(SIGUSR1, note, SA_RESTART);
    sender = fork();
    if (sender == 0) {
        struct timespec nap = {.tv_nsec = 20 * MILLISECOND};
        nanosleep(&nap, NULL);
        kill(getppid(), SIGUSR1);
        nanosleep(&nap, NULL);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    check_result("read with a signal and SA_RESTART", system_call(SYS_read, ends[0], &byte, 1), 1);
    check_result("calls", calls, 1);
    waitpid(sender, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    signal(SIGUSR1, SIG_DFL);
}

static volatile int order[2], ordered;

static void note_order(int signal, siginfo_t *info, void *context)
{
    note(signal, info, context);
    if (ordered < 2)
        order[ordered++] = signal;
}

/* A stop ends a sigsuspend, for that moment: what its mask blocked, and the old one does not, comes then, not with the next handler. */
static void suspended_and_stopped(const void *unused)
{
    (void)unused;
    static const int signals[] = {SIGUSR2, SIGSTOP, SIGCONT, SIGUSR1};
    sigset_t only_second;
    install(SIGUSR1, note_order, 0);
    install(SIGUSR2, note_order, 0);
    sigemptyset(&only_second);
    sigaddset(&only_second, SIGUSR2);
    pid_t suspended = getpid(), sender = fork();
    if (sender == 0) {
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
            check_nap(20 * MILLISECOND);
            kill(suspended, signals[i]);
        }
        _exit(0);
    }
    while (order[0] != SIGUSR1 && order[1] != SIGUSR1)
        sigsuspend(&only_second);
    waitpid(sender, NULL, 0);
    check_that(order[0] == SIGUSR2, "the first handler was that of signal %d", order[0]);
}

int main(void)
{
    check_begin("check-handler");
    information();
    faults();
    masks();
    stacks();
    check_dies("a stack overflow with a handler on the same stack", SIGSEGV, overflow_without_stack, NULL);
    nothing_is_noticed();
    interrupted_calls();
    check_survives("sigsuspend and a stop", suspended_and_stopped, NULL);
    return check_verdict();
}
