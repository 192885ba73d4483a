/* See tty.h. */
#include "kernel/file/tty.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/fcntl.h>

#include "kernel/debug/panic.h"
#include "kernel/device/clock.h"
#include "kernel/file/node.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"

#define CHUNK      256 /* bytes moved at a time, on the stack */
#define DECISECOND (NANOSECONDS / 10)

/* asm/ioctls.h gives TCFLSH's number, but its arguments are termios.h's. */
enum { FLUSH_INPUT = 0, FLUSH_OUTPUT = 1, FLUSH_BOTH = 2 };

static SLIST_HEAD(, tty) ttys = SLIST_HEAD_INITIALIZER(ttys);

/* --- input, from interrupts --- */

static void echo(void *context, const char *text, size_t size)
{
    struct tty *tty = context;

    tty->show(tty, text, size);
}

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

/* Send to every process of a group. No lock held: the processes' locks come before the console's. */
static void group_send(int group, int signal)
{
    struct group_signal sent = {.group = group, .info = {.signal = signal, .code = SI_KERNEL}};

    process_each(signal_member, &sent);
}

void tty_input(struct tty *tty, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        spinlock_lock(&tty->lock);
        int signal = terminal_input(&tty->terminal, bytes[i], echo, tty);
        int group = tty->foreground;
        spinlock_unlock(&tty->lock);
        if (signal != 0)
            group_send(group, signal);
    }
    wait_queue_wake_all(&tty->readers);
}

/* --- reading --- */

/* The end of a wait of VTIME, which counts tenths of a second from now. */
static uint64_t time_limit(uint8_t time)
{
    return clock_now() + time * DECISECOND;
}

/* Raw mode with VMIN and VTIME: the clock starts with the first byte, and again with each that comes. */
static int wait_between_bytes(struct tty *tty, unsigned least, uint8_t time)
{
    int error = wait_event(&tty->readers, &tty->lock, terminal_readable(&tty->terminal, 1));

    while (error == 0 && !terminal_readable(&tty->terminal, least)) {
        unsigned before = terminal_waiting(&tty->terminal);
        uint64_t deadline = time_limit(time);
        error =
            wait_event_until(&tty->readers, &tty->lock, terminal_waiting(&tty->terminal) != before, deadline);
    }
    return error == -ETIMEDOUT ? 0 : error;
}

/* Wait until a read of `size` bytes should return. The lock is held. 0, also when the time is over; -EAGAIN, -EINTR. */
static int wait_readable(struct tty *tty, const struct file *file, size_t size)
{
    const struct termios *settings = &tty->terminal.settings;
    bool raw = (settings->c_lflag & ICANON) == 0;
    bool needs_none = raw && settings->c_cc[VMIN] == 0;
    uint8_t time = raw ? settings->c_cc[VTIME] : 0;
    unsigned least = raw && !needs_none ? settings->c_cc[VMIN] : 1;

    if (least > size)
        least = (unsigned)size;
    if (terminal_readable(&tty->terminal, least) || (needs_none && time == 0))
        return 0;
    if ((file->flags & O_NONBLOCK) != 0)
        return terminal_readable(&tty->terminal, 1) ? 0 : -EAGAIN;
    if (!needs_none && time > 0)
        return wait_between_bytes(tty, least, time);
    uint64_t deadline = needs_none ? time_limit(time) : UINT64_MAX;
    int error =
        wait_event_until(&tty->readers, &tty->lock, terminal_readable(&tty->terminal, least), deadline);
    return error == -ETIMEDOUT ? 0 : error;
}

static long tty_read(struct file *file, struct buffer *to, uint64_t *position)
{
    struct tty *tty = file->private;
    char chunk[CHUNK];
    size_t done = 0;
    bool ended = false;

    (void)position;
    if (to->left == 0)
        return 0;
    spinlock_lock(&tty->lock);
    long error = wait_readable(tty, file, to->left);
    while (error == 0 && to->left > 0 && !ended && terminal_readable(&tty->terminal, 1)) {
        size_t wanted = to->left < sizeof(chunk) ? to->left : sizeof(chunk);
        size_t part = terminal_read(&tty->terminal, chunk, wanted, &ended);
        spinlock_unlock(&tty->lock);
        size_t moved = buffer_put(to, chunk, part);
        done += moved;
        if (moved < part)
            error = -EFAULT;
        spinlock_lock(&tty->lock);
    }
    spinlock_unlock(&tty->lock);
    return done > 0 ? (long)done : error;
}

/* --- writing --- */

static long tty_write(struct file *file, struct buffer *from, uint64_t *position)
{
    struct tty *tty = file->private;
    char chunk[CHUNK], made[2 * CHUNK];
    size_t done = 0;
    long error = 0;

    (void)position;
    mutex_lock(&tty->output);
    while (from->left > 0 && error == 0) {
        size_t wanted = from->left < sizeof(chunk) ? from->left : sizeof(chunk);
        size_t part = buffer_take(from, chunk, wanted);
        if (part < wanted)
            error = -EFAULT;
        spinlock_lock(&tty->lock);
        size_t size = terminal_output(&tty->terminal, chunk, part, made);
        spinlock_unlock(&tty->lock);
        tty->show(tty, made, size);
        done += part;
        if (error == 0 && wait_interrupted())
            break;
    }
    mutex_unlock(&tty->output);
    size_t size = tty->reply != NULL ? tty->reply(tty, made) : 0;
    if (size > 0)
        tty_input(tty, (const uint8_t *)made, size);
    return done > 0 ? (long)done : error;
}

/* --- control --- */

static long settings_set(struct tty *tty, const void __user *from, bool flush)
{
    struct termios settings;

    int error = copy_from_user(&settings, from, sizeof(settings));
    if (error != 0)
        return error;
    spinlock_lock(&tty->lock);
    if (flush)
        terminal_flush(&tty->terminal);
    terminal_set(&tty->terminal, &settings);
    spinlock_unlock(&tty->lock);
    wait_queue_wake_all(&tty->readers);
    return 0;
}

static long settings_get(struct tty *tty, void __user *to)
{
    spinlock_lock(&tty->lock);
    struct termios settings = tty->terminal.settings;
    spinlock_unlock(&tty->lock);
    return copy_to_user(to, &settings, sizeof(settings));
}

static long window_set(struct tty *tty, const void __user *from)
{
    struct winsize window;

    int error = copy_from_user(&window, from, sizeof(window));
    if (error != 0)
        return error;
    spinlock_lock(&tty->lock);
    bool changed = window.ws_row != tty->window.ws_row || window.ws_col != tty->window.ws_col;
    tty->window = window;
    int group = tty->foreground;
    spinlock_unlock(&tty->lock);
    if (changed)
        group_send(group, SIGWINCH);
    return 0;
}

static long flush(struct tty *tty, uint64_t which)
{
    if (which > FLUSH_BOTH)
        return -EINVAL;
    if (which == FLUSH_OUTPUT)
        return 0;
    spinlock_lock(&tty->lock);
    terminal_flush(&tty->terminal);
    spinlock_unlock(&tty->lock);
    return 0;
}

static long foreground_set(struct tty *tty, const void __user *from)
{
    int group;

    int error = copy_from_user(&group, from, sizeof(group));
    if (error != 0)
        return error;
    if (group < 0)
        return -EINVAL;
    spinlock_lock(&tty->lock);
    tty->foreground = group;
    spinlock_unlock(&tty->lock);
    return 0;
}

/* Has the session that the terminal controls come to its end? No lock held. */
static bool session_over(int session)
{
    struct process *leader = session != 0 ? process_find(session) : NULL;

    if (leader == NULL)
        return true;
    bool over = leader->zombie;
    process_put(leader);
    return over;
}

/* Its controlling terminal already, or another is; not counting terminals whose session is over. */
static struct tty *tty_of_session(int session)
{
    struct tty *tty;

    SLIST_FOREACH (tty, &ttys, link)
        if (tty->session == session)
            return tty;
    return NULL;
}

void tty_control(struct tty *tty, int session)
{
    spinlock_lock(&tty->lock);
    tty->session = session;
    tty->foreground = session;
    spinlock_unlock(&tty->lock);
}

/* Become the controlling terminal of the current process's session, whose leader it is. `steal`: from another session, too. */
static long control_take(struct tty *tty, bool steal)
{
    struct process *process = current_process();

    if (process == NULL || process->pid != process->session)
        return -EPERM;
    if (tty->session == process->session)
        return 0;
    if (tty_of_session(process->session) != NULL || (!steal && !session_over(tty->session)))
        return -EPERM;
    tty_control(tty, process->session);
    spinlock_lock(&tty->lock);
    tty->foreground = process->group;
    spinlock_unlock(&tty->lock);
    return 0;
}

static long control_leave(struct tty *tty)
{
    const struct process *process = current_process();

    if (tty->session != process->session)
        return -ENOTTY;
    if (process->pid == process->session)
        tty_control(tty, 0);
    return 0;
}

static long number_get(void __user *to, int number)
{
    return copy_to_user(to, &number, sizeof(number));
}

static uint32_t waiting(struct tty *tty)
{
    spinlock_lock(&tty->lock);
    uint32_t count = terminal_waiting(&tty->terminal);
    spinlock_unlock(&tty->lock);
    return count;
}

static long tty_ioctl(struct file *file, unsigned command, uint64_t argument)
{
    void __user *user = user_pointer(void, argument);
    struct tty *tty = file->private;

    switch (command) {
    case TCGETS:
        return settings_get(tty, user);
    case TCSETS:
    case TCSETSW: /* output is never queued */
        return settings_set(tty, user, false);
    case TCSETSF:
        return settings_set(tty, user, true);
    case TIOCGWINSZ:
        return copy_to_user(user, &tty->window, sizeof(tty->window));
    case TIOCSWINSZ:
        return window_set(tty, user);
    case TIOCGPGRP:
        return number_get(user, tty->foreground);
    case TIOCSPGRP:
        return foreground_set(tty, user);
    case TIOCGSID:
        return number_get(user, tty->session);
    case FIONREAD:
        return number_get(user, (int)waiting(tty));
    case TIOCOUTQ:
        return number_get(user, 0);
    case TCFLSH:
        return flush(tty, argument);
    case TCSBRK: /* wait for the output, or send a break: nothing to wait for */
    case TCSBRKP:
    case TCXONC:
        return 0;
    case TIOCSCTTY:
        return control_take(tty, argument == 1);
    case TIOCNOTTY:
        return control_leave(tty);
    default:
        return -ENOTTY;
    }
}

static uint32_t tty_ready(struct file *file)
{
    struct tty *tty = file->private;

    spinlock_lock(&tty->lock);
    uint8_t least = tty->terminal.settings.c_cc[VMIN];
    bool readable = terminal_readable(&tty->terminal, least > 0 ? least : 1);
    spinlock_unlock(&tty->lock);
    return POLLOUT | POLLWRNORM | (readable ? POLLIN | POLLRDNORM : 0);
}

static struct wait_queue *tty_queue(struct file *file)
{
    struct tty *tty = file->private;

    return &tty->readers;
}

/* --- opening --- */

static int tty_open(struct file *file, unsigned flags)
{
    struct process *process = current_process();
    struct tty *tty;

    SLIST_FOREACH (tty, &ttys, link)
        for (unsigned i = 0; i < TTY_NAMES_MAX; i++)
            if (tty->device[i].name != NULL && tty->device[i].number == file->node->device)
                file->private = tty;
    ASSERT(file->private != NULL, "every device of these operations is a terminal's");
    /* As on Linux, a session leader without a terminal gets the one it opens, if that is free. */
    if (process != NULL && (flags & O_NOCTTY) == 0)
        (void)control_take(file->private, false);
    return 0;
}

/* /dev/tty is the controlling terminal of whoever opens it. */
static int controlling_open(struct file *file, unsigned flags)
{
    (void)flags;
    file->private = current_process() != NULL ? tty_of_session(current_process()->session) : NULL;
    return file->private != NULL ? 0 : -ENXIO;
}

#define TTY_OPERATIONS(how)                                                                                  \
    {                                                                                                        \
        .open = (how), .read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .ready = tty_ready,         \
        .queue = tty_queue,                                                                                  \
    }

static const struct file_operations operations = TTY_OPERATIONS(tty_open);
static const struct file_operations controlling_operations = TTY_OPERATIONS(controlling_open);

void tty_register(struct tty *tty)
{
    tty->lock = SPINLOCK_INIT(LOCK_DEVICE, "terminal");
    wait_queue_init(&tty->readers);
    mutex_init(&tty->output, MUTEX_NODE, "terminal output");
    terminal_init(&tty->terminal);
    SLIST_INSERT_HEAD(&ttys, tty, link);
    for (unsigned i = 0; i < TTY_NAMES_MAX && tty->device[i].name != NULL; i++) {
        tty->device[i].operations = &operations;
        character_device_register(&tty->device[i]);
    }
}

void tty_controlling_register(void)
{
    static struct character_device device = {
        .name = "tty",
        .number = DEVICE_NUMBER(TTY_CONSOLE_MAJOR, 0),
        .permissions = 0666,
        .operations = &controlling_operations,
    };

    character_device_register(&device);
}
