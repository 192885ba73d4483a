/* The terminals there are. /dev/console, also /dev/tty1: the kernel's console (kernel/device/console.h) for output, the serial port COM1 and the keyboard for input. /dev/tty4: the
 * screen's fourth terminal, with its own line discipline and session, when there is a screen. /dev/tty: the controlling terminal of whoever opens it. */
#ifndef KERNEL_FILE_CONSOLE_H
#define KERNEL_FILE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/device/console.h"

/* Register the devices, and begin to receive from COM1 unless `serial_input` is false (then COM1 is for the log alone). `serial_terminal`: someone's
 * terminal is at COM1, and answers questions that programs ask of it. */
void console_start(bool serial_input, bool serial_terminal);

/* Bytes were typed while that terminal was shown. Any context, interrupts included. */
void console_input(enum console_terminal terminal, const uint8_t *bytes, size_t size);

/* Make the fourth terminal that of a session. */
void console_second_control(int session);

#endif
