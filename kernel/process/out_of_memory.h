/* When memory is truly gone: end the process that uses most of it, say why, and go on. */
#ifndef KERNEL_PROCESS_OUT_OF_MEMORY_H
#define KERNEL_PROCESS_OUT_OF_MEMORY_H

#include <stdbool.h>

/* The current thread cannot have a page that it has been promised. Give back what the kernel keeps for later use; when there is no such thing, kill the process with the largest footprint, never the first one while there is another, and wait a moment for its
 * memory. false: the current process is the one that was chosen, and gets the signal on its way out. Thread context; sleeps. */
bool out_of_memory(void);

#endif
