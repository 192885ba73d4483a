/* Calls that wait: pipes, poll, the console and the serial streams. Instead of sleeping, the test makes happen what is waited for. */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termbits.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/device/clock.h"
#include "kernel/file/character_device.h"
#include "kernel/file/console.h"
#include "kernel/file/file_table.h"
#include "kernel/file/serial_stream.h"
#include "kernel/file/tty_session.h"
#include "kernel/process/process.h"
#include "kernel/process/signal_actions.h"
#include "kernel/process/signal_frame.h"
#include "syscalls/file.h"
#include "test/unit/file_fakes.h"

#define SIGNAL_INTERRUPT 2
#define SIGNAL_PIPE      13
#define PIPE_SIZE        65536
#define ATOMIC_SIZE      4096 /* PIPE_BUF */

static int *ends; /* in user memory */
static uint8_t *buffer;

static int setup(void **state)
{
    static bool registered;

    fakes_setup(state);
    if (!registered) {
        console_start(true, false);
        serial_stream_start();
        memory_devices_register();
    }
    registered = true;
    ends = (int *)fake_user;
    buffer = fake_user + 64;
    return character_device_make_names();
}

static int pipe_setup(void **state)
{
    return setup(state) != 0 || sys_pipe2(USER(ends), 0) != 0;
}

static long put(const char *text)
{
    return sys_write(ends[1], fake_string(text), strlen(text));
}

/* --- pipes --- */

static void write_late(void)
{
    assert_int_equal(put("late"), 4);
}

static void close_write_end(void)
{
    assert_int_equal(sys_close(ends[1]), 0);
}

static void close_read_end(void)
{
    assert_int_equal(sys_close(ends[0]), 0);
}

static void a_reader_waits_for_a_writer(void **state)
{
    (void)state;
    fake_sleep = write_late;
    assert_int_equal(sys_read(ends[0], USER(buffer), 100), 4);
    assert_memory_equal(buffer, "late", 4);
    assert_int_equal(fake_sleeps, 1);
    assert_int_equal(put("there"), 5);
    assert_int_equal(sys_read(ends[0], USER(buffer), 3), 3);
    assert_int_equal(sys_read(ends[0], USER(buffer), 3), 2);
    assert_int_equal(fake_sleeps, 1);
    assert_int_equal(sys_read(ends[0], USER(buffer), 0), 0);
}

static void the_last_writer_ends_the_file(void **state)
{
    (void)state;
    assert_int_equal(put("rest"), 4);
    fake_sleep = close_write_end;
    assert_int_equal(sys_read(ends[0], USER(buffer), 100), 4);
    assert_int_equal(sys_read(ends[0], USER(buffer), 100), 0);
    assert_int_equal(sys_read(ends[0], USER(buffer), 100), 0);
    assert_int_equal(fake_sleeps, 1);
}

static void writing_to_nobody_is_a_signal(void **state)
{
    (void)state;
    close_read_end();
    assert_int_equal(put("x"), -EPIPE);
    assert_int_equal(fake_signal, SIGNAL_PIPE);
}

static void a_signal_ends_the_wait(void **state)
{
    (void)state;
    assert_int_equal(sys_read(ends[0], USER(buffer), 1), -RESTART_CALL);
    fake_interrupted = false;
    assert_int_equal(sys_write(ends[1], USER(buffer), PIPE_SIZE + 1), PIPE_SIZE);
}

static void drain(void)
{
    assert_true(sys_read(ends[0], USER(fake_user + PIPE_SIZE * 3), ATOMIC_SIZE) > 0);
}

static void a_full_pipe_makes_the_writer_wait(void **state)
{
    (void)state;
    assert_int_equal(sys_write(ends[1], USER(buffer), PIPE_SIZE - 100), PIPE_SIZE - 100);
    fake_sleep = drain; /* 100 bytes would fit, but 4096 go in one piece */
    assert_int_equal(sys_write(ends[1], USER(buffer), ATOMIC_SIZE), ATOMIC_SIZE);
    assert_int_equal(fake_sleeps, 1);
    assert_int_equal(sys_write(ends[1], USER(buffer), 3 * ATOMIC_SIZE), 3 * ATOMIC_SIZE);
}

static void without_waiting_there_is_eagain(void **state)
{
    (void)state;
    assert_int_equal(sys_fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(sys_fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(sys_read(ends[0], USER(buffer), 1), -EAGAIN);
    assert_int_equal(sys_write(ends[1], USER(buffer), PIPE_SIZE - 10), PIPE_SIZE - 10);
    assert_int_equal(sys_write(ends[1], USER(buffer), 11), -EAGAIN);
    assert_int_equal(sys_write(ends[1], USER(buffer), ATOMIC_SIZE + 1), 10);
    assert_int_equal(sys_write(ends[1], USER(buffer), ATOMIC_SIZE + 1), -EAGAIN);
}

static void bytes_stay_in_order_around_the_ring(void **state)
{
    uint8_t next_in = 0, next_out = 0;

    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        size_t size = 1 + round * 397 % 20000;
        for (size_t i = 0; i < size; i++)
            buffer[i] = next_in++;
        assert_int_equal(sys_write(ends[1], USER(buffer), size), size);
        memset(buffer, 0, size);
        assert_int_equal(sys_read(ends[0], USER(buffer), size), size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(buffer[i], next_out++);
    }
}

static void faults_move_what_was_there(void **state)
{
    uint8_t *end = fake_user + FAKE_USER_SIZE;

    (void)state;
    assert_int_equal(sys_write(ends[1], USER(end - 10), 100), 10);
    assert_int_equal(sys_write(ends[1], USER(end), 100), -EFAULT);
    assert_int_equal(sys_read(ends[0], USER(end - 4), 100), 4);
    assert_int_equal(sys_read(ends[0], USER(end), 100), -EFAULT);
    assert_int_equal(sys_read(ends[0], USER(buffer), 100), 6);
    assert_int_equal(sys_pipe2(USER(end - 4), 0), -EFAULT);
    assert_int_equal(sys_pipe2(USER(ends), 0x10), -EINVAL);
    assert_int_equal(sys_pipe(USER(ends)), 0); /* what failed left no descriptor behind */
    assert_int_equal(ends[0], 2);
}

/* --- poll --- */

static struct pollfd *requests(int first, short first_events, int second, short second_events)
{
    struct pollfd *made = (struct pollfd *)buffer;

    made[0] = (struct pollfd){.fd = first, .events = first_events, .revents = -1};
    made[1] = (struct pollfd){.fd = second, .events = second_events, .revents = -1};
    return made;
}

static void poll_tells_what_is_ready(void **state)
{
    struct pollfd *made = requests(ends[0], POLLIN, ends[1], POLLOUT);

    (void)state;
    assert_int_equal(sys_poll(USER(made), 2, 0), 1);
    assert_int_equal(made[0].revents, 0);
    assert_int_equal(made[1].revents, POLLOUT);
    put("x");
    assert_int_equal(sys_poll(USER(made), 2, -1), 2);
    close_write_end();
    made = requests(ends[0], 0, 77, POLLIN);
    assert_int_equal(sys_poll(USER(made), 2, -1), 2);
    assert_int_equal(made[0].revents, POLLHUP);
    assert_int_equal(made[1].revents, POLLNVAL);
    made = requests(-1, POLLIN, ends[0], POLLIN);
    assert_int_equal(sys_poll(USER(made), 2, 0), 1);
    assert_int_equal(made[0].revents, 0);
}

static void poll_waits_for_a_time_or_an_event(void **state)
{
    struct pollfd *made = requests(ends[0], POLLIN, -1, 0);
    struct __kernel_timespec *time = (struct __kernel_timespec *)(buffer + 256);

    (void)state;
    uint64_t before = fake_now;
    assert_int_equal(sys_poll(USER(made), 2, 250), 0);
    assert_int_equal(fake_now - before, 250 * (NANOSECONDS / 1000));
    *time = (struct __kernel_timespec){.tv_sec = 1, .tv_nsec = 5};
    assert_int_equal(sys_ppoll(USER(made), 2, USER(time), NULL, 0), 0);
    assert_int_equal(time->tv_sec * (long)NANOSECONDS + time->tv_nsec, 0); /* what is left */
    time->tv_nsec = 1000000000;
    assert_int_equal(sys_ppoll(USER(made), 2, USER(time), NULL, 0), -EINVAL);
    assert_int_equal(sys_poll(USER(made), 2, -1), -RESTART_TIMED);
    fake_interrupted = false;
    fake_sleep = write_late;
    assert_int_equal(sys_poll(USER(made), 2, -1), 1);
    assert_int_equal(made[0].revents, POLLIN);
    assert_int_equal(sys_poll(USER(made), FILE_TABLE_MAX + 1, 0), -EINVAL);
}

/* --- the console --- */

static int console;

static int console_setup(void **state)
{
    int result = setup(state);

    console = (int)sys_open(fake_string("/dev/console"), O_RDWR, 0);
    return result != 0 || console < 0;
}

/* Everything typed before goes. */
static int console_teardown(void **state)
{
    assert_int_equal(sys_ioctl(console, TCFLSH, 0), 0);
    return fakes_teardown(state);
}

static void type_a_line(void)
{
    fake_serial_input(0, "ls\r", 3);
}

static void the_console_reads_lines(void **state)
{
    (void)state;
    fake_sleep = type_a_line;
    assert_int_equal(sys_read(console, USER(buffer), 100), 3);
    assert_memory_equal(buffer, "ls\n", 3);
    assert_memory_equal(fake_console_text, "ls\r\n", 4);
    assert_int_equal(sys_write(console, fake_string("a\nb"), 3), 3);
    assert_memory_equal(fake_console_text + 4, "a\r\nb", 4);
    fake_serial_input(0, "\004", 1);
    assert_int_equal(sys_read(console, USER(buffer), 100), 0);
}

static long set_foreground(int terminal, int group)
{
    *(int *)buffer = group;
    return sys_ioctl(terminal, TIOCSPGRP, (uintptr_t)buffer);
}

static void the_console_interrupts(void **state)
{
    struct process *process = current_process();

    (void)state;
    fake_serial_input(0, "\003", 1);
    assert_int_equal(fake_signal, SIGNAL_INTERRUPT);
    fake_signal = 0;
    process->group = 5;
    process->actions->action[SIGTTOU - 1].handler = HANDLER_IGNORE;
    assert_int_equal(set_foreground(console, 5), 0);
    process->group = 1;
    fake_serial_input(0, "\003", 1); /* the process is not of that group */
    assert_int_equal(fake_signal, 0);
    assert_int_equal(set_foreground(console, 5), -ESRCH);
    assert_int_equal(set_foreground(console, -1), -EINVAL);
    assert_int_equal(set_foreground(console, 1), 0);
    process->actions->action[SIGTTOU - 1].handler = HANDLER_DEFAULT;
}

/* What is not in the foreground neither reads nor changes the terminal: its group is stopped, unless nobody could continue it. */
static void the_background_is_stopped(void **state)
{
    struct process *process = current_process(), shell = {.pid = 1, .group = 1, .session = 1};

    (void)state;
    process->group = 5;
    process->parent = &shell;
    fake_serial_input(0, "line\r", 5);
    fake_signal = 0;
    assert_int_equal(sys_read(console, USER(buffer), 10), -RESTART_CALL);
    assert_int_equal(fake_signal, SIGTTIN);
    assert_int_equal(sys_ioctl(console, TCFLSH, 0), -RESTART_CALL);
    assert_int_equal(fake_signal, SIGTTOU);
    assert_int_equal(set_foreground(console, 5), -RESTART_CALL);
    fake_signal = 0;
    assert_int_equal(sys_write(console, fake_string("x"), 1), 1); /* without TOSTOP */
    process->actions->action[SIGTTIN - 1].handler = HANDLER_IGNORE;
    assert_int_equal(sys_read(console, USER(buffer), 10), -EIO);
    process->actions->action[SIGTTIN - 1].handler = HANDLER_DEFAULT;
    process->parent = NULL;
    assert_int_equal(sys_read(console, USER(buffer), 10), -EIO);
    assert_int_equal(fake_signal, 0);
    process->group = 1;
    assert_int_equal(sys_read(console, USER(buffer), 10), 5);
}

static int hanging_up; /* a session */

static void end_the_session(void)
{
    tty_session_end(hanging_up);
}

/* A session leader ends: its foreground hears of it, files of the terminal are dead, and who comes next finds a fresh one. */
static void a_terminal_hangs_up(void **state)
{
    struct process *process = current_process();
    struct termios *settings = (struct termios *)buffer;
    struct pollfd *poll = (struct pollfd *)buffer;

    (void)state;
    process->pid = process->session = process->group = hanging_up = 7;
    int second = (int)sys_open(fake_string("/dev/tty4"), O_RDWR, 0);
    int mine = (int)sys_open(fake_string("/dev/tty"), O_RDWR, 0);
    assert_true(second >= 0 && mine >= 0);
    assert_int_equal(sys_ioctl(second, TCGETS, (uintptr_t)buffer), 0);
    settings->c_lflag &= ~(unsigned)(ICANON | ECHO);
    settings->c_cc[VMIN] = 4;
    assert_int_equal(sys_ioctl(second, TCSETS, (uintptr_t)buffer), 0);
    console_input(CONSOLE_SECOND, (const uint8_t *)"abc", 3);
    tty_session_end(8);
    fake_signal = fake_hangups = 0;
    fake_sleep = end_the_session;
    assert_int_equal(sys_read(second, USER(buffer), 100), 0);
    assert_int_equal(fake_hangups, 1);
    assert_int_equal(fake_signal, SIGCONT);
    for (int i = 0; i < 2; i++) {
        int file = i == 0 ? second : mine;
        assert_int_equal(sys_read(file, USER(buffer), 100), 0);
        assert_int_equal(sys_write(file, fake_string("x"), 1), -EIO);
        assert_int_equal(sys_ioctl(file, TCGETS, (uintptr_t)buffer), -EIO);
        assert_int_equal(sys_ioctl(file, TIOCSPGRP, (uintptr_t)buffer), -ENOTTY);
        *poll = (struct pollfd){.fd = file, .events = POLLIN};
        assert_int_equal(sys_poll(USER(poll), 1, 0), 1);
        assert_int_equal(poll->revents, POLLIN | POLLERR | POLLHUP);
    }
    assert_int_equal(sys_open(fake_string("/dev/tty"), O_RDWR, 0), -ENXIO);

    /* The next leader's: lines again, nothing typed before. */
    process->pid = process->session = process->group = 9;
    int next = (int)sys_open(fake_string("/dev/tty4"), O_RDWR, 0);
    assert_int_equal(sys_ioctl(next, TIOCGSID, (uintptr_t)buffer), 0);
    assert_int_equal(*(int *)buffer, 9);
    assert_int_equal(sys_ioctl(next, TCGETS, (uintptr_t)buffer), 0);
    assert_true(settings->c_lflag & ICANON && settings->c_lflag & ECHO);
    assert_int_equal(sys_ioctl(next, FIONREAD, (uintptr_t)buffer), 0);
    assert_int_equal(*(int *)buffer, 0);
    assert_int_equal(sys_read(second, USER(buffer), 100), 0);
    assert_int_equal(sys_ioctl(next, TIOCNOTTY, 0), 0);
    process->pid = process->session = process->group = 1;

    /* The console's own file stays, as the kernel's. */
    hanging_up = 1;
    end_the_session();
    assert_int_equal(sys_write(console, fake_string("x"), 1), 1);
    assert_int_equal(sys_ioctl(console, TIOCGSID, (uintptr_t)buffer), -ENOTTY);
    assert_int_equal(sys_ioctl(console, TIOCSCTTY, 0), 0);
}

static void set_raw(uint8_t least, uint8_t time)
{
    struct termios *settings = (struct termios *)buffer;

    assert_int_equal(sys_ioctl(console, TCGETS, (uintptr_t)buffer), 0);
    settings->c_lflag &= ~(unsigned)(ICANON | ECHO);
    settings->c_cc[VMIN] = least;
    settings->c_cc[VTIME] = time;
    assert_int_equal(sys_ioctl(console, TCSETSF, (uintptr_t)buffer), 0);
}

static void type_one(void)
{
    fake_sleep = NULL;
    fake_serial_input(0, "x", 1);
}

static void raw_reads_obey_min_and_time(void **state)
{
    uint64_t before;

    (void)state;
    set_raw(0, 0);
    assert_int_equal(sys_read(console, USER(buffer), 10), 0);
    set_raw(0, 5);
    before = fake_now;
    assert_int_equal(sys_read(console, USER(buffer), 10), 0);
    assert_int_equal(fake_now - before, NANOSECONDS / 2);
    fake_sleep = type_one;
    assert_int_equal(sys_read(console, USER(buffer), 10), 1);
    set_raw(3, 2);
    fake_sleep = type_one;
    before = fake_now;
    assert_int_equal(sys_read(console, USER(buffer), 10), 1); /* the time between bytes ran out */
    assert_int_equal(fake_now - before, NANOSECONDS / 5);
    set_raw(2, 0);
    fake_serial_input(0, "ab", 2);
    assert_int_equal(sys_read(console, USER(buffer), 10), 2);
    fake_serial_input(0, "c", 1);
    assert_int_equal(sys_read(console, USER(buffer), 1), 1); /* no more is asked for than fits */

    struct termios *settings = (struct termios *)buffer;
    assert_int_equal(sys_ioctl(console, TCGETS, (uintptr_t)buffer), 0);
    settings->c_lflag |= ICANON | ECHO;
    assert_int_equal(sys_ioctl(console, TCSETSW, (uintptr_t)buffer), 0);
}

static void the_console_answers_ioctls(void **state)
{
    (void)state;
    assert_int_equal(sys_ioctl(console, TIOCGWINSZ, (uintptr_t)buffer), 0);
    assert_int_equal(*(unsigned short *)buffer, 24);
    assert_int_equal(sys_ioctl(console, TIOCGPGRP, (uintptr_t)buffer), 0);
    assert_int_equal(*(int *)buffer, 1);
    fake_serial_input(0, "abc\n", 4);
    assert_int_equal(sys_ioctl(console, FIONREAD, (uintptr_t)buffer), 0);
    assert_int_equal(*(int *)buffer, 4);
    assert_int_equal(sys_ioctl(console, TCGETS, 0), -EFAULT);
    assert_int_equal(sys_ioctl(console, 0x1234, 0), -ENOTTY);
    assert_int_equal(sys_lseek(console, 0, 0), -ESPIPE);
}

static void type_on_the_second(void)
{
    console_input(CONSOLE_SHELL, (const uint8_t *)"here\r", 5);
    console_input(CONSOLE_SECOND, (const uint8_t *)"there\r", 6);
}

static void terminals_are_apart(void **state)
{
    struct termios *settings = (struct termios *)buffer;
    int second = (int)sys_open(fake_string("/dev/tty4"), O_RDWR, 0);

    (void)state;
    assert_true(second >= 0);
    fake_sleep = type_on_the_second;
    assert_int_equal(sys_read(second, USER(buffer), 100), 6);
    assert_memory_equal(buffer, "there\n", 6);
    assert_int_equal(sys_read(console, USER(buffer), 100), 5);
    assert_memory_equal(buffer, "here\n", 5);
    assert_memory_equal(fake_console_text, "here\r\n", 6);
    assert_memory_equal(fake_second_text, "there\r\n", 7);
    assert_int_equal(sys_write(second, fake_string("x\n"), 2), 2);
    assert_memory_equal(fake_second_text + 7, "x\r\n", 3);
    assert_int_equal(fake_console_size, 6);

    /* Settings and size, too. */
    assert_int_equal(sys_ioctl(second, TCGETS, (uintptr_t)buffer), 0);
    settings->c_lflag &= ~(unsigned)ECHO;
    assert_int_equal(sys_ioctl(second, TCSETS, (uintptr_t)buffer), 0);
    assert_int_equal(sys_ioctl(console, TCGETS, (uintptr_t)buffer), 0);
    assert_true(settings->c_lflag & ECHO);
    assert_int_equal(sys_ioctl(second, TIOCGWINSZ, (uintptr_t)buffer), 0);
    assert_int_equal(*(unsigned short *)buffer, 30);
}

static void a_session_has_one_terminal(void **state)
{
    struct process *process = current_process();
    int second = (int)sys_open(fake_string("/dev/tty4"), O_RDWR | O_NOCTTY, 0);

    (void)state;
    /* The first session's is the console. */
    assert_int_equal(sys_ioctl(second, TIOCSCTTY, 0), -EPERM);
    int controlling = (int)sys_open(fake_string("/dev/tty"), O_RDWR, 0);
    assert_int_equal(sys_ioctl(controlling, TIOCGSID, (uintptr_t)buffer), 0);
    assert_int_equal(*(int *)buffer, 1);

    /* One that has left its session has none, until it takes one; not one that is in use. */
    process->pid = process->session = process->group = 7;
    assert_int_equal(sys_open(fake_string("/dev/tty"), O_RDWR, 0), -ENXIO);
    assert_int_equal(sys_ioctl(second, TIOCSCTTY, 0), 0);
    assert_int_equal(sys_ioctl(second, TIOCGPGRP, (uintptr_t)buffer), 0);
    assert_int_equal(*(int *)buffer, 7);
    controlling = (int)sys_open(fake_string("/dev/tty"), O_RDWR, 0);
    assert_int_equal(sys_write(controlling, fake_string("7"), 1), 1);
    assert_int_equal(fake_second_size, 1);
    assert_int_equal(sys_ioctl(second, TIOCNOTTY, 0), 0);
    assert_int_equal(sys_open(fake_string("/dev/tty"), O_RDWR, 0), -ENXIO);
    assert_int_equal(sys_ioctl(second, TIOCNOTTY, 0), -ENOTTY);

    /* A leader's first terminal that it opens becomes its own. */
    assert_true(sys_open(fake_string("/dev/tty4"), O_RDWR, 0) >= 0);
    assert_true(sys_open(fake_string("/dev/tty"), O_RDWR, 0) >= 0);
    assert_int_equal(sys_ioctl(second, TIOCNOTTY, 0), 0);
    process->pid = process->session = process->group = 1;
}

/* --- the serial streams --- */

static void end_the_stream(void)
{
    fake_serial_input(1, "a\x10\x10z\x10", 5);
    fake_serial_input(1, "Edropped", 8);
}

static void streams_are_framed(void **state)
{
    (void)state;
    int input = (int)sys_open(fake_string("/dev/ttyS1"), O_RDONLY, 0);
    int output = (int)sys_open(fake_string("/dev/ttyS1"), O_WRONLY, 0);
    int errors = (int)sys_open(fake_string("/dev/ttyS2"), O_WRONLY, 0);

    assert_int_equal(sys_ioctl(input, TCGETS, (uintptr_t)buffer), -ENOTTY);
    assert_int_equal(sys_write(output, fake_string("out\n\x10"), 5), 5);
    assert_int_equal(sys_write(errors, fake_string("err"), 3), 3);
    assert_int_equal(fake_serial_size[1], 5);
    assert_memory_equal(fake_serial_text[1], "out\n\x10", 5);
    assert_memory_equal(fake_serial_text[2], "err", 3);

    /* More than any fixed buffer would hold, before anybody reads. */
    static char much[100000];
    memset(much, 'm', sizeof(much));
    fake_serial_input(1, much, sizeof(much));
    for (size_t got = 0; got < sizeof(much); got += 20000) {
        assert_int_equal(sys_read(input, USER(buffer), 20000), 20000);
        assert_memory_equal(buffer, much, 20000);
    }
    fake_sleep = end_the_stream;
    assert_int_equal(sys_read(input, USER(buffer), 100), 3);
    assert_memory_equal(buffer, "a\x10z", 3);
    assert_int_equal(sys_read(input, USER(buffer), 100), 0);
    assert_int_equal(sys_read(input, USER(buffer), 100), 0);
    assert_int_equal(fake_sleeps, 1);
}

static void unknown_escapes_are_dropped(void **state)
{
    struct serial_frame frame = {0};
    uint8_t decoded[16];

    (void)state;
    assert_int_equal(serial_frame_decode(&frame, (const uint8_t *)"a\x10xb\x10", 5, decoded), 2);
    assert_true(frame.escaped && !frame.ended);
    assert_int_equal(serial_frame_decode(&frame, (const uint8_t *)"\x10", 1, decoded), 1);
    assert_int_equal(decoded[0], 0x10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_waits_for_a_writer, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(the_last_writer_ends_the_file, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(writing_to_nobody_is_a_signal, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(a_signal_ends_the_wait, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(a_full_pipe_makes_the_writer_wait, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(without_waiting_there_is_eagain, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(bytes_stay_in_order_around_the_ring, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(faults_move_what_was_there, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(poll_tells_what_is_ready, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(poll_waits_for_a_time_or_an_event, pipe_setup, fakes_teardown),
        cmocka_unit_test_setup_teardown(the_console_reads_lines, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(the_console_interrupts, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(the_background_is_stopped, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(a_terminal_hangs_up, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(raw_reads_obey_min_and_time, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(the_console_answers_ioctls, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(terminals_are_apart, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(a_session_has_one_terminal, console_setup, console_teardown),
        cmocka_unit_test_setup_teardown(streams_are_framed, setup, fakes_teardown),
        cmocka_unit_test(unknown_escapes_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
