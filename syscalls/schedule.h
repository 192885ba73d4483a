/* Prototypes of the scheduler's calls. */
#ifndef SYSCALLS_SCHEDULE_H
#define SYSCALLS_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"

struct timespec;

long sys_sched_yield(void);
long sys_sched_setaffinity(int tid, size_t size, const void __user *mask);
long sys_sched_getaffinity(int tid, size_t size, void __user *mask);
long sys_getcpu(uint32_t __user *cpu, uint32_t __user *node, void __user *unused);
long sys_getpriority(int which, int who);
long sys_setpriority(int which, int who, int nice);
long sys_sched_setparam(int tid, const int __user *priority);
long sys_sched_getparam(int tid, int __user *priority);
long sys_sched_setscheduler(int tid, int policy, const int __user *priority);
long sys_sched_getscheduler(int tid);
long sys_sched_get_priority_max(int policy);
long sys_sched_get_priority_min(int policy);
long sys_sched_rr_get_interval(int tid, struct timespec __user *to);

#endif
