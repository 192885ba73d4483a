/* See console.h. */
#include "kernel/file/console.h"

#include "kernel/debug/log.h"
#include "kernel/device/serial.h"
#include "kernel/file/node.h"
#include "kernel/file/tty.h"

#define CONSOLE_PORT    0  /* COM1 */
#define ROWS_DEFAULT    24 /* when there is no screen */
#define COLUMNS_DEFAULT 80
#define FIRST_SESSION   1 /* the first process's */

#define DEVICE(text, major, minor)                                                                           \
    {                                                                                                        \
        .name = (text), .number = DEVICE_NUMBER(major, minor), .permissions = 0600                           \
    }

static void first_show(struct tty *tty, const char *text, size_t size)
{
    (void)tty;
    console_write(text, size);
}

static void second_show(struct tty *tty, const char *text, size_t size)
{
    (void)tty;
    console_terminal_write(CONSOLE_SECOND, text, size);
}

static size_t first_reply(struct tty *tty, char *to)
{
    (void)tty;
    return console_take_reply(CONSOLE_SHELL, to);
}

static size_t second_reply(struct tty *tty, char *to)
{
    (void)tty;
    return console_take_reply(CONSOLE_SECOND, to);
}

/* The console, and the screen's fourth terminal. */
static struct tty first = {
    .device = {DEVICE("console", TTY_CONSOLE_MAJOR, 1), DEVICE("tty1", TTY_MAJOR, 1)},
    .show = first_show,
    .reply = first_reply,
};
static struct tty second = {
    .device = {DEVICE("tty4", TTY_MAJOR, 4)},
    .show = second_show,
    .reply = second_reply,
};

static void serial_input(void *context, const uint8_t *bytes, size_t size)
{
    tty_input(context, bytes, size);
}

void console_input(enum console_terminal terminal, const uint8_t *bytes, size_t size)
{
    if (terminal == CONSOLE_SHELL)
        tty_input(&first, bytes, size);
    else if (terminal == CONSOLE_SECOND)
        tty_input(&second, bytes, size);
}

void console_second_control(int session)
{
    tty_control(&second, session);
}

static void terminal_make(struct tty *tty, enum console_terminal terminal)
{
    unsigned rows = ROWS_DEFAULT, columns = COLUMNS_DEFAULT;

    console_terminal_size(terminal, &rows, &columns);
    tty->window = (struct winsize){
        .ws_row = (unsigned short)rows,
        .ws_col = (unsigned short)columns,
    };
    tty_register(tty);
}

void console_start(bool receive, bool serial_terminal)
{
    unsigned rows, columns;

    /* With a terminal on the serial line, it is that one that answers. */
    if (serial_terminal)
        first.reply = NULL;
    terminal_make(&first, CONSOLE_SHELL);
    tty_control(&first, FIRST_SESSION);
    if (console_terminal_size(CONSOLE_SECOND, &rows, &columns))
        terminal_make(&second, CONSOLE_SECOND);
    tty_controlling_register();
    if (receive && serial_present(CONSOLE_PORT)) {
        int error = serial_receive(CONSOLE_PORT, serial_input, &first);
        if (error != 0)
            log_warning("console: no input from COM1: error %d", -error);
    }
}
