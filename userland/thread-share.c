/* What clone lets processes and threads share, each by its own flag: descriptors (CLONE_FILES), working directory and umask (CLONE_FS), signal actions (CLONE_SIGHAND). And how
 * they part again: unshare, close_range, execve. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

#define STACK_SIZE    65536
#define PASSED        42
#define UNSHARE_TABLE 2u /* CLOSE_RANGE_UNSHARE */

static char *program;
static char path[256];
static char stack[STACK_SIZE] __attribute__((aligned(16)));

static long result_of(long result)
{
    return result < 0 ? -errno : result;
}

/* As fork, but for what the flags share. */
static pid_t fork_sharing(uint64_t flags)
{
    return (pid_t)result_of(syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0));
}

static bool child_passes(pid_t child)
{
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == PASSED << 8;
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

/* --- descriptors --- */

static void descriptors(void)
{
    int kept = open("/", O_RDONLY), gone = open("/", O_RDONLY);
    pid_t child = fork_sharing(CLONE_FILES);
    if (child == 0) {
        close(gone);
        _exit(dup2(kept, 60) == 60 && fcntl(61, F_GETFD) == -1 ? PASSED : 1);
    }
    check_that(child_passes(child), "a child with its parent's descriptors");
    check_that(is_open(60), "what the child opened is the parent's too, when the child has ended");
    check_that(!is_open(gone), "what the child closed is closed");
    close(60);

    child = fork_sharing(CLONE_FS);
    if (child == 0)
        _exit(dup2(kept, 60) == 60 ? PASSED : 1);
    check_that(child_passes(child) && !is_open(60), "CLONE_FS alone copies the descriptors");

    child = fork_sharing(CLONE_FILES);
    if (child == 0) {
        bool parted = unshare(CLONE_FILES) == 0;
        close(kept);
        _exit(parted && dup2(0, 60) == 60 ? PASSED : 1);
    }
    check_that(child_passes(child), "unshare(CLONE_FILES)");
    check_that(is_open(kept) && !is_open(60), "after it each has descriptors of its own");

    child = fork_sharing(CLONE_FILES);
    if (child == 0)
        _exit(syscall(SYS_close_range, kept, kept, UNSHARE_TABLE) == 0 && !is_open(kept) ? PASSED : 1);
    check_that(child_passes(child) && is_open(kept), "CLOSE_RANGE_UNSHARE");

    /* A pipe ends when the last table that names it has gone, not before. */
    int ends[2];
    char byte;
    check_result("pipe", pipe(ends), 0);
    child = fork_sharing(CLONE_FILES);
    if (child == 0)
        _exit(PASSED);
    check_that(child_passes(child) && write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1,
               "a pipe outlives one of those who share it");
    close(ends[1]);
    check_result("and ends when it is closed", read(ends[0], &byte, 1), 0);
    close(ends[0]);
    close(kept);
}

/* Close-on-exec is for the new program: those who shared the descriptors keep theirs. */
static void descriptors_and_exec(void)
{
    int file = open("/", O_RDONLY | O_CLOEXEC);
    char number[16];
    snprintf(number, sizeof(number), "%d", file);
    pid_t child = fork_sharing(CLONE_FILES | CLONE_FS);
    if (child == 0) {
        execl(path, program, "closed", number, NULL);
        _exit(1);
    }
    check_that(child_passes(child), "execve closes what is marked");
    check_that(is_open(file), "in a copy");
    check_result("and the mark stays", fcntl(file, F_GETFD), FD_CLOEXEC);
    check_that(!is_open(60), "what the new program opens is its own");
    close(file);
}

#define OPENERS 4
#define OPENED  100

/* Several processes fill one table at once: no descriptor is given twice. */
static void descriptors_raced(void)
{
    pid_t child[OPENERS];
    for (int i = 0; i < OPENERS; i++) {
        child[i] = fork_sharing(CLONE_FILES);
        if (child[i] == 0) {
            for (int j = 0; j < OPENED; j++) {
                int one = dup(0), other = dup(0);
                if (one < 0 || other < 0 || close(one) != 0)
                    _exit(1);
            }
            _exit(PASSED);
        }
    }
    int passed = 0, open_now = 0;
    for (int i = 0; i < OPENERS; i++)
        passed += child_passes(child[i]);
    for (int i = 3; i < OPENERS * OPENED * 2; i++)
        open_now += is_open(i);
    check_result("processes that open in one table", passed, OPENERS);
    check_result("descriptors that are open then", open_now, OPENERS * OPENED);
    syscall(SYS_close_range, 3, ~0u, 0);
}

/* --- working directory and umask --- */

static bool is_at(const char *directory)
{
    char now[256];
    return getcwd(now, sizeof(now)) != NULL && strcmp(now, directory) == 0;
}

static void places(void)
{
    check_result("chdir", chdir("/"), 0);
    umask(022);
    pid_t child = fork_sharing(CLONE_FS);
    if (child == 0) {
        umask(027);
        _exit(chdir("/tmp") == 0 ? PASSED : 1);
    }
    check_that(child_passes(child), "a child at its parent's place");
    check_that(is_at("/tmp"), "chdir of the child is the parent's too");
    check_result("umask of the child", umask(022), 027);

    child = fork_sharing(CLONE_FILES);
    if (child == 0)
        _exit(chdir("/") == 0 && umask(077) == 022 ? PASSED : 1);
    check_that(child_passes(child) && is_at("/tmp"), "CLONE_FILES alone copies the place");
    check_result("and the umask", umask(022), 022);

    child = fork_sharing(CLONE_FS);
    if (child == 0)
        _exit(unshare(CLONE_FS) == 0 && chdir("/") == 0 && umask(077) == 022 ? PASSED : 1);
    check_that(child_passes(child) && is_at("/tmp"), "unshare(CLONE_FS)");
    check_result("and the umask", umask(022), 022);

    /* A new program stays where it is, with those it shares that with. */
    child = fork_sharing(CLONE_FS);
    if (child == 0) {
        execl(path, program, "moves", NULL);
        _exit(1);
    }
    check_that(child_passes(child) && is_at("/"), "execve does not part the place");
}

/* --- signal actions --- */

static atomic_int step, seen;

static void count(int signal)
{
    (void)signal;
    seen++;
}

static long raw_action(int signal, void (*handler)(int))
{
    struct {
        void (*handler)(int);
        uint64_t flags, restorer, mask;
    } action = {.handler = handler};
    return syscall(SYS_rt_sigaction, signal, &action, NULL, 8);
}

/* Raw system calls only in what runs in the parent's memory. */
static int ignores_usr1(void *argument)
{
    (void)argument;
    return raw_action(SIGUSR1, SIG_IGN) == 0 ? PASSED : 1;
}

static int executes(void *argument)
{
    (void)argument;
    execl(path, program, "handlers", NULL);
    return 1;
}

/* In its own process, which the new handler of the parent is for as well. */
static int kills_itself(void *argument)
{
    (void)argument;
    step = 1;
    while (step != 2)
        sched_yield();
    syscall(SYS_kill, syscall(SYS_getpid), SIGUSR2);
    return PASSED;
}

static void (*handler_of(int signal))(int)
{
    struct sigaction now = {0};
    sigaction(signal, NULL, &now);
    return now.sa_handler;
}

static void actions(void)
{
    int sharing = CLONE_VM | CLONE_SIGHAND | SIGCHLD;
    signal(SIGUSR1, count);
    check_that(child_passes(clone(ignores_usr1, stack + STACK_SIZE, sharing, NULL)),
               "a child with its parent's actions");
    check_that(handler_of(SIGUSR1) == SIG_IGN, "what the child ignores the parent ignores");

    signal(SIGUSR1, count);
    check_that(child_passes(clone(ignores_usr1, stack + STACK_SIZE, CLONE_VM | SIGCHLD, NULL)) &&
                   handler_of(SIGUSR1) == count,
               "CLONE_VM alone copies the actions");

    /* The memory is the child's to run the handler in. */
    seen = step = 0;
    pid_t child = clone(kills_itself, stack + STACK_SIZE, sharing, NULL);
    while (step != 1)
        sched_yield();
    signal(SIGUSR2, count);
    check_that(unshare(CLONE_SIGHAND) == -1 && errno == EINVAL, "actions that are shared cannot be unshared");
    step = 2;
    check_that(child_passes(child), "a child whose parent sets a handler");
    check_result("the handler ran", seen, 1);
    signal(SIGUSR2, SIG_DFL);

    /* Handlers are of the old program: the child's go, not the parent's. */
    check_that(child_passes(clone(executes, stack + STACK_SIZE, sharing, NULL)),
               "execve has default actions");
    check_that(handler_of(SIGUSR1) == count, "of its own");
    signal(SIGUSR1, SIG_DFL);
}

#define SETTINGS 2000

static int sets_handlers(void *argument)
{
    void (*handler)(int) = argument;
    for (int i = 0; i < SETTINGS; i++)
        raw_action(SIGUSR1, handler);
    return PASSED;
}

/* Two processes set one action, a third one comes and goes: it is always one of theirs. */
static void actions_raced(void)
{
    static char other_stack[STACK_SIZE] __attribute__((aligned(16)));
    static char third_stack[STACK_SIZE] __attribute__((aligned(16)));
    int sharing = CLONE_VM | CLONE_SIGHAND | SIGCHLD;
    signal(SIGUSR1, SIG_DFL);
    pid_t one = clone(sets_handlers, stack + STACK_SIZE, sharing, (void *)SIG_IGN);
    pid_t other = clone(sets_handlers, other_stack + STACK_SIZE, sharing, (void *)SIG_DFL);
    int passed = 0;
    for (int i = 0; i < 20; i++) {
        passed += child_passes(clone(ignores_usr1, third_stack + STACK_SIZE, sharing, NULL));
        void (*now)(int) = handler_of(SIGUSR1);
        passed += now == SIG_IGN || now == SIG_DFL;
    }
    check_result("processes that set actions at once", passed, 40);
    check_that(child_passes(one) && child_passes(other), "and end");
    signal(SIGUSR1, SIG_DFL);
}

/* --- threads --- */

static void *parts(void *argument)
{
    bool *right = argument;
    right[0] = unshare(CLONE_FILES | CLONE_FS) == 0;
    right[1] = dup2(0, 60) == 60 && is_at("/tmp") && chdir("/") == 0;
    right[2] = unshare(CLONE_VM) == -1 && errno == EINVAL && unshare(CLONE_THREAD) == -1 && errno == EINVAL;
    return NULL;
}

static void *shares(void *argument)
{
    bool *right = argument;
    *right = dup2(0, 61) == 61 && chdir("/") == 0;
    return NULL;
}

static atomic_int thread_word;

/* With the parent's thread-local storage: raw calls, and the end of the thread alone. */
static int in_bare_thread(void *argument)
{
    (void)argument;
    syscall(SYS_dup2, 0, 62);
    syscall(SYS_chdir, "/");
    syscall(SYS_exit, 0);
    return 0;
}

static void bare_thread(int more)
{
    int flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    thread_word = -1;
    if (clone(in_bare_thread, stack + STACK_SIZE, flags | more, NULL, &thread_word, NULL, &thread_word) < 0)
        thread_word = 0;
    for (int word; (word = thread_word) != 0;)
        syscall(SYS_futex, &thread_word, 0, word, NULL, NULL, 0);
}

static void threads(void)
{
    pthread_t thread;
    bool right[3] = {false, false, false};
    check_result("chdir", chdir("/tmp"), 0);
    pthread_create(&thread, NULL, parts, right);
    pthread_join(thread, NULL);
    check_that(right[0] && right[1], "a thread parts from the others");
    check_that(right[2], "but not from the process");
    check_that(!is_open(60) && is_at("/tmp"), "its descriptors and directory were its own");
    pthread_create(&thread, NULL, shares, right);
    pthread_join(thread, NULL);
    check_that(right[0] && is_open(61) && is_at("/"), "a thread shares both");
    close(61);

    chdir("/tmp");
    bare_thread(0);
    check_that(!is_open(62) && is_at("/tmp"), "a thread made without CLONE_FILES and CLONE_FS");
    bare_thread(CLONE_FILES);
    check_that(is_open(62) && is_at("/tmp"), "without CLONE_FS");
    close(62);
    bare_thread(CLONE_FS);
    check_that(!is_open(62) && is_at("/"), "without CLONE_FILES");

    check_result("unshare of nothing", unshare(0), 0);
    check_result("unshare of what is not shared", unshare(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM), 0);
    check_error("unshare of what there is not", result_of(unshare(0x10)), EINVAL);
}

static int as_child(char **arguments)
{
    if (strcmp(arguments[1], "closed") == 0)
        return !is_open(atoi(arguments[2])) && dup2(0, 60) == 60 ? PASSED : 1;
    if (strcmp(arguments[1], "moves") == 0)
        return is_at("/tmp") && chdir("/") == 0 ? PASSED : 1;
    if (strcmp(arguments[1], "handlers") == 0)
        return handler_of(SIGUSR1) == SIG_DFL && signal(SIGUSR1, SIG_IGN) == SIG_DFL ? PASSED : 1;
    return 1;
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1)
        return as_child(argv);
    check_begin("thread-share");
    check_that(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0, "/proc/self/exe");
    syscall(SYS_close_range, 3, ~0u, 0); /* whatever who ran this had open */
    descriptors();
    descriptors_and_exec();
    places();
    actions();
    actions_raced();
    threads();
    descriptors_raced();
    return check_verdict();
}
