/* cpio archives in the "newc" format, read from memory without trusting a byte of them.
 *
 * Pure: no state, no allocation; compiled for the host too. A reader walks the entries; names come out clean: relative, without empty, "." and
 * ".." components. Several archives may follow each other, with zero bytes between and after them. */
#ifndef KERNEL_FILE_CPIO_H
#define KERNEL_FILE_CPIO_H

#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

#define CPIO_NAME_MAX      4095 /* bytes in a path, as Linux's PATH_MAX */
#define CPIO_COMPONENT_MAX 255  /* bytes between two slashes */

struct cpio_reader {
    const uint8_t *bytes;
    size_t size;
    size_t offset;     /* of the next header; after an error, of what was wrong */
    const char *error; /* a sentence's end: what was wrong there; NULL so far */
    uint32_t archives; /* how many ended so far */
};

struct cpio_entry {
    size_t offset;    /* of its header */
    uint32_t archive; /* which of several archives it is in, from 0: inode numbers count within one */
    uint32_t inode, mode, uid, gid, links, modified;
    uint32_t device_major, device_minor; /* of the disk it came from: with `inode`, tells hard links */
    uint32_t rdev_major, rdev_minor;     /* of a device node */
    const uint8_t *data;
    uint32_t size;
    uint32_t name_length;
    char name[CPIO_NAME_MAX + 1]; /* terminated; "" is the root directory itself */
};

void cpio_start(struct cpio_reader *reader, const void *bytes, size_t size);

/* The next entry. 1: there is one; 0: the archive ended as it should; -EINVAL: it is damaged, see reader->offset and reader->error. */
int must_check cpio_next(struct cpio_reader *reader, struct cpio_entry *entry);

#endif
