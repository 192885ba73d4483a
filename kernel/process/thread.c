/* Making and unmaking threads. A new thread's stack looks as if it had called thread_switch() just before its first instruction. */
#include <stddef.h>

#include "kernel/cpu/fpu.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/process/process.h"
#include "kernel/process/run_queue.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/thread_internal.h"

/* What thread_switch() pops, lowest address first. */
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t rip;
};

void thread_first_kernel(void);
void thread_first_user(void);

static struct thread *thread_make(size_t fpu_size)
{
    /* The FPU state needs 64-byte alignment: it follows the thread in the same block. */
    size_t size = sizeof(struct thread) + (fpu_size ? fpu_size + 64 : 0);
    struct thread *thread = heap_alloc(size);

    if (thread == NULL)
        return NULL;
    memset(thread, 0, sizeof(*thread));
    thread->kernel_stack = kernel_stack_alloc();
    if (thread->kernel_stack == 0) {
        heap_free(thread);
        return NULL;
    }
    thread->kernel_stack_top = thread->kernel_stack + KERNEL_STACK_SIZE;
    thread->state = THREAD_BLOCKED;
    thread->cpu = cpu_current();
    thread->affinity = CPU_MASK_ALL;
    run_queue_weigh(thread, 0);
    thread->fpu_live = fpu_size != 0;
    if (fpu_size)
        thread->fpu_state = (void *)(((uintptr_t)(thread + 1) + 63) & ~(uintptr_t)63);
    return thread;
}

/* Those without a process, so that a debugger finds them. by_tid links them. */
static struct spinlock kernel_threads_lock = {.rank = LOCK_KERNEL_MAP, .name = "kernel threads"};
static LIST_HEAD(, thread) kernel_threads = LIST_HEAD_INITIALIZER(kernel_threads);

struct thread *thread_make_kernel(const char *name, void (*function)(void *argument), void *argument)
{
    struct thread *thread = thread_make(0);

    if (thread == NULL)
        return NULL;
    /* 16 bytes left out: RSP is aligned as at a call when the function begins (System V ABI 3.2.2). */
    struct switch_frame *frame = (struct switch_frame *)(thread->kernel_stack_top - 16) - 1;
    *frame = (struct switch_frame){
        .r12 = (uint64_t)function, .r13 = (uint64_t)argument, .rip = (uint64_t)thread_first_kernel};
    thread->saved_rsp = (uint64_t)frame;
    strlcpy(thread->name, name, sizeof(thread->name));
    spinlock_lock(&kernel_threads_lock);
    LIST_INSERT_HEAD(&kernel_threads, thread, by_tid);
    spinlock_unlock(&kernel_threads_lock);
    return thread;
}

struct thread *thread_create_kernel(const char *name, void (*function)(void *argument), void *argument)
{
    struct thread *thread = thread_make_kernel(name, function, argument);

    if (thread != NULL)
        thread_start(thread);
    return thread;
}

struct thread *thread_make_user(const struct trap_frame *frame, const struct thread *parent)
{
    struct thread *thread = thread_make(fpu_state_size());

    if (thread == NULL)
        return NULL;
    struct trap_frame *user = (struct trap_frame *)thread->kernel_stack_top - 1;
    *user = *frame;
    struct switch_frame *first = (struct switch_frame *)user - 1;
    *first = (struct switch_frame){.rip = (uint64_t)thread_first_user};
    thread->saved_rsp = (uint64_t)first;
    if (parent != NULL) {
        fpu_save(parent->fpu_state);
        memcpy(thread->fpu_state, parent->fpu_state, fpu_state_size());
        thread->fs_base = parent->fs_base;
        thread->gs_base = parent->gs_base;
        thread->signals.blocked = parent->signals.blocked;
        thread->affinity = parent->affinity;
        thread->policy = parent->policy;
        run_queue_weigh(thread, parent->nice);
        memcpy(thread->name, parent->name, sizeof(thread->name));
    } else {
        fpu_state_init(thread->fpu_state);
    }
    return thread;
}

void thread_free(struct thread *thread)
{
    if (thread->process != NULL)
        process_put(thread->process);
    if (thread->fpu_state == NULL) {
        spinlock_lock(&kernel_threads_lock);
        LIST_REMOVE(thread, by_tid);
        spinlock_unlock(&kernel_threads_lock);
    }
    ASSERT(thread->files.table == NULL, "an ended thread has given its files back");
    signal_pending_clear(&thread->signals.pending);
    kernel_stack_free(thread->kernel_stack);
    heap_free(thread);
}
