/* The longest times that interrupts were off and locks were held (kernel/debug/lock_times.h), for people: in the log at the machine's end, in /proc/sys/quire/lock_times at any time. */
#ifndef KERNEL_LOCK_REPORT_H
#define KERNEL_LOCK_REPORT_H

#include <stddef.h>

/* Measure from now on when the command line says `locktimes`. When the options are known, or again later to begin anew. */
void lock_report_start(void);

/* A line in the log for each kind of time that was measured; none when nothing was. */
void lock_report_log(void);

/* The same as a text in a heap block. 0; -ENOMEM. For proc_text. */
int lock_report_read(char **text, size_t *length);

/* "1" or "0": measure from now on, or stop. 0; -EINVAL. */
int lock_report_write(char *text);

#endif
