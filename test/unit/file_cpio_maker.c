/* See file_cpio_maker.h. */
#include "test/unit/file_cpio_maker.h"

#include <stdio.h>
#include <string.h>

static void pad(struct cpio_maker *maker)
{
    while (maker->size % 4 != 0)
        maker->bytes[maker->size++] = 0;
}

void cpio_maker_start(struct cpio_maker *maker)
{
    maker->size = 0;
}

void cpio_maker_add(struct cpio_maker *maker, const struct cpio_fields *fields, const char *name,
                    const void *data, size_t size)
{
    size_t name_size = strlen(name) + 1;

    maker->size += (size_t)sprintf(
        (char *)maker->bytes + maker->size, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
        fields->inode, fields->mode, fields->uid, fields->gid, fields->links, fields->modified,
        (unsigned)size, fields->device_major, fields->device_minor, fields->rdev_major, fields->rdev_minor,
        (unsigned)name_size, 0);
    memcpy(maker->bytes + maker->size, name, name_size);
    maker->size += name_size;
    pad(maker);
    memcpy(maker->bytes + maker->size, data, size);
    maker->size += size;
    pad(maker);
}

void cpio_maker_end(struct cpio_maker *maker)
{
    cpio_maker_add(maker, &(struct cpio_fields){.links = 1}, "TRAILER!!!", "", 0);
}
