/* syslog(2), which dmesg reads the kernel's log by (klogctl(3)). */
#ifndef SYSCALLS_LOG_H
#define SYSCALLS_LOG_H

#include "kernel/memory/user_copy.h"

long sys_syslog(int action, char __user *to, int size);

#endif
