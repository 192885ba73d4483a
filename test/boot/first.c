/* The first process of the boot tests: no C library, four calls, so that what it shows is the kernel's and nobody else's.
 *
 *   first hello         says so on stdout, and ends with status 42
 *   first copy          copies stdin to stdout until the end of the file
 *   first words ...     writes each argument in a line of its own to stdout, then each word of its environment to stderr
 *   first status N      ends with status N
 *   first crash         reads address 0
 *   first spin          never ends */
#include <asm/unistd.h>
#include <stddef.h>

enum { STDIN, STDOUT, STDERR };
enum { STATUS_HELLO = 42, STATUS_USAGE = 2, STATUS_OUTPUT = 3 };

/* Linux's calling convention: arguments in RDI, RSI, RDX; RCX and R11 are lost. */
static long call(long number, long first, const void *second, size_t third)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

static _Noreturn void end(int status)
{
    for (;;)
        call(__NR_exit_group, status, NULL, 0);
}

static size_t length(const char *text)
{
    size_t size = 0;
    while (text[size] != '\0')
        size++;
    return size;
}

static int same(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

static void write_all(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        long written = call(__NR_write, file, bytes, size);
        if (written <= 0)
            end(STATUS_OUTPUT);
        bytes += written;
        size -= (size_t)written;
    }
}

static void write_line(int file, const char *text)
{
    write_all(file, text, length(text));
    write_all(file, "\n", 1);
}

static int copy_input(void)
{
    static char buffer[4096];
    long size;
    while ((size = call(__NR_read, STDIN, buffer, sizeof(buffer))) > 0)
        write_all(STDOUT, buffer, (size_t)size);
    return size == 0 ? 0 : STATUS_OUTPUT;
}

static int number(const char *text)
{
    int value = 0;
    while (*text >= '0' && *text <= '9')
        value = value * 10 + (*text++ - '0');
    return value;
}

static int run(char **arguments, char **environment)
{
    const char *what = arguments[0] != NULL ? arguments[1] : NULL;
    if (what == NULL)
        return STATUS_USAGE;
    if (same(what, "hello")) {
        write_line(STDOUT, "hello from the first process");
        return STATUS_HELLO;
    }
    if (same(what, "copy"))
        return copy_input();
    if (same(what, "words")) {
        for (char **word = arguments; *word != NULL; word++)
            write_line(STDOUT, *word);
        for (char **word = environment; *word != NULL; word++)
            write_line(STDERR, *word);
        return 0;
    }
    if (same(what, "status") && arguments[2] != NULL)
        return number(arguments[2]);
    if (same(what, "crash"))
        return *(volatile int *)NULL;
    if (same(what, "spin"))
        for (;;)
            __asm__ volatile("pause");
    return STATUS_USAGE;
}

/* The stack as the kernel made it: argument count, arguments, NULL, environment, NULL. */
_Noreturn __attribute__((used)) static void start(long *stack)
{
    char **arguments = (char **)(stack + 1);
    end(run(arguments, arguments + stack[0] + 1));
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tcall start\n");
