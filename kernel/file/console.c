/* See console.h. */
#include "kernel/file/console.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/termios.h>
#include <linux/fcntl.h>

#include "kernel/debug/log.h"
#include "kernel/device/clock.h"
#include "kernel/device/console.h"
#include "kernel/device/serial.h"
#include "kernel/file/character_device.h"
#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/file/terminal.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"
#include "kernel/process/wait_queue.h"

#define TTY_MAJOR       5
#define CONSOLE_PORT    0   /* COM1 */
#define CHUNK           256 /* bytes moved at a time, on the stack */
#define DECISECOND      (NANOSECONDS / 10)
#define ROWS_DEFAULT    24 /* when there is no screen */
#define COLUMNS_DEFAULT 80
#define FIRST_GROUP     1 /* the first process's group, until a shell chooses another */

/* asm/ioctls.h gives TCFLSH's number, but its arguments are termios.h's. */
enum { FLUSH_INPUT = 0, FLUSH_OUTPUT = 1, FLUSH_BOTH = 2 };

static struct {
    struct spinlock lock;
    struct wait_queue readers;
    struct terminal terminal;
    struct winsize window;
    int foreground;       /* process group that ^C goes to */
    struct mutex output;  /* keeps one write() in one piece */
    bool serial_terminal; /* someone sits at COM1 (console=serial) */
} console = {
    .lock = SPINLOCK_INIT(LOCK_DEVICE, "console"),
    .readers = WAIT_QUEUE_INIT(console.readers),
    .foreground = FIRST_GROUP,
};

/* --- input, from interrupts --- */

static void echo(void *context, const char *text, size_t size)
{
    (void)context;
    console_write(text, size);
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

void console_input(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        spinlock_lock(&console.lock);
        int signal = terminal_input(&console.terminal, bytes[i], echo, NULL);
        int group = console.foreground;
        spinlock_unlock(&console.lock);
        if (signal != 0)
            group_send(group, signal);
    }
    wait_queue_wake_all(&console.readers);
}

static void serial_input(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    console_input(bytes, size);
}

/* --- reading --- */

/* The end of a wait of VTIME, which counts tenths of a second from now. */
static uint64_t time_limit(uint8_t time)
{
    return clock_now() + time * DECISECOND;
}

/* Raw mode with VMIN and VTIME: the clock starts with the first byte, and again with each that comes. */
static int wait_between_bytes(unsigned least, uint8_t time)
{
    int error = wait_event(&console.readers, &console.lock, terminal_readable(&console.terminal, 1));

    while (error == 0 && !terminal_readable(&console.terminal, least)) {
        unsigned before = terminal_waiting(&console.terminal);
        uint64_t deadline = time_limit(time);
        error = wait_event_until(&console.readers, &console.lock,
                                 terminal_waiting(&console.terminal) != before, deadline);
    }
    return error == -ETIMEDOUT ? 0 : error;
}

/* Wait until a read of `size` bytes should return. The lock is held. 0, also when the time is over; -EAGAIN, -EINTR. */
static int wait_readable(const struct file *file, size_t size)
{
    const struct termios *settings = &console.terminal.settings;
    bool raw = (settings->c_lflag & ICANON) == 0;
    bool needs_none = raw && settings->c_cc[VMIN] == 0;
    uint8_t time = raw ? settings->c_cc[VTIME] : 0;
    unsigned least = raw && !needs_none ? settings->c_cc[VMIN] : 1;

    if (least > size)
        least = (unsigned)size;
    if (terminal_readable(&console.terminal, least) || (needs_none && time == 0))
        return 0;
    if ((file->flags & O_NONBLOCK) != 0)
        return terminal_readable(&console.terminal, 1) ? 0 : -EAGAIN;
    if (!needs_none && time > 0)
        return wait_between_bytes(least, time);
    uint64_t deadline = needs_none ? time_limit(time) : UINT64_MAX;
    int error = wait_event_until(&console.readers, &console.lock, terminal_readable(&console.terminal, least),
                                 deadline);
    return error == -ETIMEDOUT ? 0 : error;
}

static long console_read(struct file *file, struct buffer *to, uint64_t *position)
{
    char chunk[CHUNK];
    size_t done = 0;
    bool ended = false;

    (void)position;
    if (to->left == 0)
        return 0;
    spinlock_lock(&console.lock);
    long error = wait_readable(file, to->left);
    while (error == 0 && to->left > 0 && !ended && terminal_readable(&console.terminal, 1)) {
        size_t wanted = to->left < sizeof(chunk) ? to->left : sizeof(chunk);
        size_t part = terminal_read(&console.terminal, chunk, wanted, &ended);
        spinlock_unlock(&console.lock);
        size_t moved = buffer_put(to, chunk, part);
        done += moved;
        if (moved < part)
            error = -EFAULT;
        spinlock_lock(&console.lock);
    }
    spinlock_unlock(&console.lock);
    return done > 0 ? (long)done : error;
}

/* --- writing --- */

static long console_write_file(struct file *file, struct buffer *from, uint64_t *position)
{
    char chunk[CHUNK], made[2 * CHUNK];
    size_t done = 0;
    long error = 0;

    (void)file, (void)position;
    mutex_lock(&console.output);
    while (from->left > 0 && error == 0) {
        size_t wanted = from->left < sizeof(chunk) ? from->left : sizeof(chunk);
        size_t part = buffer_take(from, chunk, wanted);
        if (part < wanted)
            error = -EFAULT;
        spinlock_lock(&console.lock);
        size_t size = terminal_output(&console.terminal, chunk, part, made);
        spinlock_unlock(&console.lock);
        console_write(made, size);
        done += part;
        if (error == 0 && wait_interrupted())
            break;
    }
    mutex_unlock(&console.output);
    /* With a terminal on the serial line, it is that one that answers. */
    size_t size = console.serial_terminal ? 0 : console_take_reply(CONSOLE_SHELL, made);
    if (size > 0)
        console_input((const uint8_t *)made, size);
    return done > 0 ? (long)done : error;
}

/* --- control --- */

static long settings_set(const void __user *from, bool flush)
{
    struct termios settings;

    int error = copy_from_user(&settings, from, sizeof(settings));
    if (error != 0)
        return error;
    spinlock_lock(&console.lock);
    if (flush)
        terminal_flush(&console.terminal);
    terminal_set(&console.terminal, &settings);
    spinlock_unlock(&console.lock);
    wait_queue_wake_all(&console.readers);
    return 0;
}

static long settings_get(void __user *to)
{
    spinlock_lock(&console.lock);
    struct termios settings = console.terminal.settings;
    spinlock_unlock(&console.lock);
    return copy_to_user(to, &settings, sizeof(settings));
}

static long window_set(const void __user *from)
{
    struct winsize window;

    int error = copy_from_user(&window, from, sizeof(window));
    if (error != 0)
        return error;
    spinlock_lock(&console.lock);
    bool changed = window.ws_row != console.window.ws_row || window.ws_col != console.window.ws_col;
    console.window = window;
    int group = console.foreground;
    spinlock_unlock(&console.lock);
    if (changed)
        group_send(group, SIGWINCH);
    return 0;
}

static long flush(uint64_t which)
{
    if (which > FLUSH_BOTH)
        return -EINVAL;
    if (which == FLUSH_OUTPUT)
        return 0;
    spinlock_lock(&console.lock);
    terminal_flush(&console.terminal);
    spinlock_unlock(&console.lock);
    return 0;
}

static long foreground_set(const void __user *from)
{
    int group;

    int error = copy_from_user(&group, from, sizeof(group));
    if (error != 0)
        return error;
    if (group < 0)
        return -EINVAL;
    spinlock_lock(&console.lock);
    console.foreground = group;
    spinlock_unlock(&console.lock);
    return 0;
}

static long number_get(void __user *to, int number)
{
    return copy_to_user(to, &number, sizeof(number));
}

static uint32_t waiting(void)
{
    spinlock_lock(&console.lock);
    uint32_t count = terminal_waiting(&console.terminal);
    spinlock_unlock(&console.lock);
    return count;
}

static long console_ioctl(struct file *file, unsigned command, uint64_t argument)
{
    void __user *user = user_pointer(void, argument);

    (void)file;
    switch (command) {
    case TCGETS:
        return settings_get(user);
    case TCSETS:
    case TCSETSW: /* output is never queued */
        return settings_set(user, false);
    case TCSETSF:
        return settings_set(user, true);
    case TIOCGWINSZ:
        return copy_to_user(user, &console.window, sizeof(console.window));
    case TIOCSWINSZ:
        return window_set(user);
    case TIOCGPGRP:
        return number_get(user, console.foreground);
    case TIOCSPGRP:
        return foreground_set(user);
    case TIOCGSID:
        return number_get(user, current_process()->session);
    case FIONREAD:
        return number_get(user, (int)waiting());
    case TIOCOUTQ:
        return number_get(user, 0);
    case TCFLSH:
        return flush(argument);
    case TCSBRK: /* wait for the output, or send a break: nothing to wait for */
    case TCSBRKP:
    case TCXONC:
    case TIOCSCTTY: /* it is everybody's controlling terminal */
    case TIOCNOTTY:
        return 0;
    default:
        return -ENOTTY;
    }
}

static uint32_t console_ready(struct file *file)
{
    (void)file;
    spinlock_lock(&console.lock);
    uint8_t least = console.terminal.settings.c_cc[VMIN];
    bool readable = terminal_readable(&console.terminal, least > 0 ? least : 1);
    spinlock_unlock(&console.lock);
    return POLLOUT | POLLWRNORM | (readable ? POLLIN | POLLRDNORM : 0);
}

static struct wait_queue *console_queue(struct file *file)
{
    (void)file;
    return &console.readers;
}

static const struct file_operations console_operations = {
    .read = console_read,
    .write = console_write_file,
    .ioctl = console_ioctl,
    .ready = console_ready,
    .queue = console_queue,
};

static struct character_device console_device = {
    .name = "console",
    .number = DEVICE_NUMBER(TTY_MAJOR, 1),
    .permissions = 0600,
    .operations = &console_operations,
};

static struct character_device tty_device = {
    .name = "tty",
    .number = DEVICE_NUMBER(TTY_MAJOR, 0),
    .permissions = 0666,
    .operations = &console_operations,
};

void console_start(bool receive, bool serial_terminal)
{
    unsigned rows = ROWS_DEFAULT, columns = COLUMNS_DEFAULT;

    console_terminal_size(CONSOLE_SHELL, &rows, &columns);
    console.serial_terminal = serial_terminal;
    mutex_init(&console.output, MUTEX_NODE, "console output");
    terminal_init(&console.terminal);
    console.window = (struct winsize){
        .ws_row = (unsigned short)rows,
        .ws_col = (unsigned short)columns,
    };
    character_device_register(&console_device);
    character_device_register(&tty_device);
    if (receive && serial_present(CONSOLE_PORT)) {
        int error = serial_receive(CONSOLE_PORT, serial_input, NULL);
        if (error != 0)
            log_warning("console: no input from COM1: error %d", -error);
    }
}
