/* Running a program: a new address space from an ELF file, with its arguments on the stack (System V ABI AMD64, 3.4.1). */
#ifndef KERNEL_PROCESS_EXEC_H
#define KERNEL_PROCESS_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/backing.h"
#include "kernel/process/process.h"

/* All bytes of argv and envp strings and their pointers together; a quarter of the default stack, as on Linux. */
#define EXEC_ARGUMENTS_MAX (UINT64_C(2) << 20)

/* Strings, each terminated, argv first. */
struct exec_arguments {
    char *bytes; /* heap */
    size_t size, capacity;
    unsigned argument_count, environment_count;
};

/* Append one string of `length` bytes without its terminator. -E2BIG, -ENOMEM. */
int must_check exec_arguments_add(struct exec_arguments *arguments, const char *string, size_t length);
void exec_arguments_free(struct exec_arguments *arguments);

/* A program file in memory. The caller keeps its own reference to the backing. */
struct exec_program {
    const void *bytes;
    uint64_t size;
    struct backing *backing; /* the same bytes */
    const char *path;        /* for AT_EXECFN, /proc/self/exe and the name */
};

/* Give the current process (or `process`, which has no thread yet) this program. All or nothing: on failure the old program goes on. On success *frame has the registers to
 * enter the new one with. -ENOEXEC (logged with the reason), -ENOMEM, -E2BIG. */
int must_check process_exec(struct process *process, const struct exec_program *program,
                            const struct exec_arguments *arguments, struct trap_frame *frame);

/* Give the first process a program and start its thread, which takes the files over. */
int must_check process_exec_first(struct process *process, const struct exec_program *program,
                                  const struct exec_arguments *arguments, struct thread_files *files);

#endif
