/* Interval timers. */
#ifndef SYSCALLS_INTERVAL_TIMER_H
#define SYSCALLS_INTERVAL_TIMER_H

#include "kernel/memory/user_copy.h"

struct __kernel_old_itimerval;

long sys_getitimer(int which, struct __kernel_old_itimerval __user *to);
long sys_setitimer(int which, const struct __kernel_old_itimerval __user *new,
                   struct __kernel_old_itimerval __user *old);
long sys_alarm(unsigned seconds);

#endif
