/* The PC/AT's keyboard controller (Intel 8042) with a PS/2 keyboard on its first port; absent on many PCs. */
#ifndef KERNEL_DEVICE_I8042_H
#define KERNEL_DEVICE_I8042_H

#include <stdint.h>

#include "paging/types.h"

/* Find it, set it up (translation to set 1, interrupts on IRQ 1), and hand its keys to keyboard_key(). Every wait is bounded. 0; -ENODEV: there is none, or no
 * keyboard answers; or why its interrupt cannot be had. */
int must_check i8042_start(void);

/* The keyboard's lights (keyboard_operations.lights). Any context; the keyboard gets them when it has answered what it was told before. */
void i8042_lights(uint8_t lights);

#endif
