/* execve: gather path, arguments and environment, open the program, follow #! lines. */
#include <asm/errno.h>

#include "kernel/file/file_place.h"
#include "kernel/file/node.h"
#include "kernel/file/program_file.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/exec.h"
#include "syscalls/exec.h"
#include "syscalls/process.h"
#include "syscalls/syscall.h"

#define PATH_SIZE       4096
#define STRING_MAX      (UINT64_C(128) << 10) /* one argument, as Linux's MAX_ARG_STRLEN */
#define SCRIPT_LINE_MAX 256
#define SCRIPT_DEPTH    4

/* Copy the strings of one vector of user pointers. */
static int strings_gather(struct exec_arguments *arguments, uint64_t vector, unsigned *count, char *buffer)
{
    if (vector == 0)
        return 0;
    for (;; vector += sizeof(uint64_t)) {
        uint64_t string;
        if (copy_from_user(&string, user_pointer(const void, vector), sizeof(string)) != 0)
            return -EFAULT;
        if (string == 0)
            return 0;
        long length = user_string(buffer, user_pointer(const char, string), STRING_MAX);
        if (length < 0)
            return length == -ENAMETOOLONG ? -E2BIG : (int)length;
        int error = exec_arguments_add(arguments, buffer, (size_t)length);
        if (error != 0)
            return error;
        ++*count;
    }
}

/* The interpreter and its one argument out of a script's first line; false: no script. `line` is cut into pieces. */
static bool script_line(const struct program_file *file, char line[SCRIPT_LINE_MAX], char **interpreter,
                        char **argument)
{
    const char *bytes = file->bytes;
    size_t length = file->size < SCRIPT_LINE_MAX - 1 ? file->size : SCRIPT_LINE_MAX - 1;

    if (length < 2 || bytes[0] != '#' || bytes[1] != '!')
        return false;
    memcpy(line, bytes + 2, length - 2);
    line[length - 2] = '\0';
    char *end = strchr(line, '\n');
    if (end != NULL)
        *end = '\0';
    while (*line == ' ' || *line == '\t')
        line++;
    *interpreter = line;
    while (*line != '\0' && *line != ' ' && *line != '\t')
        line++;
    *argument = NULL;
    if (*line != '\0') {
        *line++ = '\0';
        while (*line == ' ' || *line == '\t')
            line++;
        *argument = *line != '\0' ? line : NULL;
    }
    return **interpreter != '\0';
}

/* Put interpreter, its argument and the script's path in the place of the script's argv[0]. */
static int script_arguments(struct exec_arguments *arguments, const char *interpreter, const char *argument,
                            const char *script)
{
    struct exec_arguments made = {0};
    const char *front[3] = {interpreter, argument, script};
    size_t at = arguments->argument_count > 0 ? strlen(arguments->bytes) + 1 : 0;
    unsigned strings = arguments->argument_count + arguments->environment_count;
    int error = 0;

    for (unsigned i = 0; i < 3 && error == 0; i++) {
        if (front[i] == NULL)
            continue;
        error = exec_arguments_add(&made, front[i], strlen(front[i]));
        made.argument_count++;
    }
    unsigned copied = arguments->argument_count > 0 ? 1 : 0;
    made.argument_count += arguments->argument_count - copied;
    for (; copied < strings && error == 0; copied++) {
        size_t length = strlen(arguments->bytes + at);
        error = exec_arguments_add(&made, arguments->bytes + at, length);
        at += length + 1;
    }
    made.environment_count = arguments->environment_count;
    exec_arguments_free(error == 0 ? arguments : &made);
    if (error == 0)
        *arguments = made;
    return error;
}

static int program_run(struct process *process, const struct program_file *file, const char *path,
                       const struct exec_arguments *arguments, struct thread_files *files,
                       struct trap_frame *frame)
{
    struct exec_program program = {file->bytes, file->size, file->backing, file->path[0] ? file->path : path};

    return frame != NULL ? process_exec(process, &program, arguments, frame)
                         : process_exec_first(process, &program, arguments, files);
}

int program_exec(struct process *process, const char *path, struct exec_arguments *arguments,
                 struct thread_files *files, struct trap_frame *frame)
{
    char line[SCRIPT_LINE_MAX];
    char name[PROCESS_PATH_MAX];
    struct program_file file;

    if (strlcpy(name, path, sizeof(name)) >= sizeof(name))
        return -ENAMETOOLONG;
    for (unsigned depth = 0;; depth++) {
        char *interpreter, *argument;
        struct node *directory = file_place_directory(files->place);
        int error = program_file_open(directory, name, &file);
        node_put(directory);
        if (error != 0)
            return error;
        if (!script_line(&file, line, &interpreter, &argument)) {
            error = program_run(process, &file, name, arguments, files, frame);
            program_file_close(&file);
            return error;
        }
        program_file_close(&file);
        if (depth == SCRIPT_DEPTH)
            return -ELOOP;
        error = script_arguments(arguments, interpreter, argument, name);
        if (error != 0)
            return error;
        if (strlcpy(name, interpreter, sizeof(name)) >= sizeof(name))
            return -ENOEXEC;
    }
}

static int exec_gather(struct exec_arguments *arguments, const char __user *path, uint64_t argv,
                       uint64_t envp, char *buffer, char *name)
{
    long length = user_string(name, path, PATH_SIZE);
    if (length < 0)
        return (int)length;
    if (length == 0)
        return -ENOENT;
    int error = strings_gather(arguments, argv, &arguments->argument_count, buffer);
    /* As Linux since 5.18: a program always has an argv[0]. */
    if (error == 0 && arguments->argument_count == 0) {
        error = exec_arguments_add(arguments, "", 0);
        arguments->argument_count = 1;
    }
    if (error == 0)
        error = strings_gather(arguments, envp, &arguments->environment_count, buffer);
    return error;
}

long sys_execve(const char __user *path, uint64_t argv, uint64_t envp)
{
    struct exec_arguments arguments = {0};
    char *buffer = heap_alloc(STRING_MAX + PATH_SIZE);
    struct trap_frame *frame = syscall_frame();

    if (buffer == NULL)
        return -ENOMEM;
    char *name = buffer + STRING_MAX;
    int error = exec_gather(&arguments, path, argv, envp, buffer, name);
    if (error == 0)
        error = program_exec(current_process(), name, &arguments, &thread_current()->files, frame);
    exec_arguments_free(&arguments);
    heap_free(buffer);
    /* The new program begins with RAX 0; the return path writes this there. */
    return error;
}
