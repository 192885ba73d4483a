/* execve: the new program gets exactly the arguments and environment it was given, keeps what it must keep
 * - process ids, open files, ignored signals, the mask, the working directory - and nothing else of the
 * old one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define PROGRAM     "/proc/self/exe"
#define KEPT_FILE   20
#define CLOSED_FILE 21
#define OLD_MAPPING ((void *)0x20000000)
#define PAGE_BYTES  4096
#define MANY        200

static void execute(char *const arguments[], char *const environment[])
{
    execve(PROGRAM, arguments, environment);
    check_that(false, "execve: %s", strerror(errno));
}

static void expect_success(const char *what, check_body *start, const void *argument)
{
    int status = check_child(start, argument);
    check_that(status == 0, "%s: the new program ended with %s", what, check_status_text(status));
}

/* Arguments: what is sent here must be what arrives. */
static char *const odd_arguments[] = {"check-exec",           "arguments",    "",  " ", "two words", "--",
                                      "\xc3\xa4\xe2\x82\xac", "\x01\x7f\xff", "=", "",  NULL};
static char *const odd_environment[] = {"A=1", "EMPTY=", "=ODD", "B=two words", "\xff=\xfe", "A=2", NULL};

static bool same_strings(char **got, char *const *sent)
{
    int i = 0;
    while (got[i] != NULL && sent[i] != NULL && strcmp(got[i], sent[i]) == 0)
        i++;
    return got[i] == NULL && sent[i] == NULL;
}

static void send_arguments(const void *unused)
{
    (void)unused;
    execute(odd_arguments, odd_environment);
}

static void send_many(const void *unused)
{
    (void)unused;
    char *arguments[MANY + 1] = {"check-exec", "many"};
    for (int i = 2; i < MANY; i++) {
        arguments[i] = malloc(16);
        snprintf(arguments[i], 16, "%d", i);
    }
    execute(arguments, odd_environment + 6);
}

static int receive_many(int count, char **arguments)
{
    for (int i = 2; i < count; i++)
        if (atoi(arguments[i]) != i)
            return 1;
    return count == MANY ? 0 : 2;
}

/* What is kept and what is not. */
static void leave_traces(const void *unused)
{
    (void)unused;
    char pid[16], parent[16];
    snprintf(pid, sizeof(pid), "%d", getpid());
    snprintf(parent, sizeof(parent), "%d", getppid());
    int file = open(PROGRAM, O_RDONLY);
    dup2(file, KEPT_FILE);
    lseek(KEPT_FILE, 55, SEEK_SET);
    dup3(file, CLOSED_FILE, O_CLOEXEC);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_DFL);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    umask(027);
    chdir("/tmp");
    if (mmap(OLD_MAPPING, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        _exit(99);
    system_call(SYS_brk, system_call(SYS_brk, 0) + 50 * PAGE_BYTES);
    char *arguments[] = {"check-exec", "traces", pid, parent, NULL};
    execute(arguments, odd_environment);
}

static void read_old_mapping(const void *unused)
{
    (void)unused;
    (void)*(volatile char *)OLD_MAPPING;
}

static int find_traces(char **arguments)
{
    check_begin("check-exec (started)");
    check_that(getpid() == atoi(arguments[2]) && getppid() == atoi(arguments[3]), "pid %d, parent %d",
               getpid(), getppid());
    check_result("position in a kept file", lseek(KEPT_FILE, 0, SEEK_CUR), 55);
    check_error("a file closed on exec", system_call(SYS_lseek, CLOSED_FILE, 0, SEEK_CUR), EBADF);
    struct sigaction action = {0};
    sigaction(SIGUSR1, NULL, &action);
    check_that(action.sa_handler == SIG_IGN, "an ignored signal is no longer ignored");
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    check_that(sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 0,
               "the signal mask changed");
    check_that(umask(0) == 027, "the file mode mask changed");
    char folder[64] = "";
    check_that(getcwd(folder, sizeof(folder)) != NULL && strcmp(folder, "/tmp") == 0,
               "the working directory is %s", folder);
    check_dies("read a mapping of the old program", SIGSEGV, read_old_mapping, NULL);
    return check_verdict_silent();
}

/* A handler of the old program means nothing in the new one. */
static void handler(int signal)
{
    (void)signal;
}

static void leave_handler(const void *unused)
{
    (void)unused;
    signal(SIGUSR2, handler);
    char *arguments[] = {"check-exec", "handler", NULL};
    execute(arguments, odd_environment);
}

static int find_no_handler(void)
{
    struct sigaction action = {0};
    sigaction(SIGUSR2, NULL, &action);
    return action.sa_handler == SIG_DFL ? 0 : 1;
}

static void failures(void)
{
    char *const arguments[] = {"x", NULL};
    check_error("execve of nothing", system_call(SYS_execve, "", arguments, arguments + 1), ENOENT);
    check_error("execve of what is not there",
                system_call(SYS_execve, "/nowhere/at-all", arguments, arguments + 1), ENOENT);
    check_error("execve below a file", system_call(SYS_execve, PROGRAM "/x", arguments, arguments + 1),
                ENOTDIR);
    check_error("execve of a folder", system_call(SYS_execve, "/", arguments, arguments + 1), EACCES);
    check_error("execve of a device", system_call(SYS_execve, "/dev/null", arguments, arguments + 1), EACCES);
    static char long_name[5000];
    memset(long_name, 'a', sizeof(long_name) - 1);
    check_error("execve of a name too long", system_call(SYS_execve, long_name, arguments, arguments + 1),
                ENAMETOOLONG);
}

/* Replace oneself again and again: what each program leaves behind must be gone. */
static void start_chain(const void *unused)
{
    (void)unused;
    char *arguments[] = {"check-exec", "chain", "40", NULL};
    execute(arguments, odd_environment);
}

static int continue_chain(char **arguments)
{
    int left = atoi(arguments[2]);
    if (left == 0)
        return 0;
    char number[16];
    snprintf(number, sizeof(number), "%d", left - 1);
    char *next[] = {"check-exec", "chain", number, NULL};
    memset(malloc(100000), 1, 100000);
    execute(next, odd_environment);
    return 1;
}

int main(int argc, char **argv, char **environment)
{
    if (argc >= 2) {
        if (strcmp(argv[1], "arguments") == 0)
            return same_strings(argv, odd_arguments) && same_strings(environment, odd_environment) ? 0 : 1;
        if (strcmp(argv[1], "many") == 0)
            return receive_many(argc, argv);
        if (strcmp(argv[1], "traces") == 0)
            return find_traces(argv);
        if (strcmp(argv[1], "handler") == 0)
            return find_no_handler();
        if (strcmp(argv[1], "chain") == 0)
            return continue_chain(argv);
    }
    check_begin("check-exec");
    expect_success("odd arguments and environment", send_arguments, NULL);
    expect_success("200 arguments", send_many, NULL);
    expect_success("traces", leave_traces, NULL);
    expect_success("a handler", leave_handler, NULL);
    expect_success("a chain of 40 programs", start_chain, NULL);
    failures();
    return check_verdict();
}
