/* The scheduler: yield, affinity, nice, policies. */
#include "syscalls/schedule.h"

#include <asm/errno.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time.h>

#include "kernel/cpu/cpus.h"
#include "kernel/device/clock.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"
#include "kernel/process/run_queue.h"
#include "kernel/process/scheduler.h"
#include "syscalls/syscall.h"

#define REAL_TIME_PRIORITY_MIN 1
#define REAL_TIME_PRIORITY_MAX 99
#define NICE_ZERO              20 /* getpriority() returns 20 - nice, so that no result looks like an error */

long sys_sched_yield(void)
{
    scheduler_yield();
    return 0;
}

/* --- where threads run --- */

static int affinity_set(struct thread *thread, void *context)
{
    return thread_set_affinity(thread, context);
}

static int affinity_get(struct thread *thread, void *context)
{
    *(struct cpu_mask *)context = thread->affinity;
    return 0;
}

long sys_sched_setaffinity(int tid, size_t size, const void __user *from)
{
    struct cpu_mask mask = {0};

    if (tid < 0)
        return -ESRCH;
    if (copy_from_user(&mask, from, size < sizeof(mask) ? size : sizeof(mask)) != 0)
        return -EFAULT;
    /* The current thread moves at once, which it cannot do with the lock of thread_with_id() held. */
    if (tid == 0 || tid == thread_current()->tid)
        return thread_set_affinity(thread_current(), &mask);
    return thread_with_id(tid, affinity_set, &mask);
}

/* As on Linux: the bytes that were written. */
long sys_sched_getaffinity(int tid, size_t size, void __user *to)
{
    struct cpu_mask mask;
    uint32_t count = cpu_count_now();
    size_t bytes = (count + 63) / 64 * sizeof(uint64_t);

    if (tid < 0)
        return -ESRCH;
    if (size < bytes || size % sizeof(uint64_t) != 0)
        return -EINVAL;
    int error = thread_with_id(tid ? tid : thread_current()->tid, affinity_get, &mask);
    if (error != 0)
        return error;
    for (uint32_t id = count; id < CPU_MAX; id++)
        mask.word[id / 64] &= ~(UINT64_C(1) << id % 64);
    return copy_to_user(to, &mask, bytes) != 0 ? -EFAULT : (long)bytes;
}

long sys_getcpu(uint32_t __user *cpu, uint32_t __user *node, void __user *unused)
{
    uint32_t id = cpu_current()->id, zero = 0;

    (void)unused;
    if (user_address(cpu) != 0 && copy_to_user(cpu, &id, sizeof(id)) != 0)
        return -EFAULT;
    return user_address(node) != 0 ? copy_to_user(node, &zero, sizeof(zero)) : 0;
}

/* --- how much of it they get --- */

struct nice_request {
    int which, who;
    int nice;    /* to set */
    int highest; /* found: 20 - the lowest nice */
    bool set;
};

static void nice_thread(struct nice_request *request, struct thread *thread)
{
    if (request->set)
        thread_set_nice(thread, request->nice);
    if (NICE_ZERO - thread->nice > request->highest)
        request->highest = NICE_ZERO - thread->nice;
}

static int nice_of_thread(struct thread *thread, void *context)
{
    nice_thread(context, thread);
    return 0;
}

/* Under process_tree_lock. */
static int nice_of_process(struct process *process, void *context)
{
    struct nice_request *request = context;
    struct thread *thread;

    if (request->which == PRIO_PGRP && process->group != request->who)
        return 0;
    spinlock_lock(&process->lock);
    TAILQ_FOREACH (thread, &process->threads, sibling)
        nice_thread(request, thread);
    spinlock_unlock(&process->lock);
    return 0;
}

static long nice_apply(struct nice_request *request)
{
    int error = 0;

    switch (request->which) {
    case PRIO_PROCESS: /* as on Linux, one thread */
        error = thread_with_id(request->who ? request->who : thread_current()->tid, nice_of_thread, request);
        break;
    case PRIO_PGRP:
        if (request->who == 0)
            request->who = current_process()->group;
        process_each(nice_of_process, request);
        break;
    case PRIO_USER: /* there is one user */
        if (request->who == 0)
            process_each(nice_of_process, request);
        break;
    default:
        return -EINVAL;
    }
    if (error != 0 || request->highest == 0)
        return -ESRCH;
    return request->set ? 0 : request->highest;
}

long sys_getpriority(int which, int who)
{
    struct nice_request request = {.which = which, .who = who};

    return nice_apply(&request);
}

long sys_setpriority(int which, int who, int nice)
{
    struct nice_request request = {.which = which, .who = who, .set = true};

    request.nice = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
    return nice_apply(&request);
}

/* --- policies: all are the fair one; batch and idle are names that programs may set --- */

static bool policy_known(int policy)
{
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static int policy_set(struct thread *thread, void *context)
{
    thread->policy = *(const int *)context;
    return 0;
}

static int policy_get(struct thread *thread, void *context)
{
    *(int *)context = thread->policy;
    return 0;
}

static long policy_read(int tid, int *policy)
{
    if (tid < 0)
        return -EINVAL;
    return thread_with_id(tid ? tid : thread_current()->tid, policy_get, policy);
}

long sys_sched_setscheduler(int tid, int policy, const int __user *from)
{
    int priority;

    policy &= ~SCHED_RESET_ON_FORK;
    if (tid < 0)
        return -EINVAL;
    if (copy_from_user(&priority, from, sizeof(priority)) != 0)
        return -EFAULT;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return priority < REAL_TIME_PRIORITY_MIN || priority > REAL_TIME_PRIORITY_MAX ? -EINVAL : -EPERM;
    if (!policy_known(policy) || priority != 0)
        return -EINVAL;
    return thread_with_id(tid ? tid : thread_current()->tid, policy_set, &policy);
}

long sys_sched_getscheduler(int tid)
{
    int policy;
    long error = policy_read(tid, &policy);

    return error != 0 ? error : policy;
}

long sys_sched_setparam(int tid, const int __user *from)
{
    int policy, priority;
    long error = policy_read(tid, &policy);

    if (error != 0)
        return error;
    if (copy_from_user(&priority, from, sizeof(priority)) != 0)
        return -EFAULT;
    return priority == 0 ? 0 : -EINVAL;
}

long sys_sched_getparam(int tid, int __user *to)
{
    static const int zero;
    int policy;
    long error = policy_read(tid, &policy);

    return error != 0 ? error : copy_to_user(to, &zero, sizeof(zero));
}

static long priority_limit(int policy, int real_time)
{
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return real_time;
    return policy_known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(int policy)
{
    return priority_limit(policy, REAL_TIME_PRIORITY_MAX);
}

long sys_sched_get_priority_min(int policy)
{
    return priority_limit(policy, REAL_TIME_PRIORITY_MIN);
}

long sys_sched_rr_get_interval(int tid, struct timespec __user *to)
{
    static const struct timespec slice = {0, (long)SCHEDULER_SLICE};
    int policy;
    long error = policy_read(tid, &policy);

    return error != 0 ? error : copy_to_user(to, &slice, sizeof(slice));
}
