/* Processes: an address space, children, signal actions and threads, each of which has files (thread_files.h).
 *
 * A process is created by fork (or for the first program), lives as long as it has a thread, is then a zombie until its parent waits for it, and goes
 * when the last reference does. Locks: `process_tree.lock` (LOCK_PROCESS_TREE) for parent, children, ids and exit state; `lock` (LOCK_PROCESS) for threads and
 * signals. */
#ifndef KERNEL_PROCESS_PROCESS_H
#define KERNEL_PROCESS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/debug/spinlock.h"
#include "kernel/process/interval_timer.h"
#include "kernel/process/signal.h"
#include "kernel/process/thread.h"
#include "kernel/process/wait_queue.h"

struct address_space;
struct signal_actions;

#define PROCESS_NAME_MAX 16  /* as Linux's comm */
#define PROCESS_PATH_MAX 256 /* of the program, for /proc/self/exe */

struct process {
    int pid, group, session;
    uint32_t references; /* atomic */

    /* process_tree.lock */
    struct process *parent;
    TAILQ_HEAD(, process) children;
    TAILQ_ENTRY(process) sibling;
    LIST_ENTRY(process) by_pid;
    bool zombie;
    int exit_signal; /* what the parent gets at the end: SIGCHLD, or what clone asked for; 0: nothing */
    int stop_signal; /* of a stop that wait4 has not told of, 0: none */
    bool continued;  /* wait4 has not told of it */
    struct wait_queue child_events;

    /* lock */
    struct spinlock lock;
    TAILQ_HEAD(, thread) threads; /* those that have not ended */
    uint32_t thread_count;
    bool exiting;                   /* all threads are to end; `exit_status` is decided */
    struct thread *exec_thread;     /* all other threads are to end, because this one has a new program */
    struct wait_queue threads_gone; /* the exec thread waits here for them */
    int exit_status;                /* as wait4 reports it: code << 8 | signal */
    /* A stop: a thread takes the signal, all are told to stop, and the last to do so tells the parent. SIGCONT undoes it at any time. `stopped` and
     * `continue_untold` are looked at without the lock, too. */
    bool stop_taken;          /* the signal has been taken */
    bool stopped;             /* all threads are to stop */
    int stop_untold;          /* by this signal, which the parent has not been told of; 0: it has */
    uint32_t threads_stopped; /* those that have */
    bool continue_untold;     /* the parent is to hear that the process goes on */

    struct signal_actions *actions; /* counted */
    struct signal_pending pending;  /* to the process as a whole */
    uint32_t signals_sent;          /* to it by programs and terminals, which may have meant its group */
    struct interval_timer real_timer;
    bool vfork_borrowed; /* the parent sleeps on vfork_done until this process execs or exits */
    struct wait_queue vfork_done;
    struct wait_queue continued_queue; /* stopped threads sleep here */

    /* The process's own threads only. */
    struct address_space *space;
    uint64_t limits[16][2]; /* RLIMIT_*: soft, hard */
    char name[PROCESS_NAME_MAX];
    char path[PROCESS_PATH_MAX];
    uint64_t start_time; /* clock_now() */
    uint64_t run_time;   /* nanoseconds that its ended threads ran */
    uint64_t child_time; /* nanoseconds that waited-for descendants ran */

    void (*ended)(int status); /* of a process apart; never changes */
};

static inline struct process *current_process(void)
{
    return thread_current()->process;
}

/* A copy of the current process: its thread returns 0 from the system call described by `frame`. */
struct process_fork_arguments {
    vaddr_t stack; /* 0: the same */
    vaddr_t tls;   /* 0: the same */
    vaddr_t parent_tid,
        child_tid; /* user addresses that get the child's id in the parent's and the child's memory, 0: none */
    vaddr_t clear_child_tid; /* zeroed when the child ends, 0: none */
    bool vfork;              /* the caller sleeps until the child execs or exits */
    bool share_space;        /* the child runs in the parent's memory, as vfork's does */
    bool share_actions;      /* the child has the parent's signal actions, not a copy */
    unsigned share_files;    /* THREAD_FILES_* */
    bool default_actions;    /* signals that the parent handles have their default action in the child */
    int exit_signal;         /* 0: none */
};
/* The child's pid, or -ENOMEM, -EAGAIN, -RESTART_ALWAYS. */
int must_check process_fork(const struct trap_frame *frame, const struct process_fork_arguments *arguments);

/* The first process: pid 1, no memory yet; process_exec_first() gives it a program. Its end is reported to `ended`. NULL: no memory. */
must_check struct process *process_create_first(void (*ended)(int status));

/* A process without a parent, in a session of its own, no memory yet; nobody waits for it. `ended` is called when it has ended and given everything back. A reference comes with it. NULL: no
 * memory. Give up one that never got a program, with that reference. */
must_check struct process *process_create_apart(void (*ended)(int status));
void process_drop_apart(struct process *process);

/* A new thread of the current process, which begins where the system call described by `frame` returns, with 0. `arguments` as above; those about processes have no meaning. Its id, or
 * -ENOMEM, -EAGAIN, -EINTR (the process ends). */
int must_check thread_clone(const struct trap_frame *frame, const struct process_fork_arguments *arguments);

/* End the current process, all of its threads, with a wait4 status. Does not return. */
_Noreturn void process_exit(int status);

/* End the current thread; the last one ends the process. `status` counts when it is the main thread's. Does not return. */
_Noreturn void thread_exit(int status);

/* For exec: end all other threads of the current process and wait until they are gone. -EINTR: the process ends, or another thread was first. */
int must_check process_end_other_threads(void);

/* For exec, then: the current thread gives up what it holds of the old memory (robust mutexes), and has the process's id from here on. */
void process_take_id(void);

/* The thread must leave the kernel's services and end: its process ends, or another thread of it execs. */
static inline bool thread_must_end(const struct thread *thread)
{
    const struct process *process = thread->process;

    return process != NULL && (__atomic_load_n(&process->exiting, __ATOMIC_RELAXED) ||
                               (process->exec_thread != NULL && process->exec_thread != thread));
}

/* What is pending to the thread or its process, blocked or not. */
static inline signal_set signal_pending_set(const struct thread *thread)
{
    return __atomic_load_n(&thread->process->pending.set, __ATOMIC_RELAXED) |
           __atomic_load_n(&thread->signals.pending.set, __ATOMIC_RELAXED);
}

/* Something is pending that the thread must act on. Takes no lock: a hint that signal_deliver() confirms. */
static inline bool signal_is_pending(const struct thread *thread)
{
    const struct process *process = thread->process;

    return process != NULL &&
           ((signal_pending_set(thread) & (~thread->signals.blocked | SIGNALS_UNBLOCKABLE)) != 0 ||
            process->stopped || thread_must_end(thread));
}

/* Nanoseconds that all threads of the process have run. */
uint64_t process_run_time(struct process *process);

/* Call `visit` with the thread of this id, under process_tree_lock: what it returns, or -ESRCH. */
int must_check thread_with_id(int tid, int (*visit)(struct thread *thread, void *context), void *context);

#define PROCESS_EXITED(code)   (((code)&0xff) << 8)
#define PROCESS_KILLED(signal) ((signal)&0x7f)
#define PROCESS_MAX            4096

/* Wait for a child: `pid` as wait4(2): > 0 that one, 0 own group, -1 any, < -1 group -pid; `options` WNOHANG, WUNTRACED, WCONTINUED. The child's pid, its status and
 * the nanoseconds it ran; 0 with WNOHANG; or -ECHILD, -EINTR. */
int must_check process_wait(int pid, int options, int *status, uint64_t *run_time);

/* vfork's child is done with the parent's time: it has a program of its own, or has ended. */
void process_vfork_release(struct process *process);

/* The process with this id, with a reference (process_put), or NULL. */
struct process *process_find(int pid);
void process_put(struct process *process);

/* The process's address space with a reference (space_put), or NULL when it has none (any more). Any process, from anywhere: a change of process->space is made under
 * process->lock. */
must_check struct address_space *process_space_get(struct process *process);

/* Call `visit` for every process, with process_tree.lock held; stops when it returns non-zero, which is returned. */
int process_each(int (*visit)(struct process *process, void *context), void *context);

extern struct spinlock process_tree_lock;

/* Processes alive or zombie. */
unsigned process_count(void);

#endif
