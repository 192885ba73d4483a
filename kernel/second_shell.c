/* See second_shell.h. */
#include "kernel/second_shell.h"

#include <asm/errno.h>

#include "kernel/file/console.h"
#include "kernel/file/files.h"
#include "kernel/first_process.h"
#include "kernel/lib/format.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/process/exec.h"
#include "kernel/process/process.h"
#include "syscalls/exec.h"

#define TERMINAL      "/dev/tty4"
#define DEFAULT_SHELL "/bin/sh"
#define LINE_MAX      96

static bool runs; /* atomic */

bool second_shell_runs(void)
{
    return __atomic_load_n(&runs, __ATOMIC_ACQUIRE);
}

static void say(const char *format, ...) printf_like(1, 2);
static void say(const char *format, ...)
{
    char line[LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    console_terminal_write(CONSOLE_SECOND, line, strlen(line));
}

static void ended(int status)
{
    (void)status;
    __atomic_store_n(&runs, false, __ATOMIC_RELEASE);
    say("\r\n[the shell has ended: Enter starts another]\r\n");
}

static int shell_run(struct process *process, const char *path)
{
    struct exec_arguments arguments = {0};
    struct thread_files files = {0};
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++)
        if (*at == '/')
            name = at + 1;
    int error = files_make_console(&files, TERMINAL);
    if (error == 0)
        error = exec_arguments_add(&arguments, name, strlen(name));
    arguments.argument_count = 1;
    if (error == 0)
        error = first_process_environment(&arguments);
    console_second_control(process->session);
    if (error == 0)
        error = program_exec(process, path, &arguments, &files, NULL);
    thread_file_operations.release(&files);
    exec_arguments_free(&arguments);
    return error;
}

void second_shell_start(void)
{
    const char *path = option_value("shell");

    if (path == NULL || *path == '\0')
        path = DEFAULT_SHELL;
    if (__atomic_exchange_n(&runs, true, __ATOMIC_ACQ_REL))
        return;
    struct process *process = process_create_apart(ended);
    int error = process != NULL ? shell_run(process, path) : -ENOMEM;
    if (error == 0) {
        process_put(process);
        return;
    }
    if (process != NULL)
        process_drop_apart(process);
    console_second_control(0);
    __atomic_store_n(&runs, false, __ATOMIC_RELEASE);
    say("%s cannot be run: error %d; Enter tries again\r\n", path, -error);
}
