/* See tty_session.h. */
#include "kernel/file/tty_session.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

#include "kernel/process/process.h"
#include "kernel/process/signal_actions.h"

static SLIST_HEAD(, tty) ttys = SLIST_HEAD_INITIALIZER(ttys);

void tty_session_add(struct tty *tty)
{
    SLIST_INSERT_HEAD(&ttys, tty, link);
}

struct tty *tty_of_device(uint64_t number)
{
    struct tty *tty;

    SLIST_FOREACH (tty, &ttys, link)
        for (unsigned i = 0; i < TTY_NAMES_MAX; i++)
            if (tty->device[i].name != NULL && tty->device[i].number == number)
                return tty;
    return NULL;
}

struct tty *tty_of_session(int session)
{
    struct tty *tty;

    SLIST_FOREACH (tty, &ttys, link)
        if (tty->session == session)
            return tty;
    return NULL;
}

/* --- groups --- */

struct group_signal {
    int group;
    struct signal_info info;
};

static int signal_member(struct process *process, void *context)
{
    const struct group_signal *sent = context;

    if (process->group == sent->group)
        signal_send_process(process, &sent->info);
    return 0;
}

void tty_group_signal(int group, int signal)
{
    struct group_signal sent = {.group = group, .info = {.signal = signal, .code = SI_KERNEL}};

    process_each(signal_member, &sent);
}

/* Would somebody of the same session, but outside of the group, see it stop, and continue it? */
static int is_watched(struct process *process, void *context)
{
    const struct process *asked = context, *parent = process->parent;

    return process->group == asked->group && !process->zombie && parent != NULL &&
           parent->group != process->group && parent->session == process->session;
}

long tty_background(struct tty *tty, int signal)
{
    struct process *process = current_process();

    if (process == NULL || tty->session != process->session || tty->foreground == 0 ||
        tty->foreground == process->group)
        return 0;
    if (signal_handler(process->actions, signal) == HANDLER_IGNORE ||
        thread_current()->signals.blocked & SIGNAL_BIT(signal))
        return signal == SIGTTIN ? -EIO : 0;
    if (process_each(is_watched, process) == 0)
        return -EIO;
    tty_group_signal(process->group, signal);
    return -EINTR;
}

/* 1 when the group is there, 2 when it is of the session that is asked for. */
static int group_look(struct process *process, void *context)
{
    const int *wanted = context; /* group, session */

    if (process->group != wanted[0])
        return 0;
    return process->session == wanted[1] ? 2 : 1;
}

long tty_foreground_set(struct tty *tty, int group)
{
    const struct process *process = current_process();
    int wanted[2] = {group, process->session};

    if (tty->session != process->session)
        return -ENOTTY;
    if (group < 0)
        return -EINVAL;
    switch (process_each(group_look, wanted)) {
    case 0:
        return -ESRCH;
    case 1:
        return -EPERM;
    default:
        break;
    }
    spinlock_lock(&tty->lock);
    tty->foreground = group;
    spinlock_unlock(&tty->lock);
    return 0;
}

/* --- sessions --- */

void tty_control(struct tty *tty, int session)
{
    spinlock_lock(&tty->lock);
    tty->session = session;
    tty->foreground = session;
    spinlock_unlock(&tty->lock);
}

long tty_control_take(struct tty *tty, bool steal)
{
    struct process *process = current_process();

    if (process == NULL || process->pid != process->session)
        return -EPERM;
    if (tty->session == process->session)
        return 0;
    if (tty_of_session(process->session) != NULL)
        return -EPERM;
    spinlock_lock(&tty->lock);
    bool taken = tty->session == 0 || steal;
    if (taken) {
        tty->session = process->session;
        tty->foreground = process->group;
    }
    spinlock_unlock(&tty->lock);
    return taken ? 0 : -EPERM;
}

/* Nobody's any more. The group that was in the foreground. */
static int control_end(struct tty *tty, int session, bool hang_up)
{
    int group = 0;

    spinlock_lock(&tty->lock);
    if (tty->session == session) {
        group = tty->foreground;
        tty->session = tty->foreground = 0;
        if (hang_up) {
            tty->hangups++;
            terminal_init(&tty->terminal); /* whoever comes next finds it as at the start, nothing typed */
        }
    }
    spinlock_unlock(&tty->lock);
    return group;
}

/* A job may be stopped: to hear the one signal it must get the other, too. */
static void group_hang_up(int group)
{
    if (group == 0)
        return;
    tty_group_signal(group, SIGHUP);
    tty_group_signal(group, SIGCONT);
}

long tty_control_leave(struct tty *tty)
{
    const struct process *process = current_process();

    if (tty->session != process->session)
        return -ENOTTY;
    if (process->pid == process->session)
        group_hang_up(control_end(tty, process->session, false));
    return 0;
}

void tty_session_end(int session)
{
    struct tty *tty = session != 0 ? tty_of_session(session) : NULL;

    if (tty == NULL)
        return;
    group_hang_up(control_end(tty, session, true));
    wait_queue_wake_all(&tty->readers);
}
