/* Start-up of files, and what a process's start, fork, exec and end need of them. */
#ifndef KERNEL_FILE_FILES_H
#define KERNEL_FILE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "paging/types.h"

struct boot_info;
struct thread_files;

struct files_options {
    bool serial_streams;   /* stdio=serial: COM2 and COM3 are the first process's standard files */
    bool console_input;    /* the console reads from COM1 */
    bool console_terminal; /* console=serial: someone's terminal is there */
    uint64_t memory_limit; /* bytes that written files may take together; 0: no limit */
};

/* Make the tree, the devices and /proc, and register what threads call (thread_file_operations). Once, when heap, mutexes, clock, console
 * and interrupts work; before any process. 0 or -ENOMEM. */
int must_check files_start(const struct files_options *options);

/* Unpack every archive of the loader, in order, then add what must be there: /dev and its devices, /proc, /tmp. Archives that cannot be used are logged and
 * left out. Thread context. 0 or -ENOMEM. */
int must_check files_unpack(const struct boot_info *boot);

/* For the thread of a first process: descriptors 0, 1 and 2 on the console, or on the serial streams when files_start() was told so, and a place at the root. 0 or negative errno. */
int must_check files_make_first(struct thread_files *files);

/* The same on the terminal at `path`. */
int must_check files_make_console(struct thread_files *files, const char *path);

#endif
