/* Character devices: which number is served by which operations, and their names in /dev.
 *
 * Registered at start-up, before any program runs; read-only afterwards. */
#ifndef KERNEL_FILE_CHARACTER_DEVICE_H
#define KERNEL_FILE_CHARACTER_DEVICE_H

#include <stdint.h>
#include <sys/queue.h>

#include "paging/types.h"

struct file_operations;

struct character_device {
    const char *name; /* in /dev */
    uint64_t number;  /* DEVICE_NUMBER, as Linux assigns them (Documentation/admin-guide/devices.txt) */
    uint32_t permissions;
    const struct file_operations *operations;
    SLIST_ENTRY(character_device) link;
};

/* The device is the caller's and stays. */
void character_device_register(struct character_device *device);

/* The operations of a number; NULL: no such device. */
const struct file_operations *character_device_operations(uint64_t number);

/* Make /dev and a name there for every registered device that has none yet. 0 or -ENOMEM, or what is in the way. Takes tree_mutex. */
int must_check character_device_make_names(void);

/* null, zero, full, random, urandom. */
void memory_devices_register(void);

#endif
