/* See test_threads.h. */
#include "kernel/process/test_threads.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/registers.h"
#include "kernel/device/clock.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread.h"
#include "kernel/process/wait_queue.h"

static struct spinlock lock = {.rank = LOCK_DEVICE, .name = "test threads"};
static struct wait_queue ended = WAIT_QUEUE_INIT(ended);
static unsigned running;
static void (*run)(unsigned number);

static void thread_run(void *number)
{
    run((unsigned)(uintptr_t)number);
    spinlock_lock(&lock);
    running--;
    wait_queue_wake_all(&ended);
    spinlock_unlock(&lock);
}

int test_threads_start(const char *name, unsigned count, void (*function)(unsigned number))
{
    run = function;
    for (unsigned i = 0; i < count; i++) {
        spinlock_lock(&lock);
        running++;
        spinlock_unlock(&lock);
        if (thread_create_kernel(name, thread_run, (void *)(uintptr_t)i) != NULL)
            continue;
        spinlock_lock(&lock);
        running--;
        spinlock_unlock(&lock);
        return -ENOMEM;
    }
    return 0;
}

int test_threads_end(void)
{
    uint64_t deadline = clock_now() + TEST_PATIENCE;

    spinlock_lock(&lock);
    int error = wait_event_until(&ended, &lock, running == 0, deadline);
    spinlock_unlock(&lock);
    return error;
}

int test_threads_run(const char *name, unsigned count, void (*function)(unsigned number))
{
    int error = test_threads_start(name, count, function);
    int end = test_threads_end();

    return error != 0 ? error : end;
}

void test_pause(void)
{
    cpu_relax();
    scheduler_yield();
}

void test_sleep(uint64_t nanoseconds)
{
    static struct wait_queue never = WAIT_QUEUE_INIT(never);
    uint64_t deadline = clock_now() + nanoseconds;

    spinlock_lock(&lock);
    int error = wait_event_until(&never, &lock, false, deadline);
    spinlock_unlock(&lock);
    (void)error;
}

uint32_t test_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}
