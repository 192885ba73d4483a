/* Makes newc archives byte by byte, good ones and, by what is asked for, bad ones. */
#ifndef TEST_UNIT_FILE_CPIO_MAKER_H
#define TEST_UNIT_FILE_CPIO_MAKER_H

#include <stddef.h>
#include <stdint.h>

struct cpio_maker {
    size_t size;
    uint8_t bytes[1 << 16];
};

/* A header's fields, but for the two sizes. */
struct cpio_fields {
    uint32_t inode, mode, uid, gid, links, modified, device_major, device_minor, rdev_major, rdev_minor;
};

void cpio_maker_start(struct cpio_maker *maker);
void cpio_maker_add(struct cpio_maker *maker, const struct cpio_fields *fields, const char *name,
                    const void *data, size_t size);

/* The record that ends an archive. */
void cpio_maker_end(struct cpio_maker *maker);

#endif
