/* Prototypes of the time calls; the table refers to them by symbol. */
#ifndef SYSCALLS_TIME_H
#define SYSCALLS_TIME_H

#include "kernel/memory/user_copy.h"

struct timespec;
struct timeval;
struct timezone;
struct tms;

long sys_clock_gettime(int clock, struct timespec __user *to);
long sys_clock_getres(int clock, struct timespec __user *to);
long sys_gettimeofday(struct timeval __user *to, struct timezone __user *zone);
long sys_clock_settime(int clock, const struct timespec __user *from);
long sys_settimeofday(const struct timeval __user *from, const struct timezone __user *zone);
long sys_time(long __user *to);
long sys_times(struct tms __user *to);
long sys_clock_nanosleep(int clock, int flags, const struct timespec __user *request,
                         struct timespec __user *remain);
long sys_nanosleep(const struct timespec __user *request, struct timespec __user *remain);

/* A timespec of the caller's as nanoseconds, cut to what a deadline can be. 0, -EFAULT, -EINVAL. */
int timespec_read(const struct timespec __user *from, uint64_t *nanoseconds);

#endif
