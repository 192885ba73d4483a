/* See out_of_memory.h. */
#include "kernel/process/out_of_memory.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <stddef.h>

#include "kernel/debug/log.h"
#include "kernel/device/clock.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"
#include "paging/paging.h"

#define PATIENCE UINT64_C(1000000000) /* nanoseconds for the victim to end, before another is chosen */

/* Read and written without a lock: at worst two processes are ended where one would have done. */
static int victim; /* pid that was told to end; 0: none */
static uint64_t victim_time;

struct search {
    int largest; /* pid; 0: none */
    uint64_t pages;
};

static int footprint_visit(struct process *process, void *context)
{
    struct search *search = context;

    /* The lock keeps the space there. It is read without its mutex: a count that is a little old chooses as well. */
    spinlock_lock(&process->lock);
    bool lives = !process->zombie && !process->exiting && process->space != NULL;
    uint64_t pages = lives ? process->space->pages_resident : 0;
    spinlock_unlock(&process->lock);
    if (lives && process != first_process && (search->largest == 0 || pages > search->pages)) {
        search->largest = process->pid;
        search->pages = pages;
    }
    return 0;
}

/* The process to end; its pid, or 0 when an earlier victim has still time to go. */
static int victim_choose(struct search *search)
{
    uint64_t now = clock_now();

    if (victim != 0 && now - victim_time < PATIENCE) {
        struct process *earlier = process_find(victim);
        bool going = earlier != NULL && !earlier->zombie;
        if (earlier != NULL)
            process_put(earlier);
        if (going)
            return 0;
    }
    process_each(footprint_visit, search);
    if (search->largest == 0)
        search->largest = current_process()->pid;
    victim = search->largest;
    victim_time = now;
    return victim;
}

bool out_of_memory(void)
{
    struct search search = {0};

    if (kernel_stacks_drop_cached())
        return true;
    struct signal_info info = {.signal = SIGKILL, .code = SI_KERNEL};
    int pid = victim_choose(&search);

    if (pid != 0) {
        struct process *process = process_find(pid);
        if (process != NULL) {
            log_warning("memory is exhausted: killing %s (%d), the largest process with %lu KiB",
                        process->name, pid, search.pages * (PAGE_SIZE / 1024));
            signal_send_process(process, &info);
            process_put(process);
        }
    }
    if (victim == current_process()->pid)
        return false;
    scheduler_yield();
    return true;
}
