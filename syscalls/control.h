/* Prototypes of control.c. */
#ifndef SYSCALLS_CONTROL_H
#define SYSCALLS_CONTROL_H

#include <stdint.h>

/* PR_SET_NAME, PR_GET_NAME; -EINVAL for the others. */
long sys_prctl(int operation, uint64_t argument);

/* Restartable sequences are not offered: -ENOSYS, as of a Linux built without them. Here so that glibc, which asks at each start, does not fill the log. */
long sys_rseq(void);

#endif
