/* Prototypes of the calls about the machine and its limits; the table refers to them by symbol. */
#ifndef SYSCALLS_SYSTEM_H
#define SYSCALLS_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"

struct new_utsname;
struct sysinfo;
struct rlimit64;

long sys_uname(struct new_utsname __user *to);
long sys_sysinfo(struct sysinfo __user *to);
long sys_getrandom(uint64_t to, size_t size, unsigned flags);
long sys_prlimit64(int pid, unsigned resource, const struct rlimit64 __user *new,
                   struct rlimit64 __user *old);
long sys_getrlimit(unsigned resource, struct rlimit64 __user *to);
long sys_setrlimit(unsigned resource, const struct rlimit64 __user *from);

#endif
