/* Waits of limited time that a signal interrupts, and that go on when no handler ran: after a stop, say.
 *
 * The program's registers hold the time as it was asked for, so that the call cannot just be made again: the thread remembers when the wait is over, and the
 * call is made again as restart_syscall, which hands that to the handler of the first. */
#ifndef SYSCALLS_RESTART_H
#define SYSCALLS_RESTART_H

#include <stdint.h>

/* When the wait of this call is over: `deadline` (clock_now()), or, when it goes on, what it was at first. */
uint64_t restart_deadline(uint64_t deadline);

/* The result of a call whose wait until `deadline` was interrupted. */
long restart_later(uint64_t deadline);

long sys_restart_syscall(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth,
                         uint64_t sixth);

#endif
