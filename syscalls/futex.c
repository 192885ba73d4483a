/* futex and robust lists. */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/time.h>

#include "kernel/device/clock.h"
#include "kernel/process/futex.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"
#include "syscalls/futex.h"
#include "syscalls/restart.h"
#include "syscalls/syscall.h"
#include "syscalls/time.h"

/* When to give up: from now for FUTEX_WAIT, a point on the clock that the flags name for FUTEX_WAIT_BITSET. */
static int deadline_read(int operation, uint64_t from, struct futex_deadline *deadline)
{
    uint64_t time;

    *deadline = (struct futex_deadline){.time = UINT64_MAX};
    if (from == 0)
        return 0;
    int error = timespec_read(user_pointer(const struct timespec, from), &time);
    if (error != 0)
        return error;
    if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT)
        deadline->time = restart_deadline(clock_now() + time);
    else
        *deadline = (struct futex_deadline){time, (operation & FUTEX_CLOCK_REALTIME) != 0};
    return 0;
}

static long wait(uint64_t address, int operation, uint32_t value, uint64_t timeout, uint32_t bitset)
{
    enum futex_scope scope = operation & FUTEX_PRIVATE_FLAG ? FUTEX_PRIVATE : FUTEX_SHARED;
    struct futex_deadline deadline;

    int error = deadline_read(operation, timeout, &deadline);
    if (error != 0)
        return error;
    error = futex_wait(address, scope, value, deadline, bitset);
    if (error != -EINTR)
        return error;
    return timeout == 0 ? -RESTART_CALL : restart_later(deadline.time);
}

long sys_futex(uint64_t address, int operation, uint32_t value, uint64_t timeout, uint64_t second,
               uint32_t third)
{
    enum futex_scope scope = operation & FUTEX_PRIVATE_FLAG ? FUTEX_PRIVATE : FUTEX_SHARED;
    int command = operation & FUTEX_CMD_MASK;
    int most = (int)value, count = (int)timeout; /* of the calls that have no time-out */

    if (operation & FUTEX_CLOCK_REALTIME && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    switch (command) {
    case FUTEX_WAIT:
        return wait(address, operation, value, timeout, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
        return wait(address, operation, value, timeout, third);
    case FUTEX_WAKE:
        return futex_wake(address, scope, most, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(address, scope, most, third);
    case FUTEX_REQUEUE:
        return futex_requeue(address, second, scope, most, count, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(address, second, scope, most, count, &third);
    case FUTEX_WAKE_OP:
        return futex_wake_operation(address, second, scope, most, count, third);
    default:
        return -ENOSYS;
    }
}

long sys_set_robust_list(uint64_t head, size_t size)
{
    if (size != sizeof(struct robust_list_head))
        return -EINVAL;
    thread_current()->robust_list = head;
    return 0;
}

static int robust_list_read(struct thread *thread, void *context)
{
    *(uint64_t *)context = thread->robust_list;
    return 0;
}

long sys_get_robust_list(int tid, uint64_t __user *head, uint64_t __user *size)
{
    static const uint64_t head_size = sizeof(struct robust_list_head);
    uint64_t list;

    if (tid < 0)
        return -ESRCH;
    int error = thread_with_id(tid ? tid : thread_current()->tid, robust_list_read, &list);
    if (error != 0)
        return error;
    return copy_to_user(head, &list, sizeof(list)) != 0 ||
                   copy_to_user(size, &head_size, sizeof(head_size)) != 0
               ? -EFAULT
               : 0;
}
