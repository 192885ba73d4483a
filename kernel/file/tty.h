/* A terminal that programs use: a line discipline (terminal.h), who is waiting for a line, which session it controls, and where its text is shown.
 *
 * Lock: tty.lock (LOCK_DEVICE) guards what is marked; it is never held while a program's memory is touched. */
#ifndef KERNEL_FILE_TTY_H
#define KERNEL_FILE_TTY_H

#include <asm/termios.h>
#include <sys/queue.h>

#include "kernel/cpu/mutex.h"
#include "kernel/file/character_device.h"
#include "kernel/file/file.h"
#include "kernel/file/terminal.h"
#include "kernel/process/wait_queue.h"

#define TTY_MAJOR         4 /* of terminals by number */
#define TTY_CONSOLE_MAJOR 5 /* of /dev/tty and /dev/console */
#define TTY_NAMES_MAX     2

struct tty {
    /* Set before tty_register(). */
    struct character_device device[TTY_NAMES_MAX];                /* its names; `operations` is filled in */
    void (*show)(struct tty *tty, const char *text, size_t size); /* any context; the lock may be held */
    size_t (*reply)(
        struct tty *tty,
        char *to); /* what the screen answers to programs; NULL: nothing. At most CONSOLE_REPLY_MAX */

    SLIST_ENTRY(tty) link;
    struct wait_queue readers;
    struct mutex output; /* keeps one write() in one piece */

    /* lock */
    struct spinlock lock;
    struct terminal terminal;
    struct winsize window;
    int session;    /* whose controlling terminal it is; 0: nobody's */
    int foreground; /* process group that ^C goes to, and that may read */
    unsigned
        hangups; /* how often a session has ended that it controlled: files opened before are dead. Read without the lock */
};

/* Initialise the rest and register the devices. At start-up. */
void tty_register(struct tty *tty);

/* Register /dev/tty. */
void tty_controlling_register(void);

/* Make it the controlling terminal of a session, whose first group is in the foreground; 0: of none. */
void tty_control(struct tty *tty, int session);

/* Bytes were typed. Any context, interrupts included. */
void tty_input(struct tty *tty, const uint8_t *bytes, size_t size);

#endif
