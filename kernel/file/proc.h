/* /proc: the machine and its processes as files. /proc/self, /proc/PID (proc_process.h), /proc/meminfo and the like (proc_machine.h), /proc/sys/quire (proc_sys.h).
 *
 * Its nodes are made when they are looked up. */
#ifndef KERNEL_FILE_PROC_H
#define KERNEL_FILE_PROC_H

#include "paging/types.h"

/* Make the directory; then give it its name, once archives are unpacked. 0 or -ENOMEM, or what is in the way. */
int must_check proc_start(void);
int must_check proc_make_name(void);

#endif
