/* Attack: start programs with arguments that are too long, too many or not there. execve answers -E2BIG or
 * -EFAULT and the old program goes on; what is large but allowed arrives whole. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"
#include "userland/system_call.h"

#define PROGRAM       "/proc/self/exe"
#define STRING_MAX    (32 * PAGE_SIZE) /* of one string on Linux, MAX_ARG_STRLEN */
#define MANY_STRINGS  4000
#define MANY_POINTERS (1 << 20)
#define LONG_STRING   100000

extern char **environ;
static char *const no_environment[] = {NULL};

static long execute(const void *arguments, const void *environment)
{
    return system_call(SYS_execve, PROGRAM, arguments, environment);
}

static char *string_of(size_t length)
{
    char *string = mmap(NULL, length + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (string == MAP_FAILED)
        exit(1);
    memset(string, 'x', length);
    return string;
}

/* Started by the checks below: 0 when as many strings arrived as the first one says, each as long as the
 * second says. */
static int arrived(char **arguments)
{
    unsigned long count = strtoul(arguments[2], NULL, 10), length = strtoul(arguments[3], NULL, 10),
                  found = 0;
    for (char **argument = arguments + 4; *argument != NULL; argument++, found++)
        if (strlen(*argument) != length)
            return 2;
    return found == count ? 0 : 3;
}

static void start_with_many(const void *unused)
{
    (void)unused;
    char count[16];
    char **arguments = calloc(MANY_STRINGS + 5, sizeof(char *));
    snprintf(count, sizeof(count), "%d", MANY_STRINGS);
    char *first[] = {"attack-arguments", "arrived", count, "7"};
    memcpy(arguments, first, sizeof(first));
    for (int i = 0; i < MANY_STRINGS; i++)
        arguments[4 + i] = "seven..";
    execute(arguments, no_environment);
}

static void start_with_long(const void *unused)
{
    (void)unused;
    char length[16];
    snprintf(length, sizeof(length), "%d", LONG_STRING);
    char *arguments[] = {"attack-arguments", "arrived", "1", length, string_of(LONG_STRING), NULL};
    execute(arguments, no_environment);
}

static void check_arrival(const char *what, check_body *start)
{
    int status = check_child(start, NULL);
    check_that(status == 0, "%s: the program that was started says %s", what, check_status_text(status));
}

static void too_big(void)
{
    char *one[] = {"x", string_of(STRING_MAX), NULL};
    check_error("execve with one string of 128 KiB", execute(one, no_environment), E2BIG);
    check_error("execve with that in the environment", execute(no_environment, one), E2BIG);

    char **many = calloc(MANY_POINTERS + 1, sizeof(char *));
    if (!check_that(many != NULL, "no memory for pointers"))
        return;
    char *string = string_of(LONG_STRING);
    for (int i = 0; i < 100; i++)
        many[i] = string;
    check_error("execve with 10 MB of strings", execute(many, no_environment), E2BIG);
    check_error("execve with 10 MB of environment", execute(no_environment, many), E2BIG);
    for (int i = 0; i < MANY_POINTERS; i++)
        many[i] = "";
    check_error("execve with a million strings", execute(many, no_environment), E2BIG);
    free(many);
}

static void bad_pointers(void)
{
    static const uintptr_t bad[] = {
        1, PAGE_SIZE, USER_END, NONCANONICAL_LOWEST, DIRECT_MAP_BASE, KERNEL_IMAGE_BASE, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *strings[] = {"x", (char *)bad[i], NULL};
        check_error("execve with a bad string", execute(strings, no_environment), EFAULT);
        check_error("execve with a bad string in the environment", execute(no_environment, strings), EFAULT);
        check_error("execve with bad arguments", execute((const void *)bad[i], no_environment), EFAULT);
        check_error("execve with a bad environment", execute(no_environment, (const void *)bad[i]), EFAULT);
    }
    char *pages = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + PAGE_SIZE, PAGE_SIZE);
    memset(pages, 'x', PAGE_SIZE);
    char *unterminated[] = {"x", pages + PAGE_SIZE - 100, NULL};
    check_error("execve with a string that runs over the end", execute(unterminated, no_environment), EFAULT);
    char **endless = (char **)(pages + PAGE_SIZE) - 2;
    endless[0] = endless[1] = "x";
    check_error("execve with pointers that run over the end", execute(endless, no_environment), EFAULT);
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "arrived") == 0)
        return arrived(argv);
    check_begin("attack-arguments");
    too_big();
    bad_pointers();
    check_arrival("4000 arguments", start_with_many);
    check_arrival("an argument of 100000 letters", start_with_long);
    return check_verdict();
}
