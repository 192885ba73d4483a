/* Running a program by path: for execve and for the first process. */
#ifndef SYSCALLS_EXEC_H
#define SYSCALLS_EXEC_H

#include "kernel/process/exec.h"

/* Open `path` (relative to the directory of `files`), follow #! lines, and run it in `process`. `frame`: the current process's registers, or NULL for a process that has no
 * thread yet, which then starts and takes the files over. Errors of the path and of process_exec(). `arguments` may be changed. May sleep. */
int must_check program_exec(struct process *process, const char *path, struct exec_arguments *arguments,
                            struct thread_files *files, struct trap_frame *frame);

#endif
