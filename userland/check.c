#include "userland/check.h"

#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_SIZE         512
#define STATUS_FAILED         1
#define STATUS_TEXTS          4
#define TEXT_MAX_SIZE         40

#define CPUID_HYPERVISOR_BIT  (1u << 31) /* leaf 1, ECX: reserved for hypervisors by Intel and AMD */
#define CPUID_HYPERVISOR_LEAF 0x40000000u

#define HOST_PATIENCE         10

bool check_on_linux, check_time_is_hosts;

static const char *check_program;
static int check_count, check_failures;

void check_begin(const char *program)
{
    const char *kernel = getenv("CHECK_KERNEL");
    const char *time = getenv("CHECK_TIME");
    check_on_linux = kernel != NULL && strcmp(kernel, "linux") == 0;
    check_time_is_hosts = time != NULL && strcmp(time, "host") == 0;
    check_program = program;
}

/* One write per line: lines of several processes do not mix. */
static void print(const char *line, int length)
{
    if (length > LINE_MAX_SIZE - 1)
        length = LINE_MAX_SIZE - 1;
    if (write(STDOUT_FILENO, line, (size_t)length) < 0)
        _exit(STATUS_FAILED);
}

int check_verdict(void)
{
    char line[LINE_MAX_SIZE];
    int length;
    if (check_failures == 0)
        length = snprintf(line, sizeof(line), "%s: ok, %d checks\n", check_program, check_count);
    else
        length = snprintf(line, sizeof(line), "%s: FAILED, %d of %d checks\n", check_program, check_failures,
                          check_count);
    print(line, length);
    return check_failures == 0 && check_count > 0 ? 0 : STATUS_FAILED;
}

int check_verdict_silent(void)
{
    return check_failures == 0 ? 0 : STATUS_FAILED;
}

bool check_that(bool held, const char *format, ...)
{
    check_count++;
    if (held)
        return true;
    check_failures++;
    char line[LINE_MAX_SIZE];
    int length = snprintf(line, sizeof(line), "%s: ", check_program);
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
    va_end(arguments);
    if (length > LINE_MAX_SIZE - 2)
        length = LINE_MAX_SIZE - 2;
    line[length++] = '\n';
    print(line, length);
    return false;
}

bool check_error(const char *what, long result, int error)
{
    return check_that(result == -error, "%s: expected errno %d (%s), got %ld (%s)", what, error,
                      strerror(error), result,
                      result < 0 && result > -4096 ? strerror((int)-result) : "no error");
}

bool check_result(const char *what, long result, long expected)
{
    return check_that(result == expected, "%s: expected %ld, got %ld", what, expected, result);
}

static const char *signal_name(int number)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
        [SIGTERM] = "SIGTERM", [SIGSYS] = "SIGSYS",
    };
    bool known = number > 0 && number < (int)(sizeof(names) / sizeof(names[0])) && names[number] != NULL;
    return known ? names[number] : "";
}

const char *check_status_text(int status)
{
    static char texts[STATUS_TEXTS][TEXT_MAX_SIZE];
    static unsigned next;
    char *text = texts[next++ % STATUS_TEXTS];
    if (WIFSIGNALED(status))
        snprintf(text, TEXT_MAX_SIZE, "signal %d %s", WTERMSIG(status), signal_name(WTERMSIG(status)));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SURVIVED)
        snprintf(text, TEXT_MAX_SIZE, "survival");
    else if (WIFEXITED(status))
        snprintf(text, TEXT_MAX_SIZE, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(text, TEXT_MAX_SIZE, "wait status %#x", (unsigned)status);
    return text;
}

int check_child(check_body *body, const void *argument)
{
    pid_t child = fork();
    if (child == 0) {
        int failures = check_failures;
        body(argument);
        _exit(check_failures == failures ? CHECK_SURVIVED : STATUS_FAILED);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child)
        check_that(false, "a child cannot be made or waited for (fork: %d)", child);
    return status;
}

static bool survived(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SURVIVED;
}

static bool killed_by(int status, int signal)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

void check_dies(const char *what, int signal, check_body *body, const void *argument)
{
    int status = check_child(body, argument);
    check_that(killed_by(status, signal), "%s: expected %s, got %s", what, check_status_text(signal),
               check_status_text(status));
}

void check_dies_or_survives(const char *what, int signal, check_body *body, const void *argument)
{
    int status = check_child(body, argument);
    check_that(killed_by(status, signal) || survived(status), "%s: expected %s or survival, got %s", what,
               check_status_text(signal), check_status_text(status));
}

void check_survives(const char *what, check_body *body, const void *argument)
{
    int status = check_child(body, argument);
    check_that(survived(status), "%s: expected survival, got %s", what, check_status_text(status));
}

static bool cpu_has_hypervisor(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & CPUID_HYPERVISOR_BIT) != 0;
}

bool check_cpu_is_shared(void)
{
    return check_on_linux && cpu_has_hypervisor();
}

bool check_cpu_is_emulated(void)
{
    unsigned a, b, c, d;
    if (!cpu_has_hypervisor())
        return false;
    __cpuid(CPUID_HYPERVISOR_LEAF, a, b, c, d);
    unsigned words[3] = {b, c, d};
    return memcmp(words, "TCGTCGTCGTCG", sizeof(words)) == 0;
}

int check_stack_fault_signal(void)
{
    return check_cpu_is_emulated() ? SIGSEGV : SIGBUS;
}

void check_nap(long nanoseconds)
{
    int64_t wanted = (int64_t)nanoseconds * (check_time_is_hosts ? HOST_PATIENCE : 1);
    struct timespec time = {wanted / 1000000000, wanted % 1000000000};
    nanosleep(&time, NULL);
}

void check_yield(int times)
{
    while (times-- > 0)
        sched_yield();
}
