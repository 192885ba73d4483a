/* The terminal's line discipline (termios(3)): what becomes of typed bytes before a program reads them, and of written ones before they
 * are shown.
 *
 * Pure: no locks, no device; the caller serialises (console.c). Supported: ICANON with erase, word erase, kill, literal next, reprint, end of
 * file and two more line ends; ECHO and its variants; ISIG; ICRNL, INLCR, IGNCR, ISTRIP, IUTF8, IMAXBEL; OPOST with ONLCR and OCRNL. Flow control
 * (IXON) and the modes of real lines have no effect. */
#ifndef KERNEL_FILE_TERMINAL_H
#define KERNEL_FILE_TERMINAL_H

#include <asm/termbits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

#define TERMINAL_INPUT_MAX 4096 /* bytes typed and not read yet; a power of two */

struct terminal {
    struct termios settings;
    uint32_t head, tail;                /* of input[]: written, read; they count on without wrapping */
    uint32_t line_start;                /* where the line that is being edited begins */
    uint32_t lines;                     /* finished lines before it */
    bool literal_next;                  /* ^V was typed */
    uint16_t input[TERMINAL_INPUT_MAX]; /* a byte and INPUT_* flags */
};

/* Shows echoed text. */
typedef void terminal_echo(void *context, const char *text, size_t size);

/* The settings a terminal starts with: canonical, echoing, as Linux's. */
void terminal_init(struct terminal *terminal);

/* One typed byte. The signal that it stands for (SIGINT, SIGQUIT, SIGTSTP), or 0. */
int terminal_input(struct terminal *terminal, uint8_t byte, terminal_echo *echo, void *context);

/* Would a read get something: a line, or in raw mode at least `least` bytes? */
bool terminal_readable(const struct terminal *terminal, unsigned least);

/* Take up to `size` bytes, which terminal_readable() promised; at most to the end of the line in canonical mode. *ended: the line (or the file)
 * ends here, there is no more for this read. The bytes taken; 0 and *ended is the end of file. */
size_t terminal_read(struct terminal *terminal, char *to, size_t size, bool *ended);

/* Bytes waiting, as FIONREAD tells. */
uint32_t terminal_waiting(const struct terminal *terminal);

/* Output processing of `size` bytes; `to` has room for twice as many. The bytes made. */
size_t terminal_output(const struct terminal *terminal, const char *from, size_t size, char *to);

/* Change the settings; what was typed stays. */
void terminal_set(struct terminal *terminal, const struct termios *settings);

/* Forget what was typed. */
void terminal_flush(struct terminal *terminal);

#endif
