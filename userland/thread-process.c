/* Threads and processes made by the calls themselves: clone's and clone3's flags and refusals, memory that two processes share, execve and fork of a process with threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define MILLISECOND 1000000L
#define SECOND      1000000000L
#define STACK_SIZE  65536
#define FUTEX_WAIT  0
#define PASSED      42

/* The kernel's struct clone_args; musl has no header for it. */
struct new_process {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup;
};
#define FIRST_SIZE     64                    /* of the structure's first version */
#define CLEAR_HANDLERS UINT64_C(0x100000000) /* CLONE_CLEAR_SIGHAND */

static char *program;
static char path[256]; /* /proc/self/exe, which Linux does not know when the main thread has ended */
static char stack[STACK_SIZE] __attribute__((aligned(16)));

static long result_of(long result)
{
    return result < 0 ? -errno : result;
}

static long raw_clone(uint64_t flags)
{
    return result_of(syscall(SYS_clone, flags, NULL, NULL, NULL, 0));
}

static long raw_clone3(const void *arguments, size_t size)
{
    return result_of(syscall(SYS_clone3, arguments, size));
}

/* --- what is refused --- */

static void refusals(void)
{
    struct {
        struct new_process known;
        uint64_t more;
    } longer = {.known.exit_signal = SIGCHLD, .more = 1};
    struct new_process wanted = {.exit_signal = SIGCHLD};

    check_error("a thread that shares nothing", raw_clone(CLONE_THREAD), EINVAL);
    check_error("a thread with memory of its own", raw_clone(CLONE_THREAD | CLONE_SIGHAND), EINVAL);
    check_error("handlers without the memory they are in", raw_clone(CLONE_SIGHAND), EINVAL);
    check_error("shared directory, separate mounts", raw_clone(CLONE_FS | CLONE_NEWNS), EINVAL);
    check_error("clone3, no size", raw_clone3(&wanted, 0), EINVAL);
    check_error("clone3, too short", raw_clone3(&wanted, FIRST_SIZE - 8), EINVAL);
    check_error("clone3, longer than a page", raw_clone3(&wanted, 8192), E2BIG);
    check_error("clone3, unknown fields in use", raw_clone3(&longer, sizeof(longer)), E2BIG);
    check_error("clone3, a bad pointer", raw_clone3((void *)16, sizeof(wanted)), EFAULT);
    wanted.exit_signal = 65;
    check_error("clone3, no such signal", raw_clone3(&wanted, sizeof(wanted)), EINVAL);
    wanted = (struct new_process){.flags = SIGCHLD};
    check_error("clone3, the signal among the flags", raw_clone3(&wanted, sizeof(wanted)), EINVAL);
    wanted = (struct new_process){.exit_signal = SIGCHLD, .stack = (uintptr_t)stack};
    check_error("clone3, a stack without size", raw_clone3(&wanted, sizeof(wanted)), EINVAL);
    wanted = (struct new_process){.exit_signal = SIGCHLD, .stack_size = STACK_SIZE};
    check_error("clone3, a size without stack", raw_clone3(&wanted, sizeof(wanted)), EINVAL);
    wanted = (struct new_process){.exit_signal = SIGCHLD, .flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD};
    check_error("clone3, a thread with an exit signal", raw_clone3(&wanted, sizeof(wanted)), EINVAL);
    wanted = (struct new_process){.exit_signal = SIGCHLD, .flags = CLONE_VM | CLONE_SIGHAND | CLEAR_HANDLERS};
    check_error("clone3, shared and cleared handlers", raw_clone3(&wanted, sizeof(wanted)), EINVAL);
}

/* --- a child that ends with another signal, or none --- */

static volatile sig_atomic_t seen_child, seen_user;

static void count(int signal)
{
    if (signal == SIGCHLD)
        seen_child++;
    else
        seen_user++;
}

static pid_t child_with_signal(int signal)
{
    struct new_process wanted = {.exit_signal = (uint64_t)signal};
    long child = raw_clone3(&wanted, sizeof(wanted));
    if (child == 0)
        _exit(PASSED);
    return (pid_t)child;
}

static void exit_signals(void)
{
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART}, normal = {.sa_handler = SIG_DFL};
    int status = 0;
    sigaction(SIGCHLD, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);

    pid_t child = child_with_signal(SIGCHLD);
    check_result("wait for clone3's child", waitpid(child, &status, 0), child);
    check_result("its status", status, PASSED << 8);
    check_result("SIGCHLD", seen_child, 1);
    child = child_with_signal(SIGUSR1);
    check_that(waitpid(child, NULL, 0) == -1 && errno == ECHILD, "a child of another signal is not for wait");
    check_result("but with __WCLONE", waitpid(child, &status, __WCLONE), child);
    check_result("SIGUSR1 instead of SIGCHLD", seen_user * 10 + seen_child, 11);
    child = child_with_signal(0);
    check_that(waitpid(-1, NULL, __WNOTHREAD) == -1 && errno == ECHILD,
               "a child without signal is not for wait");
    check_result("but with __WALL", waitpid(child, &status, __WALL), child);
    check_result("no signal", seen_user * 10 + seen_child, 11);
    sigaction(SIGCHLD, &normal, NULL);
    sigaction(SIGUSR1, &normal, NULL);
}

/* --- memory that two processes share --- */

static volatile int shared_value;
static _Atomic int child_word, parent_word;

/* Raw system calls only: this process has the parent's thread-local storage. */
static int in_shared_memory(void *argument)
{
    for (int i = 0; i < 20; i++)
        sched_yield();
    shared_value = (int)(intptr_t)argument;
    return child_word == parent_word ? PASSED : 1;
}

static void shared_memory(void)
{
    int status = -1;
    shared_value = 0;
    child_word = -1;
    int flags = CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | SIGCHLD;
    pid_t child =
        clone(in_shared_memory, stack + STACK_SIZE, flags, (void *)1, &parent_word, NULL, &child_word);
    check_that(child > 0, "a process in the same memory");
    check_result("CLONE_PARENT_SETTID", parent_word, child);
    for (int word; (word = child_word) != 0;)
        syscall(SYS_futex, &child_word, FUTEX_WAIT, word, NULL, NULL, 0);
    check_result("what it wrote before its id was cleared", shared_value, 1);
    check_result("wait", waitpid(child, &status, 0), child);
    check_result("CLONE_CHILD_SETTID", status, PASSED << 8);

    shared_value = 0;
    child = clone(in_shared_memory, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)2);
    check_result("CLONE_VFORK waits for the child's end", shared_value, 2);
    check_result("wait", waitpid(child, &status, 0), child);

    shared_value = 0;
    child = clone(in_shared_memory, stack + STACK_SIZE, CLONE_VFORK | SIGCHLD, (void *)3);
    check_result("a copy is a copy", shared_value, 0);
    check_result("wait", waitpid(child, &status, 0), child);
}

/* --- handlers, and their stack --- */

static void handlers(void)
{
    struct sigaction action = {.sa_handler = count}, ignored = {.sa_handler = SIG_IGN}, found;
    struct new_process wanted = {.exit_signal = SIGCHLD, .flags = CLEAR_HANDLERS};
    int status = -1;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &ignored, NULL);
    long child = raw_clone3(&wanted, sizeof(wanted));
    if (child == 0) {
        sigaction(SIGUSR1, NULL, &found);
        bool cleared = found.sa_handler == SIG_DFL;
        sigaction(SIGUSR2, NULL, &found);
        _exit(cleared && found.sa_handler == SIG_IGN ? PASSED : 1);
    }
    waitpid((pid_t)child, &status, 0);
    check_result("CLONE_CLEAR_SIGHAND", status, PASSED << 8);

    stack_t alternate = {.ss_sp = stack, .ss_size = STACK_SIZE}, off = {.ss_flags = SS_DISABLE}, now;
    sigaltstack(&alternate, NULL);
    child = fork();
    if (child == 0) {
        sigaltstack(NULL, &now);
        _exit(now.ss_sp == stack && now.ss_size == STACK_SIZE && now.ss_flags == 0 ? PASSED : 1);
    }
    waitpid((pid_t)child, &status, 0);
    check_result("a forked child has the alternate stack", status, PASSED << 8);
    sigaltstack(&off, NULL);
}

static void spawns(void)
{
    char *const arguments[] = {program, "passed", NULL};
    pid_t child;
    int status = -1;
    check_result("posix_spawn", posix_spawn(&child, path, NULL, NULL, arguments, NULL), 0);
    waitpid(child, &status, 0);
    check_result("what it ran", status, PASSED << 8);
    check_result("posix_spawn of nothing", posix_spawn(&child, "/nowhere", NULL, NULL, arguments, NULL),
                 ENOENT);
}

/* --- execve of a process with threads --- */

static void *sleeping(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static void *spinning(void *argument)
{
    for (;;)
        __asm__ volatile("pause");
    return argument;
}

static void *exec_id(void *argument)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", getpid());
    execl(path, program, "id", pid, NULL);
    return argument;
}

static void exec_from_threads(void)
{
    for (int round = 0; round < 10; round++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            pthread_create(&thread, NULL, sleeping, NULL);
            pthread_create(&thread, NULL, spinning, NULL);
            pthread_create(&thread, NULL, exec_id, NULL);
            if (round % 2) /* two at once: one succeeds, nobody hears of the other */
                exec_id(NULL);
            if (round == 4)
                pthread_exit(NULL);
            sleeping(NULL);
        }
        int status = -1;
        waitpid(child, &status, 0);
        check_result("execve from a thread keeps the process's id", status, PASSED << 8);
    }
}

/* A process that is killed while one of its threads executes a program is gone. Each round kills it when one thread more has ended: on several processors most hit the time when
 * execve waits for the others. */
#define OTHERS   20
#define ROUNDS   20
#define LIFETIME (3 * SECOND) /* of the new program, should it live */

static _Atomic bool *begin; /* in shared memory: execve */

static void *exec_lives(void *argument)
{
    while (!*begin)
        check_nap(MILLISECOND / 10);
    execl(path, program, "live", NULL);
    return argument;
}

/* Of /proc/PID/stat, the number after the name, the state and sixteen more; 0: the process has ended. */
static int threads_of(pid_t process)
{
    char name[32], text[512];
    int threads = 0;
    snprintf(name, sizeof(name), "/proc/%d/stat", process);
    int file = open(name, O_RDONLY);
    ssize_t length = file >= 0 ? read(file, text, sizeof(text) - 1) : 0;
    close(file);
    text[length > 0 ? length : 0] = '\0';
    const char *field = strrchr(text, ')');
    for (int i = 0; field != NULL && i < 18; i++)
        field = strchr(field + 1, ' ');
    if (field != NULL)
        threads = atoi(field);
    return threads;
}

static void killed_in_exec(void)
{
    int killed = 0;
    begin = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < ROUNDS; round++) {
        int status = 0;
        *begin = false;
        pid_t child = fork();
        if (child == 0) {
            pthread_t thread;
            for (int i = 0; i < OTHERS; i++)
                pthread_create(&thread, NULL, i < 2 ? spinning : sleeping, NULL);
            pthread_create(&thread, NULL, exec_lives, NULL);
            sleeping(NULL);
        }
        while (threads_of(child) < OTHERS + 2)
            sched_yield();
        *begin = true;
        int threads = OTHERS + 2;
        while (threads > OTHERS + 1 - round)
            threads = threads_of(child);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    check_result("processes killed in execve", killed, ROUNDS);
}

/* --- a robust mutex of a process that executes another program --- */

static pthread_mutex_t *robust;
static _Atomic bool *robust_held; /* in shared memory, too */
static int ends[2];

static void *exec_with_mutex(void *argument)
{
    char end[16];
    pthread_mutex_lock(robust);
    *robust_held = true;
    close(ends[1]);
    snprintf(end, sizeof(end), "%d", ends[0]);
    execl(path, program, "wait", end, NULL);
    _exit(1);
    return argument;
}

static void robust_exec(const char *what, bool from_thread)
{
    struct timespec later;
    int status = -1;
    *robust_held = false;
    check_result("pipe", pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        if (!from_thread)
            exec_with_mutex(NULL);
        pthread_create(&thread, NULL, exec_with_mutex, NULL);
        sleeping(NULL);
    }
    close(ends[0]);
    while (!*robust_held)
        check_yield(1);
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec += 30;
    int result = pthread_mutex_timedlock(robust, &later);
    check_result(what, result, EOWNERDEAD);
    if (result == EOWNERDEAD)
        pthread_mutex_consistent(robust);
    pthread_mutex_unlock(robust);
    close(ends[1]);
    waitpid(child, &status, 0);
    check_result("the new program", status, PASSED << 8);
}

static void robusts(void)
{
    pthread_mutexattr_t attributes;
    robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    robust_held = (_Atomic bool *)(robust + 1);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attributes);
    robust_exec("a mutex of a process with a new program", false);
    if (!check_on_linux) /* which knows the thread by its new id already */
        robust_exec("a mutex of a thread that executed another program", true);
}

/* What this program does when it is executed by itself. */
static int as_child(char **arguments)
{
    char byte;
    if (strcmp(arguments[1], "id") == 0)
        return getpid() == atoi(arguments[2]) && syscall(SYS_gettid) == getpid() ? PASSED : 1;
    if (strcmp(arguments[1], "wait") == 0)
        return read(atoi(arguments[2]), &byte, 1) == 0 ? PASSED : 1;
    if (strcmp(arguments[1], "live") == 0)
        check_nap(LIFETIME);
    return PASSED;
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1)
        return as_child(argv);
    check_begin("thread-process");
    check_that(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0, "/proc/self/exe");
    refusals();
    exit_signals();
    shared_memory();
    handlers();
    spawns();
    exec_from_threads();
    killed_in_exec();
    robusts();
    return check_verdict();
}
