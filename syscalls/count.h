/* How many entries the table has: one more than the highest number in table.h may be. Known to entry.S. */
#ifndef SYSCALLS_COUNT_H
#define SYSCALLS_COUNT_H

#define SYSCALL_COUNT 450

#endif
