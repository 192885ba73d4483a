/* /dev/console and /dev/tty: the terminal made of the kernel's console (kernel/device/console.h) for output, and of the serial port COM1 and
 * the keyboard for input.
 *
 * Lock: console.lock (LOCK_DEVICE) guards the line discipline; it is never held while a program's memory is touched. */
#ifndef KERNEL_FILE_CONSOLE_H
#define KERNEL_FILE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Register the devices, and begin to receive from COM1 unless `serial_input` is false (then COM1 is for the log alone). `serial_terminal`: someone's
 * terminal is at COM1, and answers questions that programs ask of it. */
void console_start(bool serial_input, bool serial_terminal);

/* Bytes were typed. Any context, interrupts included. */
void console_input(const uint8_t *bytes, size_t size);

#endif
