/* The machine and its limits: uname, sysinfo, getrandom, resource limits. */
#include <asm/errno.h>
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "kernel/cpu/random.h"
#include "kernel/device/clock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "paging/paging.h"
#include "syscalls/syscall.h"
#include "syscalls/system.h"

long sys_uname(struct new_utsname __user *to)
{
    /* The release is that of the Linux interface Quire answers to: programs compare it. */
    static const struct new_utsname names = {
        .sysname = "Quire",
        .nodename = "quire",
        .release = "6.1.0-quire",
        .version = "#1",
        .machine = "x86_64",
        .domainname = "(none)",
    };
    return copy_to_user(to, &names, sizeof(names));
}

long sys_sysinfo(struct sysinfo __user *to)
{
    struct frame_statistics frames;

    frame_statistics(&frames);
    struct sysinfo info;
    memset(&info, 0, sizeof(info)); /* the gaps between its members too */
    info.uptime = (long)(clock_now() / NANOSECONDS);
    info.totalram = frames.memory * PAGE_SIZE;
    info.freeram = (frames.free + kernel_stacks_cached()) * PAGE_SIZE;
    info.procs = (uint16_t)process_count();
    info.mem_unit = 1;
    return copy_to_user(to, &info, sizeof(info));
}

#define RANDOM_PIECE 256

long sys_getrandom(uint64_t to, size_t size, unsigned flags)
{
    uint8_t bytes[RANDOM_PIECE];
    size_t done = 0;

    if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if (size > INT32_MAX)
        size = INT32_MAX;
    while (done < size) {
        size_t piece = size - done < sizeof(bytes) ? size - done : sizeof(bytes);
        random_bytes(bytes, piece);
        size_t left = copy_to_user_partial(user_pointer(void, to + done), bytes, piece);
        done += piece - left;
        if (left != 0)
            return done > 0 ? (long)done : -EFAULT;
        if (signal_is_pending(thread_current()) && done < size && done >= PAGE_SIZE)
            break;
        scheduler_relax();
    }
    return (long)done;
}

static int limit_set(struct process *process, unsigned resource, const struct rlimit64 *wanted)
{
    if (wanted->rlim_cur > wanted->rlim_max)
        return -EINVAL;
    if (resource == RLIMIT_NOFILE && wanted->rlim_max > 1024)
        return -EPERM;
    process->limits[resource][0] = wanted->rlim_cur;
    process->limits[resource][1] = wanted->rlim_max;
    if (resource == RLIMIT_STACK)
        process->space->stack_limit = wanted->rlim_cur;
    return 0;
}

long sys_prlimit64(int pid, unsigned resource, const struct rlimit64 __user *new, struct rlimit64 __user *old)
{
    struct process *self = current_process();
    struct rlimit64 wanted;

    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (pid != 0 && pid != self->pid)
        return -ESRCH;
    if (user_address(new) != 0 && copy_from_user(&wanted, new, sizeof(wanted)) != 0)
        return -EFAULT;
    struct rlimit64 before = {self->limits[resource][0], self->limits[resource][1]};
    if (user_address(new) != 0) {
        int error = limit_set(self, resource, &wanted);
        if (error != 0)
            return error;
    }
    return user_address(old) != 0 ? copy_to_user(old, &before, sizeof(before)) : 0;
}

long sys_getrlimit(unsigned resource, struct rlimit64 __user *to)
{
    return user_address(to) == 0 ? -EFAULT : sys_prlimit64(0, resource, NULL, to);
}

long sys_setrlimit(unsigned resource, const struct rlimit64 __user *from)
{
    return user_address(from) == 0 ? -EFAULT : sys_prlimit64(0, resource, from, NULL);
}
