/* The shell on the screen's fourth terminal: started when somebody first looks there, and again by Enter when it has ended.
 *
 * It is no child of the first process and may outlive nothing: the machine ends with the first process as ever. Option: shell=PATH (default /bin/sh). */
#ifndef KERNEL_SECOND_SHELL_H
#define KERNEL_SECOND_SHELL_H

#include <stdbool.h>

/* Is there one? Any context. */
bool second_shell_runs(void);

/* Start it, unless it runs. Thread context, after files were unpacked; what goes wrong is said on that terminal. */
void second_shell_start(void);

#endif
