/* See character_device.h. */
#include "kernel/file/character_device.h"

#include <asm/errno.h>

#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/lib/format.h"

#define DEVICE_PATH_MAX 32

static SLIST_HEAD(, character_device) devices = SLIST_HEAD_INITIALIZER(devices);

void character_device_register(struct character_device *device)
{
    SLIST_INSERT_HEAD(&devices, device, link);
}

const struct file_operations *character_device_operations(uint64_t number)
{
    struct character_device *device;

    SLIST_FOREACH (device, &devices, link) {
        if (device->number == number)
            return device->operations;
    }
    return NULL;
}

int character_device_make_names(void)
{
    struct character_device *device;
    char path[DEVICE_PATH_MAX];

    int error = tree_make(tree_root(), "/dev", S_IFDIR | 0755, 0);
    if (error != 0 && error != -EEXIST)
        return error;
    SLIST_FOREACH (device, &devices, link) {
        snprintf(path, sizeof(path), "/dev/%s", device->name);
        error = tree_make(tree_root(), path, S_IFCHR | device->permissions, device->number);
        if (error != 0 && error != -EEXIST)
            return error;
    }
    return 0;
}
