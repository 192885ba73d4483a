/* Prototypes of the signal calls; the table refers to them by symbol. */
#ifndef SYSCALLS_SIGNAL_H
#define SYSCALLS_SIGNAL_H

#include <stddef.h>

#include "kernel/memory/user_copy.h"

long sys_rt_sigaction(int signal, const void __user *new, void __user *old, size_t set_size);
long sys_rt_sigprocmask(int how, const void __user *new, void __user *old, size_t set_size);
long sys_rt_sigpending(void __user *to, size_t set_size);
long sys_rt_sigsuspend(const void __user *mask, size_t set_size);
long sys_rt_sigreturn(void);
long sys_sigaltstack(const void __user *new, void __user *old);
long sys_pause(void);
long sys_kill(int pid, int signal);
long sys_tkill(int tid, int signal);
long sys_tgkill(int group, int tid, int signal);

#endif
