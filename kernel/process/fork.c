/* Making processes: fork and the first one. */
#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/space_access.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_actions.h"
#include "kernel/process/signal_frame.h"
#include "kernel/process/thread_internal.h"

struct thread_file_operations thread_file_operations;

/* What of the parent a child gets, shared or copied. */
static int process_copy(struct process *child, struct process *parent,
                        const struct process_fork_arguments *arguments)
{
    bool share_space = arguments->share_space;

    if (share_space)
        space_get(parent->space);
    child->space = share_space ? parent->space : space_fork(parent->space);
    if (child->space == NULL)
        return -ENOMEM;
    if (arguments->default_actions)
        signal_actions_reset(child->actions);
    child->exit_signal = arguments->exit_signal;
    memcpy(child->limits, parent->limits, sizeof(child->limits));
    memcpy(child->name, parent->name, sizeof(child->name));
    memcpy(child->path, parent->path, sizeof(child->path));
    return 0;
}

void thread_leave_space(struct thread *thread)
{
    bool enabled = interrupts_disable();

    /* From here on a switch to this thread loads the kernel's tables. */
    thread->space = NULL;
    space_activate(NULL);
    interrupts_restore(enabled);
}

void process_release_space(struct process *process)
{
    spinlock_lock(&process->lock); /* process_space_get() */
    struct address_space *space = process->space;
    process->space = NULL;
    spinlock_unlock(&process->lock);
    if (space != NULL)
        space_put(space);
}

/* A thread of `process`, not joined yet, that returns 0 from the caller's system call. NULL: no memory. */
static struct thread *thread_copy(const struct trap_frame *frame, struct process *process,
                                  const struct process_fork_arguments *arguments)
{
    struct trap_frame registers = *frame;

    registers.rax = 0;
    if (arguments->stack != 0)
        registers.rsp = arguments->stack;
    struct thread *thread = thread_make_user(&registers, thread_current());
    if (thread == NULL)
        return NULL;
    if (arguments->tls != 0)
        thread->fs_base = arguments->tls;
    thread->clear_child_tid = arguments->clear_child_tid;
    if (thread_file_operations.clone(&thread_current()->files, arguments->share_files, &thread->files) != 0) {
        thread_free(thread);
        return NULL;
    }
    thread_set_process(thread, process);
    return thread;
}

/* One that has not begun. */
static void thread_drop(struct thread *thread)
{
    thread_file_operations.release(&thread->files);
    thread_free(thread);
}

/* Only the parent's end makes this return before the child has a program of its own or has ended. */
static void vfork_wait(struct process *child)
{
    spinlock_lock(&child->lock);
    while (child->vfork_borrowed && !signal_killed()) {
        struct wait_entry entry = {0};
        wait_begin(&child->vfork_done, &entry);
        wait_sleep(&child->lock, UINT64_MAX, SLEEP_KILLABLE);
        wait_end(&child->vfork_done, &entry);
    }
    spinlock_unlock(&child->lock);
}

/* As on Linux, an address that cannot be written is the caller's loss, not an error. */
static void id_tell(struct address_space *space, vaddr_t address, int id)
{
    if (address != 0 && space_write(space, address, &id, sizeof(id)) != 0)
        log_debug("clone: %#lx cannot take the id %d", address, id);
}

/* Is the process about to act on a signal, be it by another thread? Who acts says so under the lock under which it takes the signal. */
static bool signal_is_under_way(struct process *process)
{
    spinlock_lock(&process->lock);
    bool under_way = signal_is_pending(thread_current()) || process->stop_taken;
    spinlock_unlock(&process->lock);
    return under_way;
}

int process_fork(const struct trap_frame *frame, const struct process_fork_arguments *arguments)
{
    struct process *parent = current_process();
    uint32_t signals_sent = __atomic_load_n(&parent->signals_sent, __ATOMIC_ACQUIRE);

    /* One sent before is acted on before, as it may be for the group; process_enter() sees one that is sent from here on. */
    if (signal_is_under_way(parent)) {
        signal_interrupts();
        return -RESTART_ALWAYS;
    }
    struct process *child =
        process_make(arguments->share_actions ? signal_actions_share() : signal_actions_copy(parent));
    struct thread *thread = NULL;

    if (child == NULL)
        return -ENOMEM;
    int result = process_copy(child, parent, arguments);
    if (result == 0)
        result =
            (thread = thread_copy(frame, child, arguments)) != NULL ? thread_join_process(thread) : -ENOMEM;
    if (result == 0)
        result = process_enter(child, parent, signals_sent);
    if (result < 0) {
        process_release_space(child);
        if (thread != NULL)
            thread_drop(thread);
        process_put(child);
        return result;
    }
    ASSERT(thread != NULL, "a child that entered the tree has a thread");
    /* A copy of the memory has the alternate stack too; one who shares the memory must not use it at the same time. */
    if (!arguments->share_space || arguments->vfork)
        signal_stack_copy(&thread->signals, &thread_current()->signals);
    thread_enter_main(thread);
    child->vfork_borrowed = arguments->vfork;
    id_tell(parent->space, arguments->parent_tid, result);
    id_tell(child->space, arguments->child_tid, result);
    thread_start(thread);
    if (arguments->vfork)
        vfork_wait(child);
    process_put(child);
    return result;
}

int thread_clone(const struct trap_frame *frame, const struct process_fork_arguments *arguments)
{
    struct process *process = current_process();
    struct thread *thread = thread_copy(frame, process, arguments);

    if (thread == NULL)
        return -ENOMEM;
    int result = thread_enter_id(thread);
    if (result < 0) {
        thread_drop(thread);
        return result;
    }
    id_tell(process->space, arguments->parent_tid, result);
    id_tell(process->space, arguments->child_tid, result);
    int error = thread_join_process(thread);
    if (error != 0) {
        thread_leave_id(thread);
        thread_drop(thread);
        return error;
    }
    thread_start(thread);
    return result;
}

void process_vfork_release(struct process *process)
{
    spinlock_lock(&process->lock);
    bool borrowed = process->vfork_borrowed;
    process->vfork_borrowed = false;
    spinlock_unlock(&process->lock);
    if (borrowed)
        wait_queue_wake_all(&process->vfork_done);
}
