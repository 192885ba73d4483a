/* Signals without handlers: what each does by default, who can be sent what, ignoring, blocking, stopping
 * and going on. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define SIGNALS    64
#define KERNEL_SET 8 /* bytes of the kernel's signal set */
#define PAIRS      120
#define PATIENCE   400 /* naps */
#define GROUPS     12

static void nap(void)
{
    struct timespec time = {.tv_nsec = 5000000};
    nanosleep(&time, NULL);
}

static void sleep_forever(void)
{
    for (;;)
        nap();
}

static bool ignored_by_default(int signal)
{
    return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

static bool stops_by_default(int signal)
{
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void send_to_self(const void *signal)
{
    system_call(SYS_kill, getpid(), signal);
}

static void default_actions(void)
{
    for (long signal = 1; signal <= SIGNALS; signal++) {
        char what[32];
        snprintf(what, sizeof(what), "signal %ld", signal);
        if (stops_by_default((int)signal))
            continue;
        if (ignored_by_default((int)signal))
            check_survives(what, send_to_self, (const void *)signal);
        else {
            int status = check_child(send_to_self, (const void *)signal);
            check_that(WIFSIGNALED(status) && WTERMSIG(status) == signal, "%s: %s", what,
                       check_status_text(status));
        }
    }
}

static void recipients(void)
{
    check_error("kill of nobody", system_call(SYS_kill, 0x3ffffff, SIGTERM), ESRCH);
    check_error("kill of nobody, to see", system_call(SYS_kill, 0x3ffffff, 0), ESRCH);
    check_error("kill of no group", system_call(SYS_kill, -0x3ffffff, SIGTERM), ESRCH);
    check_error("kill with signal 65", system_call(SYS_kill, getpid(), 65), EINVAL);
    check_error("kill with signal -1", system_call(SYS_kill, getpid(), -1), EINVAL);
    check_result("kill with signal 0", system_call(SYS_kill, getpid(), 0), 0);
    check_error("tgkill of no thread", system_call(SYS_tgkill, getpid(), 0x3ffffff, SIGTERM), ESRCH);
    check_error("tgkill of a negative thread", system_call(SYS_tgkill, getpid(), -1, SIGTERM), EINVAL);
    check_result("tgkill with signal 0", system_call(SYS_tgkill, getpid(), getpid(), 0), 0);
}

/* A sleeping process, and one that computes, both die of a signal. */
static void kill_others(void)
{
    for (int computing = 0; computing < 2; computing++) {
        pid_t child = fork();
        if (child == 0) {
            if (!computing)
                sleep_forever();
            for (volatile unsigned long i = 0;; i++)
                continue;
        }
        nap();
        int status = -1;
        check_result("kill", kill(child, SIGTERM), 0);
        waitpid(child, &status, 0);
        check_that(status == SIGTERM, "the %s child ended with %s", computing ? "computing" : "sleeping",
                   check_status_text(status));
    }
}

static void kill_group(void)
{
    pid_t leader = 0;
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            setpgid(0, leader);
            sleep_forever();
        }
        if (leader == 0)
            leader = child;
        setpgid(child, leader);
    }
    check_result("kill of a group", kill(-leader, SIGKILL), 0);
    for (int i = 0; i < 3; i++) {
        int status = -1;
        waitpid(-leader, &status, 0);
        check_that(status == SIGKILL, "a member ended with %s", check_status_text(status));
    }
    check_error("kill of the group after it", system_call(SYS_kill, -leader, 0), ESRCH);
}

static void ignoring(const void *unused)
{
    (void)unused;
    signal(SIGTERM, SIG_IGN);
    check_result("kill", kill(getpid(), SIGTERM), 0);
    signal(SIGTERM, SIG_DFL); /* what was ignored does not come back */
    check_error("ignoring SIGKILL", signal(SIGKILL, SIG_IGN) == SIG_ERR ? -errno : 0, EINVAL);
    check_error("ignoring SIGSTOP", signal(SIGSTOP, SIG_IGN) == SIG_ERR ? -errno : 0, EINVAL);
    struct sigaction action;
    check_error("sigaction of signal 0", system_call(SYS_rt_sigaction, 0, NULL, &action, KERNEL_SET), EINVAL);
    check_error("sigaction of signal 65", system_call(SYS_rt_sigaction, 65, NULL, &action, KERNEL_SET),
                EINVAL);
    check_error("sigaction with another set", system_call(SYS_rt_sigaction, SIGTERM, NULL, NULL, 4), EINVAL);
}

/* A fault kills even where its signal is ignored or blocked. */
static void ignoring_a_fault(const void *unused)
{
    (void)unused;
    signal(SIGSEGV, SIG_IGN);
    *(volatile char *)8 = 1;
}

static void blocking_a_fault(const void *unused)
{
    (void)unused;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    *(volatile char *)8 = 1;
}

static void block_and_receive(const void *unused)
{
    (void)unused;
    sigset_t set, pending, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    check_result("block", sigprocmask(SIG_BLOCK, &set, NULL), 0);
    check_result("kill", kill(getpid(), SIGUSR1), 0);
    check_that(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1,
               "the blocked signal is not pending");
    check_that(sigprocmask(SIG_BLOCK, NULL, &old) == 0 && sigismember(&old, SIGUSR1) == 1,
               "the mask is not what was set");
    check_error("sigprocmask of no kind", system_call(SYS_rt_sigprocmask, 77, &set, NULL, KERNEL_SET),
                EINVAL);
    pid_t child = fork();
    if (child == 0) { /* inherits the mask, not what is pending */
        sigpending(&pending);
        _exit(sigismember(&pending, SIGUSR1) == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check_that(status == 0, "a child inherits pending signals");
    if (check_verdict_silent() != 0)
        _exit(1);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* dies here */
}

/* What is pending when its signal becomes ignored does not come when it is unblocked and has its default action again. */
static void ignore_what_is_pending(const void *unused)
{
    (void)unused;
    static const int signals[] = {SIGUSR1, SIGCHLD};
    sigset_t set, pending;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigemptyset(&set);
        sigaddset(&set, signals[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        check_result("kill", kill(getpid(), signals[i]), 0);
        check_result("raise", raise(signals[i]), 0);
        check_that(sigpending(&pending) == 0 && sigismember(&pending, signals[i]) == 1,
                   "the blocked signal %d is not pending", signals[i]);
        signal(signals[i],
               signals[i] == SIGCHLD ? SIG_DFL : SIG_IGN); /* SIGCHLD's default action is the same */
        check_that(sigpending(&pending) == 0 && sigismember(&pending, signals[i]) == 0,
                   "the ignored signal %d is still pending", signals[i]);
        signal(signals[i], SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
}

static void block_kill(const void *unused)
{
    (void)unused;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    kill(getpid(), SIGKILL);
}

/* Stop, see it, go on, see it, end. */
static void stopping(void)
{
    static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        pid_t child = fork();
        if (child == 0) {
            setpgid(0, 0); /* not an orphaned group, as its parent is in the session: it can be stopped */
            sleep_forever();
        }
        setpgid(child, child);
        int status = -1;
        check_result("kill", kill(child, stops[i]), 0);
        check_result("wait4 of a stopped child", waitpid(child, &status, WUNTRACED), child);
        check_that(WIFSTOPPED(status) && WSTOPSIG(status) == stops[i], "signal %d: wait status %#x", stops[i],
                   (unsigned)status);
        check_result("wait4 again", waitpid(child, &status, WUNTRACED | WNOHANG), 0);
        check_result("kill", kill(child, SIGCONT), 0);
        check_result("wait4 of a continued child", waitpid(child, &status, WCONTINUED), child);
        check_that(WIFCONTINUED(status), "after SIGCONT: wait status %#x", (unsigned)status);
        kill(child, SIGSTOP);
        waitpid(child, &status, WUNTRACED);
        check_result("SIGKILL of a stopped child", kill(child, SIGKILL), 0);
        check_result("wait4 after it", waitpid(child, &status, 0), child);
        check_that(status == SIGKILL, "the child ended with %s", check_status_text(status));
    }
}

/* Once it goes on, nobody is told any more that it was stopped. */
static void stopped_before(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        sleep_forever();
    siginfo_t info;
    kill(child, SIGSTOP);
    if (waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT) != 0)
        for (int naps = 0; naps < 10; naps++)
            nap();
    kill(child, SIGCONT);
    check_result("wait4 of one that was stopped", waitpid(child, &status, WUNTRACED | WNOHANG), 0);
    check_result("wait4 of one that goes on", waitpid(child, &status, WUNTRACED | WCONTINUED), child);
    check_that(WIFCONTINUED(status), "after SIGCONT: wait status %#x", (unsigned)status);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static volatile int children_heard_of;

static void hear(int signal)
{
    (void)signal;
    children_heard_of++;
}

static void wait_again(pid_t child, int options)
{
    while (waitpid(child, NULL, options) == -1 && errno == EINTR)
        continue;
}

static void check_heard(const char *what, int expected)
{
    for (int naps = 0; naps < PATIENCE && children_heard_of < expected; naps++)
        nap();
    check_result(what, children_heard_of, expected);
}

/* With SA_NOCLDSTOP the parent hears of the child's end only, but can wait for the rest. */
static void stopping_silently(void)
{
    for (int silent = 0; silent < 2; silent++) {
        struct sigaction action = {.sa_handler = hear, .sa_flags = silent ? SA_NOCLDSTOP : 0};
        sigaction(SIGCHLD, &action, NULL);
        children_heard_of = 0;
        pid_t child = fork();
        if (child == 0)
            sleep_forever();
        kill(child, SIGSTOP);
        wait_again(child, WUNTRACED);
        kill(child, SIGCONT);
        wait_again(child, WCONTINUED);
        check_heard("SIGCHLD of a stop and of going on", silent ? 0 : 2);
        kill(child, SIGKILL);
        wait_again(child, 0);
        check_heard("SIGCHLD of these and of the end", silent ? 1 : 3);
    }
    signal(SIGCHLD, SIG_DFL);
}

/* SIGCONT comes at any time after a stop signal, also when that has been taken but nothing has stopped yet: the process goes on. */
static void stopping_in_vain(void)
{
    volatile unsigned long *rounds =
        mmap(NULL, sizeof(*rounds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!check_that((void *)rounds != MAP_FAILED, "no shared memory"))
        return;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            (*rounds)++;
    bool goes_on = true;
    for (int i = 0; i < PAIRS && goes_on; i++) {
        kill(child, i & 1 ? SIGTSTP : SIGSTOP);
        for (volatile int delay = i * 12; delay > 0; delay--)
            continue;
        kill(child, SIGCONT);
        unsigned long seen = *rounds;
        goes_on = false;
        for (int naps = 0; naps < PATIENCE && !(goes_on = *rounds != seen); naps++)
            nap();
        check_that(goes_on, "a process stands still after SIGCONT, pair %d", i);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    munmap((void *)rounds, sizeof(*rounds));
}

static void fork_without_end(void)
{
    setpgid(0, 0);
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0;; i++)
        if (fork() == 0) {
            if (i % 4 == 0)
                sleep_forever();
            _exit(0);
        }
}

/* No child escapes a signal to its group by being made at that moment. */
static void killed_while_forking(void)
{
    int escaped = 0;
    /* All of the group have the pipe's other end: its end is theirs. */
    for (int i = 0; i < GROUPS; i++) {
        int alive[2];
        check_result("pipe", pipe(alive), 0);
        pid_t leader = fork();
        if (leader == 0) {
            close(alive[0]);
            fork_without_end();
        }
        close(alive[1]);
        setpgid(leader, leader);
        for (volatile int delay = 10000 + i * 997; delay > 0; delay--)
            continue;
        kill(-leader, SIGKILL);
        waitpid(leader, NULL, 0);
        struct pollfd end = {.fd = alive[0], .events = POLLIN};
        if (poll(&end, 1, 1500) != 1) {
            escaped++;
            kill(-leader, SIGKILL);
        }
        close(alive[0]);
    }
    check_result("children that escaped SIGKILL to their group", escaped, 0);
}

int main(void)
{
    check_begin("check-signal");
    default_actions();
    recipients();
    kill_others();
    kill_group();
    check_survives("ignored signals", ignoring, NULL);
    check_dies("a fault whose signal is ignored", SIGSEGV, ignoring_a_fault, NULL);
    check_dies("a fault whose signal is blocked", SIGSEGV, blocking_a_fault, NULL);
    check_dies("unblocking what is pending", SIGUSR1, block_and_receive, NULL);
    check_survives("ignoring what is pending", ignore_what_is_pending, NULL);
    check_dies("SIGKILL, blocked", SIGKILL, block_kill, NULL);
    stopping();
    stopped_before();
    stopping_silently();
    stopping_in_vain();
    killed_while_forking();
    return check_verdict();
}
