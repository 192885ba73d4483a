/* See restart.h. */
#include "syscalls/restart.h"

#include <asm/errno.h>
#include <asm/unistd.h>

#include "kernel/process/signal_frame.h"
#include "syscalls/syscall.h"

uint64_t restart_deadline(uint64_t deadline)
{
    const struct thread_restart *restart = &thread_current()->restart;

    return restart->now ? restart->deadline : deadline;
}

long restart_later(uint64_t deadline)
{
    struct thread_restart *restart = &thread_current()->restart;

    if (!restart->now)
        restart->number = syscall_frame()->error;
    restart->deadline = deadline;
    return -RESTART_TIMED;
}

/* A program may make this call itself: it then repeats its last interrupted one, with these arguments, which are checked as always. */
long sys_restart_syscall(uint64_t first, uint64_t second, uint64_t third, uint64_t fourth, uint64_t fifth,
                         uint64_t sixth)
{
    struct thread_restart *restart = &thread_current()->restart;

    if (restart->number == 0)
        return -EINTR;
    restart->now = true;
    long result = syscall_call(restart->number, first, second, third, fourth, fifth, sixth);
    restart->now = false;
    return result;
}
