/* See tty.h. */
#include "kernel/file/tty.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <linux/fcntl.h>

#include "kernel/debug/panic.h"
#include "kernel/device/clock.h"
#include "kernel/file/node.h"
#include "kernel/file/tty_session.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_frame.h"

#define CHUNK      256 /* bytes moved at a time, on the stack */
#define DECISECOND (NANOSECONDS / 10)

/* asm/ioctls.h gives TCFLSH's number, but its arguments are termios.h's. */
enum { FLUSH_INPUT = 0, FLUSH_OUTPUT = 1, FLUSH_BOTH = 2 };

/* An open file of a terminal. */
struct tty_file {
    struct tty *tty;
    unsigned hangups; /* the terminal's when it was opened */
    bool stays;       /* /dev/console: it does not hang up */
};

static struct tty *tty_of(const struct file *file)
{
    return ((const struct tty_file *)file->private)->tty;
}

/* Has the session that it was opened in come to its end? */
static bool hung_up(const struct file *file)
{
    const struct tty_file *open = file->private;

    return !open->stays && open->hangups != __atomic_load_n(&open->tty->hangups, __ATOMIC_RELAXED);
}

/* --- input, from interrupts --- */

static void echo(void *context, const char *text, size_t size)
{
    struct tty *tty = context;

    tty->show(tty, text, size);
}

void tty_input(struct tty *tty, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        spinlock_lock(&tty->lock);
        int signal = terminal_input(&tty->terminal, bytes[i], echo, tty);
        int group = tty->foreground;
        spinlock_unlock(&tty->lock);
        if (signal != 0)
            tty_group_signal(group, signal);
    }
    wait_queue_wake_all(&tty->readers);
}

/* --- reading --- */

/* The end of a wait of VTIME, which counts tenths of a second from now. */
static uint64_t time_limit(uint8_t time)
{
    return clock_now() + time * DECISECOND;
}

/* There is as much as is waited for, or nothing will come any more. The lock is held. */
static bool read_ends(const struct tty *tty, const struct file *file, unsigned least)
{
    return terminal_readable(&tty->terminal, least) || hung_up(file);
}

/* Raw mode with VMIN and VTIME: the clock starts with the first byte, and again with each that comes. */
static int wait_between_bytes(struct tty *tty, const struct file *file, unsigned least, uint8_t time)
{
    int error = wait_event(&tty->readers, &tty->lock, read_ends(tty, file, 1));

    while (error == 0 && !read_ends(tty, file, least)) {
        unsigned before = terminal_waiting(&tty->terminal);
        uint64_t deadline = time_limit(time);
        error = wait_event_until(&tty->readers, &tty->lock,
                                 hung_up(file) || terminal_waiting(&tty->terminal) != before, deadline);
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
    if (read_ends(tty, file, least) || (needs_none && time == 0))
        return 0;
    if ((file->flags & O_NONBLOCK) != 0)
        return terminal_readable(&tty->terminal, 1) ? 0 : -EAGAIN;
    if (!needs_none && time > 0)
        return wait_between_bytes(tty, file, least, time);
    uint64_t deadline = needs_none ? time_limit(time) : UINT64_MAX;
    int error = wait_event_until(&tty->readers, &tty->lock, read_ends(tty, file, least), deadline);
    return error == -ETIMEDOUT ? 0 : error;
}

static long tty_read(struct file *file, struct buffer *to, uint64_t *position)
{
    struct tty *tty = tty_of(file);
    char chunk[CHUNK];
    size_t done = 0;
    bool ended = false;

    (void)position;
    if (to->left == 0 || hung_up(file))
        return 0;
    long error = tty_background(tty, SIGTTIN);
    if (error != 0)
        return error;
    spinlock_lock(&tty->lock);
    error = wait_readable(tty, file, to->left);
    while (error == 0 && to->left > 0 && !ended && !hung_up(file) && terminal_readable(&tty->terminal, 1)) {
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
    struct tty *tty = tty_of(file);
    char chunk[CHUNK], made[2 * CHUNK];
    size_t done = 0;
    long error = hung_up(file) ? -EIO : 0;

    (void)position;
    if (error == 0 && tty->terminal.settings.c_lflag & TOSTOP)
        error = tty_background(tty, SIGTTOU);
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
        tty_group_signal(group, SIGWINCH);
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
    return error != 0 ? error : tty_foreground_set(tty, group);
}

static long number_get(void __user *to, int number)
{
    return copy_to_user(to, &number, sizeof(number));
}

/* One that only the terminal's own session is told. */
static long own_number_get(const struct tty *tty, void __user *to, int number)
{
    return tty->session == current_process()->session ? number_get(to, number) : -ENOTTY;
}

static uint32_t waiting(struct tty *tty)
{
    spinlock_lock(&tty->lock);
    uint32_t count = terminal_waiting(&tty->terminal);
    spinlock_unlock(&tty->lock);
    return count;
}

/* What a job in the background does not do while another is in the foreground. */
static long background_refuse(struct tty *tty, unsigned command)
{
    switch (command) {
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCFLSH:
    case TCSBRK:
    case TCSBRKP:
    case TCXONC:
    case TIOCSPGRP:
        break;
    default:
        return 0;
    }
    long error = tty_background(tty, SIGTTOU);
    return error == -EINTR ? -RESTART_CALL : error;
}

static long tty_ioctl(struct file *file, unsigned command, uint64_t argument)
{
    void __user *user = user_pointer(void, argument);
    struct tty *tty = tty_of(file);

    if (hung_up(file))
        return command == TIOCSPGRP ? -ENOTTY : -EIO;
    long error = background_refuse(tty, command);
    if (error != 0)
        return error;
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
        return own_number_get(tty, user, tty->foreground);
    case TIOCSPGRP:
        return foreground_set(tty, user);
    case TIOCGSID:
        return own_number_get(tty, user, tty->session);
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
        return tty_control_take(tty, argument == 1);
    case TIOCNOTTY:
        return tty_control_leave(tty);
    default:
        return -ENOTTY;
    }
}

static uint32_t tty_ready(struct file *file)
{
    struct tty *tty = tty_of(file);

    if (hung_up(file))
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    spinlock_lock(&tty->lock);
    uint8_t least = tty->terminal.settings.c_cc[VMIN];
    bool readable = terminal_readable(&tty->terminal, least > 0 ? least : 1);
    spinlock_unlock(&tty->lock);
    return POLLOUT | POLLWRNORM | (readable ? POLLIN | POLLRDNORM : 0);
}

static struct wait_queue *tty_queue(struct file *file)
{
    return &tty_of(file)->readers;
}

/* --- opening --- */

static int file_attach(struct file *file, struct tty *tty, bool stays)
{
    struct tty_file *open = heap_alloc(sizeof(*open));

    if (open == NULL)
        return -ENOMEM;
    *open = (struct tty_file){.tty = tty, .hangups = tty->hangups, .stays = stays};
    file->private = open;
    return 0;
}

static void tty_release(struct file *file)
{
    heap_free(file->private);
}

static int tty_open(struct file *file, unsigned flags)
{
    const struct process *process = current_process();
    struct tty *tty = tty_of_device(file->node->device);

    ASSERT(tty != NULL, "every device of these operations is a terminal's");
    bool console = file->node->device >> 8 == TTY_CONSOLE_MAJOR;
    int error = file_attach(file, tty, console);
    /* As on Linux, a session leader without a terminal gets the one it opens, if that is free. */
    if (error == 0 && process != NULL && (flags & O_NOCTTY) == 0 && !console)
        (void)tty_control_take(tty, false);
    return error;
}

/* /dev/tty is the controlling terminal of whoever opens it. */
static int controlling_open(struct file *file, unsigned flags)
{
    struct tty *tty = current_process() != NULL ? tty_of_session(current_process()->session) : NULL;

    (void)flags;
    return tty != NULL ? file_attach(file, tty, false) : -ENXIO;
}

#define TTY_OPERATIONS(how)                                                                                  \
    {                                                                                                        \
        .open = (how), .read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .ready = tty_ready,         \
        .queue = tty_queue, .release = tty_release,                                                          \
    }

static const struct file_operations operations = TTY_OPERATIONS(tty_open);
static const struct file_operations controlling_operations = TTY_OPERATIONS(controlling_open);

void tty_register(struct tty *tty)
{
    tty->lock = SPINLOCK_INIT(LOCK_DEVICE, "terminal");
    wait_queue_init(&tty->readers);
    mutex_init(&tty->output, MUTEX_NODE, "terminal output");
    terminal_init(&tty->terminal);
    tty_session_add(tty);
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
