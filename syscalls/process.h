/* Prototypes of the process calls; the table refers to them by symbol. */
#ifndef SYSCALLS_PROCESS_H
#define SYSCALLS_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"

struct rusage;

long sys_getpid(void);
long sys_gettid(void);
long sys_getppid(void);
long sys_exit(int code);
long sys_exit_group(int code);
long sys_wait4(int pid, int __user *status, int options, struct rusage __user *usage);
long sys_getrusage(int who, struct rusage __user *usage);
long sys_getpgid(int pid);
long sys_getpgrp(void);
long sys_getsid(int pid);
long sys_setpgid(int pid, int group);
long sys_setsid(void);
long sys_getuid(void);
long sys_geteuid(void);
long sys_getgid(void);
long sys_getegid(void);
long sys_set_tid_address(uint64_t address);
long sys_arch_prctl(int operation, uint64_t address);

/* In clone.c. */
long sys_fork(void);
long sys_vfork(void);
long sys_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls);
long sys_clone3(uint64_t from, size_t size);
long sys_unshare(uint64_t flags);

/* execve: in exec.c. */
long sys_execve(const char __user *path, uint64_t argv, uint64_t envp);

#endif
