/* Between the files that make, end and reap processes. */
#ifndef KERNEL_PROCESS_PROCESS_INTERNAL_H
#define KERNEL_PROCESS_PROCESS_INTERNAL_H

#include "kernel/process/process.h"

/* Pid 1: the parent of orphans; its end ends the machine. */
extern struct process *first_process;

/* An empty process with one reference, in no tree, which takes the reference to the actions over. NULL: no memory. */
must_check struct process *process_make(struct signal_actions *actions);

/* Give it a pid and a place below `parent` (NULL: it is the first, or apart). The pid, or -EAGAIN; -RESTART_ALWAYS when the parent was sent a signal since `signals_sent` was read: it may have been for the
 * group, and the child, which is not in it yet, would be without. */
int must_check process_enter(struct process *process, struct process *parent, uint32_t signals_sent);

/* The thread, which nobody knows yet, is one of the process's, which thread_free() gives back. */
void thread_set_process(struct thread *thread, struct process *process);

/* A new id for a thread, entered; or -EAGAIN. From here on others find it: thread->process is set. */
int must_check thread_enter_id(struct thread *thread);

/* Enter the main thread under its process's id; thread->process is set. */
void thread_enter_main(struct thread *thread);

/* Nobody finds the thread by its id any more. */
void thread_leave_id(struct thread *thread);

/* Make the thread a member of its process: -EINTR when that ends. */
int must_check thread_join_process(struct thread *thread);

/* The running thread uses no address space any more. */
void thread_leave_space(struct thread *thread);

/* Take a reaped process out of the tree; process_tree_lock held. The caller then drops the tree's reference. */
void process_leave_locked(struct process *process);

/* Give back the memory of the current process, or of one that has never run. */
void process_release_space(struct process *process);

/* All threads of the process are to end, and it with this wait4 status; unless that is decided already. process->lock held. */
void process_exit_begin_locked(struct process *process, int status);

/* Tell the parent of a change: wake wait4 and send SIGCHLD. process_tree_lock held. */
void process_notify_parent_locked(struct process *process, int code, int status);

#endif
