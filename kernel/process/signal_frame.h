/* The frame of a signal handler on the user stack, as Linux lays it out (x86-64 ABI: struct rt_sigframe), and the way back from it. */
#ifndef KERNEL_PROCESS_SIGNAL_FRAME_H
#define KERNEL_PROCESS_SIGNAL_FRAME_H

#include "kernel/debug/trap_frame.h"
#include "kernel/process/signal_actions.h"
#include "paging/types.h"

/* Save the interrupted registers on the user's stack and make *frame enter the handler. A system call that the signal interrupted is set up to be made again when
 * the action has SA_RESTART. -EFAULT: the stack cannot take it. */
int must_check signal_frame_push(struct trap_frame *frame, const struct signal_info *info,
                                 const struct signal_action *action);

/* No more signals to deliver: if a system call is still marked as interrupted, set it up to be made again; give back the mask of sigsuspend. false: that lets a signal through,
 * which is delivered before the call is made again. */
bool must_check signal_frame_done(struct trap_frame *frame);

/* rt_sigreturn: the registers, the mask and the FPU state from the frame at the user's RSP. The value for RAX, or -EFAULT: the caller kills the process. */
int must_check signal_frame_pop(struct trap_frame *frame);

/* What an interrupted system call returns inside the kernel, never to user mode (signal_interrupts): when it is to be made again. The program sees EINTR else. Linux's names and numbers beside them. */
#define RESTART_CALL      512 /* ERESTARTSYS: unless a handler without SA_RESTART ran */
#define RESTART_ALWAYS    513 /* ERESTARTNOINTR: whatever ran */
#define RESTART_UNHANDLED 514 /* ERESTARTNOHAND: when no handler ran, so after a stop only */
#define RESTART_TIMED     516 /* ERESTART_RESTARTBLOCK: the same, as restart_syscall (syscalls/restart.h) */

#endif
