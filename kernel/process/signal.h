/* Signals: what is pending, what is blocked (POSIX, Linux's numbers). What each does: signal_actions.h.
 *
 * Sending only marks and wakes; the receiving thread acts on its way back to user mode (signal_deliver). Lock: process->lock. */
#ifndef KERNEL_PROCESS_SIGNAL_H
#define KERNEL_PROCESS_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define SIGNAL_MAX 64

struct process;
struct thread;
struct trap_frame;

typedef uint64_t signal_set; /* bit n-1: signal n */
#define SIGNAL_BIT(signal)  (UINT64_C(1) << ((signal)-1))
#define SIGNALS_UNBLOCKABLE UINT64_C(0x40100) /* SIGKILL, SIGSTOP */

/* What siginfo_t tells of one signal. */
struct signal_info {
    int signal, code, error;
    int pid;
    uint32_t uid;
    uint64_t address; /* or value */
    int status;
};

/* What is pending: the set, and one information record for each signal of it that memory could be had for. One record needs none. */
struct signal_record {
    SLIST_ENTRY(signal_record) link;
    struct signal_info info;
};
struct signal_pending {
    signal_set set;
    SLIST_HEAD(, signal_record) records;
    struct signal_record first;
    bool first_used;
};

struct signal_state {
    signal_set blocked, saved_mask;
    bool restore_mask;             /* rt_sigsuspend: give saved_mask back after the handler */
    struct signal_pending pending; /* to this thread */
    uint64_t stack, stack_size;    /* sigaltstack */
    int stack_flags;
};

/* Send to a whole process, or to one thread; a fatal default action cannot be refused by the kernel's own faults (`forced`). */
void signal_send_process(struct process *process, const struct signal_info *info);
void signal_send_thread(struct thread *thread, const struct signal_info *info, bool forced);

/* The signal is ignored from here on: what is pending of it is forgotten, blocked or not (POSIX 2.4.3). Nothing happens when it is not ignored. Process lock held. */
void signal_discard_ignored(struct process *process, int signal);

/* Forget all that is pending; lock held, or nobody else knows it. */
void signal_pending_clear(struct signal_pending *pending);

/* sigaltstack's stack, for a thread that has a copy of the memory. */
static inline void signal_stack_copy(struct signal_state *to, const struct signal_state *from)
{
    to->stack = from->stack;
    to->stack_size = from->stack_size;
    to->stack_flags = from->stack_flags;
}

/* The thread is about to be killed: even sleeps that no other signal ends are over. */
bool signal_kills(const struct thread *thread);

/* A thread has left the process: what waits for the process as a whole is for one of the others. Lock held. */
void signal_pass_on_locked(struct process *process);

/* The current thread's system call returns because of a signal, with a number that only signal_deliver() may see: it looks, even if another thread takes the signal, or its
 * sender has not got round to telling this one. */
void signal_interrupts(void);

/* Is the current thread about to be killed? Then its system call is over, and user mode sees nothing of it any more (signal_interrupts). */
bool signal_killed(void);

/* On the way to user mode: run the actions of pending signals: build a handler frame, stop, or end the process. */
void signal_deliver(struct trap_frame *frame);

/* Let `mask` be what the current thread blocks, but for SIGKILL and SIGSTOP; what that lets through is delivered on the way back to user mode. */
void signal_block(signal_set mask);

#endif
