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
#include "kernel/process/thread_internal.h"

/* Everything of the parent that is copied and can be refused for want of memory. */
static int process_copy(struct process *child, struct process *parent)
{
    child->space = space_fork(parent->space);
    if (child->space == NULL)
        return -ENOMEM;
    if (parent->files != NULL) {
        int error = process_file_operations.fork(parent->files, &child->files);
        if (error != 0)
            return error;
    }
    child->directory = parent->directory;
    if (child->directory != NULL)
        process_file_operations.directory_get(child->directory);
    child->umask = parent->umask;
    child->actions = parent->actions;
    memcpy(child->limits, parent->limits, sizeof(child->limits));
    memcpy(child->name, parent->name, sizeof(child->name));
    memcpy(child->path, parent->path, sizeof(child->path));
    return 0;
}

void process_release_parts(struct process *process)
{
    if (process->files != NULL)
        process_file_operations.release(process->files);
    if (process->directory != NULL)
        process_file_operations.directory_put(process->directory);
    process->files = NULL;
    process->directory = NULL;
    /* From here on a switch to this thread loads the kernel's tables. */
    spinlock_lock(&process->lock); /* process_space_get() */
    struct address_space *space = process->space;
    process->space = NULL;
    spinlock_unlock(&process->lock);
    if (space == NULL)
        return;
    bool enabled = interrupts_disable();
    if (cpu_current()->space == space)
        space_activate(NULL);
    interrupts_restore(enabled);
    space_put(space);
}

static struct thread *child_thread(struct process *child, const struct trap_frame *frame,
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
    thread->process = child;
    child->references++;
    child->thread_count = 1;
    TAILQ_INSERT_TAIL(&child->threads, thread, sibling);
    return thread;
}

static void vfork_wait(struct process *child)
{
    spinlock_lock(&child->lock);
    while (child->vfork_borrowed) {
        struct wait_entry entry = {0};
        wait_begin(&child->vfork_done, &entry);
        wait_sleep(&child->lock, UINT64_MAX, false);
        wait_end(&child->vfork_done, &entry);
    }
    spinlock_unlock(&child->lock);
}

int process_fork(const struct trap_frame *frame, const struct process_fork_arguments *arguments)
{
    struct process *parent = current_process();
    struct process *child = process_make();
    struct thread *thread = NULL;

    if (child == NULL)
        return -ENOMEM;
    int result = process_copy(child, parent);
    if (result == 0 && (thread = child_thread(child, frame, arguments)) == NULL)
        result = -ENOMEM;
    if (result == 0)
        result = process_enter(child, parent);
    if (result < 0) {
        process_release_parts(child);
        if (thread != NULL)
            thread_free(thread);
        process_put(child);
        return result;
    }
    ASSERT(thread != NULL, "a child that entered the tree has a thread");
    thread->tid = result;
    child->vfork_borrowed = arguments->vfork;
    /* As on Linux, an address that cannot be written is the caller's loss, not an error. */
    if (arguments->parent_tid != 0 &&
        copy_to_user(user_pointer(int, arguments->parent_tid), &result, sizeof(result)) != 0)
        log_debug("fork: %#lx cannot take the child's id", arguments->parent_tid);
    if (arguments->child_tid != 0 &&
        space_write(child->space, arguments->child_tid, &result, sizeof(result)) != 0)
        log_debug("fork: %#lx of the child cannot take its id", arguments->child_tid);
    thread_start(thread);
    if (arguments->vfork)
        vfork_wait(child);
    process_put(child);
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
