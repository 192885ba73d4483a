/* The end of processes whose threads sleep in every kind of system call: by exit_group, by a signal, by a fault, by execve; stopped and continued; threads cancelled. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define MILLISECOND 1000000L
#define FOREVER     1000000
#define STACK_SIZE  65536

static char *program;
static int empty[2], full[2];
static atomic_int here;

/* --- sleeps: none of these returns --- */

static void in_pause(void)
{
    pause();
}

static void in_nanosleep(void)
{
    struct timespec time = {FOREVER, 0};
    nanosleep(&time, NULL);
}

static void in_read(void)
{
    char byte;
    if (read(empty[0], &byte, 1) < 0)
        return;
}

static void in_write(void)
{
    static const char bytes[4096];
    while (write(full[1], bytes, sizeof(bytes)) > 0)
        continue;
}

static void in_poll(void)
{
    struct pollfd file = {empty[0], POLLIN, 0};
    poll(&file, 1, -1);
}

static void in_timed_poll(void)
{
    poll(NULL, 0, FOREVER);
}

static void in_futex(void)
{
    static int word;
    syscall(SYS_futex, &word, 128, 0, NULL, NULL, 0);
}

static void in_shared_futex(void)
{
    struct timespec time = {FOREVER, 0};
    static int word;
    syscall(SYS_futex, &word, 0, 0, &time, NULL, 0);
}

static void in_sigsuspend(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
}

static void in_semaphore(void)
{
    static sem_t semaphore;
    sem_wait(&semaphore);
}

static void in_join(void)
{
    pthread_join(pthread_self(), NULL);
}

/* The child outlives its parent for a moment. */
static void in_wait(void)
{
    pid_t child = fork();
    if (child == 0) {
        check_nap(200 * MILLISECOND);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static int napping(void *argument)
{
    struct timespec time = {0, 200 * MILLISECOND};
    (void)argument;
    nanosleep(&time, NULL);
    return 0;
}

static void in_vfork(void)
{
    static char stack[STACK_SIZE] __attribute__((aligned(16)));
    clone(napping, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

static void in_user_mode(void)
{
    for (;;)
        continue;
}

static void (*const sleeps[])(void) = {
    in_pause,        in_nanosleep,  in_read,      in_write, in_poll,  in_timed_poll, in_futex,
    in_shared_futex, in_sigsuspend, in_semaphore, in_wait,  in_vfork, in_user_mode,  in_join,
};
#define SLEEPS (sizeof(sleeps) / sizeof(sleeps[0]))

static void *sleep_for_ever(void *argument)
{
    atomic_fetch_add(&here, 1);
    for (;;)
        sleeps[(uintptr_t)argument]();
    return NULL;
}

/* A thread in every one of them, except this one. */
static void sleepers_start(void)
{
    pthread_t thread;
    alarm(20); /* should the end not come: SIGALRM tells */
    here = 0;
    for (uintptr_t i = 0; i < SLEEPS; i++)
        check_result("pthread_create", pthread_create(&thread, NULL, sleep_for_ever, (void *)i), 0);
    while (here < (int)SLEEPS)
        sched_yield();
    check_nap(30 * MILLISECOND);
}

/* --- ends --- */

static void by_exit(const void *argument)
{
    (void)argument;
    sleepers_start();
    _exit(CHECK_SURVIVED);
}

static void *exits(void *argument)
{
    check_nap(60 * MILLISECOND);
    exit(CHECK_SURVIVED);
    return argument;
}

static void by_other_thread(const void *argument)
{
    pthread_t thread;
    (void)argument;
    sleepers_start();
    pthread_create(&thread, NULL, exits, NULL);
    /* The thread alone, without pthread_exit(): musl's leaves its list of threads locked in a child of fork. */
    syscall(SYS_exit, 0);
}

static void by_kill(const void *argument)
{
    (void)argument;
    sleepers_start();
    kill(getpid(), SIGKILL);
    in_pause();
}

static void by_signal(const void *argument)
{
    (void)argument;
    sleepers_start();
    syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGTERM);
    in_pause();
}

static void by_fault(const void *argument)
{
    (void)argument;
    sleepers_start();
    *(volatile int *)16 = 1;
}

static void by_exec(const void *argument)
{
    (void)argument;
    sleepers_start();
    alarm(0);
    execl("/proc/self/exe", program, "survived", NULL);
}

static void ends(void)
{
    check_survives("exit_group while others sleep", by_exit, NULL);
    check_survives("exit_group of another thread", by_other_thread, NULL);
    check_dies("SIGKILL while all sleep", SIGKILL, by_kill, NULL);
    check_dies("SIGTERM to one of them", SIGTERM, by_signal, NULL);
    check_dies("a fault of one of them", SIGSEGV, by_fault, NULL);
    check_survives("execve while others sleep", by_exec, NULL);
}

/* --- stopped and continued --- */

static volatile long *beats;

static void *beating(void *argument)
{
    for (;;)
        beats[(uintptr_t)argument * 8]++;
    return NULL;
}

static void stops(void)
{
    int status = 0;
    beats = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, beating, (void *)0);
        pthread_create(&thread, NULL, beating, (void *)1);
        sleepers_start();
        in_pause();
    }
    while (beats[0] == 0 || beats[8] == 0)
        check_nap(10 * MILLISECOND);
    check_nap(50 * MILLISECOND);
    kill(child, SIGSTOP);
    check_result("wait for the stop", waitpid(child, &status, WUNTRACED), child);
    check_that(WIFSTOPPED(status), "it is stopped");
    check_nap(20 * MILLISECOND); /* its threads stop when they look */
    long before[2] = {beats[0], beats[8]};
    check_nap(50 * MILLISECOND);
    check_that(beats[0] == before[0] && beats[8] == before[1], "all of its threads are");
    kill(child, SIGCONT);
    check_result("wait for its going on", waitpid(child, &status, WCONTINUED), child);
    check_that(WIFCONTINUED(status), "it goes on");
    for (int i = 0; i < 200 && (beats[0] == before[0] || beats[8] == before[1]); i++)
        check_nap(10 * MILLISECOND);
    check_that(beats[0] != before[0] && beats[8] != before[1], "all of its threads do");
    check_result("still there", kill(child, 0), 0);
    kill(child, SIGKILL);
    check_result("wait for its end", waitpid(child, &status, 0), child);
    check_that(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it was killed: %s",
               check_status_text(status));
}

/* --- cancellation --- */

static void *spinning(void *argument)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    atomic_fetch_add(&here, 1);
    in_user_mode();
    return argument;
}

static void *in_call(void *argument)
{
    atomic_fetch_add(&here, 1);
    for (;;)
        sleeps[(uintptr_t)argument]();
    return NULL;
}

static void cancel(const char *what, void *(*body)(void *), uintptr_t argument)
{
    pthread_t thread;
    void *result = NULL;
    here = 0;
    pthread_create(&thread, NULL, body, (void *)argument);
    while (here == 0)
        sched_yield();
    check_nap(10 * MILLISECOND);
    check_result("pthread_cancel", pthread_cancel(thread), 0);
    pthread_join(thread, &result);
    check_that(result == PTHREAD_CANCELED, "%s is cancelled", what);
}

static void cancellations(void)
{
    cancel("one that computes", spinning, 0);
    for (uintptr_t i = 0; i < SLEEPS; i++)
        if (sleeps[i] == in_pause || sleeps[i] == in_nanosleep || sleeps[i] == in_read ||
            sleeps[i] == in_poll || sleeps[i] == in_sigsuspend || sleeps[i] == in_semaphore)
            cancel("one that sleeps", in_call, i);
}

/* --- signals to threads --- */

static void answers(void)
{
    int pid = getpid();
    check_result("tgkill with no signal", syscall(SYS_tgkill, pid, pid, 0), 0);
    check_that(syscall(SYS_tgkill, pid, 0x7fff0000, 0) == -1 && errno == ESRCH, "tgkill of no thread");
    check_that(syscall(SYS_tgkill, 0x7fff0000, pid, 0) == -1 && errno == ESRCH, "tgkill in another process");
    check_that(syscall(SYS_tgkill, pid, 0, 0) == -1 && errno == EINVAL, "tgkill of thread 0");
    check_that(syscall(SYS_tgkill, 0, pid, 0) == -1 && errno == EINVAL, "tgkill in process 0");
    check_that(syscall(SYS_tgkill, pid, pid, 65) == -1 && errno == EINVAL, "tgkill with signal 65");
    check_result("tkill with no signal", syscall(SYS_tkill, pid, 0), 0);
    check_that(syscall(SYS_tkill, 0, 0) == -1 && errno == EINVAL, "tkill of thread 0");
    check_that(syscall(SYS_tkill, 0x7fff0000, 0) == -1 && errno == ESRCH, "tkill of no thread");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return CHECK_SURVIVED;
    program = argv[0];
    check_begin("thread-end");
    signal(SIGPIPE, SIG_IGN);
    check_result("pipes", pipe(empty) | pipe(full), 0);
    answers();
    ends();
    stops();
    cancellations();
    return check_verdict();
}
