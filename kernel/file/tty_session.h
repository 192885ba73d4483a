/* Terminals and sessions: which session a terminal controls, which of its process groups may use it now, and what the others get instead (POSIX, 11.1; Linux's
 * answers).
 *
 * Context: threads; may take the process tree's lock, so no spinlock is held. */
#ifndef KERNEL_FILE_TTY_SESSION_H
#define KERNEL_FILE_TTY_SESSION_H

#include "kernel/file/tty.h"
#include "paging/types.h"

/* Make a terminal known. At start-up. */
void tty_session_add(struct tty *tty);

/* The terminal with this device number; the one that controls a session. NULL: there is none. */
struct tty *tty_of_device(uint64_t number);
struct tty *tty_of_session(int session);

/* Send to every process of a group. Any context. */
void tty_group_signal(int group, int signal);

/* The current process wants to do what only the foreground may: 0: it may. Otherwise its group has been sent `signal` (SIGTTIN, SIGTTOU), and -EINTR; or -EIO, when nobody
 * could continue it or it does not want to hear of SIGTTIN. */
long must_check tty_background(struct tty *tty, int signal);

/* TIOCSCTTY: become the controlling terminal of the current process's session, whose leader it is; `steal`: from another session, too. TIOCNOTTY. 0, -EPERM, -ENOTTY. */
long must_check tty_control_take(struct tty *tty, bool steal);
long must_check tty_control_leave(struct tty *tty);

/* TIOCSPGRP: 0, -ENOTTY when it is not the caller's terminal, -EINVAL, -ESRCH, -EPERM for a group of another session. */
long must_check tty_foreground_set(struct tty *tty, int group);

/* The leader of a session has ended: its terminal hangs up, and is free. */
void tty_session_end(int session);

#endif
