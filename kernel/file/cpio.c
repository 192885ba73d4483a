/* See cpio.h. The format: cpio(5) "New ASCII Format". A header of fixed size, the name with its terminator, the data; name and data end
 * on multiples of four bytes, counted from the archive's start. */
#include "kernel/file/cpio.h"

#include <asm/errno.h>

#include <stdbool.h>

#include "kernel/file/mode.h"
#include "kernel/lib/string.h"

#define MAGIC        "070701"
#define MAGIC_SIZE   6
#define FIELD_DIGITS 8
#define ALIGNMENT    4
#define TRAILER      "TRAILER!!!"
#define LINK_MAX     4095 /* bytes in a symbolic link's text */

enum field {
    FIELD_INODE,
    FIELD_MODE,
    FIELD_UID,
    FIELD_GID,
    FIELD_LINKS,
    FIELD_MODIFIED,
    FIELD_SIZE,
    FIELD_DEVICE_MAJOR,
    FIELD_DEVICE_MINOR,
    FIELD_RDEV_MAJOR,
    FIELD_RDEV_MINOR,
    FIELD_NAME_SIZE,
    FIELD_CHECKSUM,
    FIELDS
};

#define HEADER_SIZE    (MAGIC_SIZE + FIELDS * FIELD_DIGITS)
#define NAME_FIELD_MAX (2 * CPIO_NAME_MAX) /* with zeroes after the name, which put the data at a page */

void cpio_start(struct cpio_reader *reader, const void *bytes, size_t size)
{
    *reader = (struct cpio_reader){.bytes = bytes, .size = size};
}

static int fail(struct cpio_reader *reader, size_t offset, const char *error)
{
    reader->offset = offset;
    reader->error = error;
    return -EINVAL;
}

/* Eight hexadecimal digits, all at once: each byte of a word becomes its digit's value or 255, pairs of digits become bytes, and so on. */
#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (uint8_t)(value))

/* For bytes below 0x80: 0x80 in each byte of `word` that is at least `least`. */
static uint64_t at_least(uint64_t word, uint8_t least)
{
    return (word + EACH_BYTE(0x80 - least)) & EACH_BYTE(0x80);
}

static bool field_read(const uint8_t *digits, uint32_t *value)
{
    uint64_t word;

    memcpy(&word, digits, sizeof(word));
    uint64_t lower = word | EACH_BYTE(0x20); /* A-F to a-f; digits have that bit already */
    uint64_t digit = at_least(word, '0') & ~at_least(word, '9' + 1);
    uint64_t letter = at_least(lower, 'a') & ~at_least(lower, 'f' + 1);
    if ((word & EACH_BYTE(0x80)) != 0 || (digit | letter) != EACH_BYTE(0x80))
        return false;
    word = (word & EACH_BYTE(0x0f)) + (letter >> 7) * 9;
    word = (word << 4 | word >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    word = (word << 8 | word >> 16) & UINT64_C(0x0000ffff0000ffff);
    *value = (uint32_t)(word << 16 | word >> 32);
    return true;
}

static bool header_read(const uint8_t *header, uint32_t *fields)
{
    const uint8_t *digits = header + MAGIC_SIZE;

    for (unsigned field = 0; field < FIELDS; field++, digits += FIELD_DIGITS) {
        if (!field_read(digits, &fields[field]))
            return false;
    }
    return true;
}

/* Copy a path component by component: NULL, or what is wrong with it. */
static const char *name_clean(const uint8_t *from, size_t length, struct cpio_entry *entry)
{
    size_t at = 0, used = 0;

    while (at < length) {
        size_t end = at;
        while (end < length && from[end] != '/')
            end++;
        size_t part = end - at;
        if (part > CPIO_COMPONENT_MAX)
            return "holds a name that is too long";
        if (part == 2 && from[at] == '.' && from[at + 1] == '.')
            return "holds a name that leads out of the archive";
        if (part > 0 && !(part == 1 && from[at] == '.')) {
            if (used > 0)
                entry->name[used++] = '/';
            memcpy(entry->name + used, from + at, part);
            used += part;
        }
        at = end + 1;
    }
    entry->name[used] = '\0';
    entry->name_length = (uint32_t)used;
    return NULL;
}

/* NULL, or what is wrong with the entry's kind and data. */
static const char *kind_check(const struct cpio_entry *entry)
{
    switch (entry->mode & S_IFMT) {
    case S_IFDIR:
        return NULL;
    case S_IFLNK:
        if (entry->size == 0 || entry->size > LINK_MAX || memchr(entry->data, 0, entry->size) != NULL)
            return "holds a symbolic link without a proper target";
        break;
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    default:
        return "holds an entry of no known kind";
    }
    return entry->name_length == 0 ? "holds an entry without a name" : NULL;
}

static void entry_fill(struct cpio_entry *entry, const uint32_t *fields, size_t offset)
{
    entry->offset = offset;
    entry->inode = fields[FIELD_INODE];
    entry->mode = fields[FIELD_MODE];
    entry->uid = fields[FIELD_UID];
    entry->gid = fields[FIELD_GID];
    entry->links = fields[FIELD_LINKS];
    entry->modified = fields[FIELD_MODIFIED];
    entry->device_major = fields[FIELD_DEVICE_MAJOR];
    entry->device_minor = fields[FIELD_DEVICE_MINOR];
    entry->rdev_major = fields[FIELD_RDEV_MAJOR];
    entry->rdev_minor = fields[FIELD_RDEV_MINOR];
    entry->size = fields[FIELD_SIZE];
}

/* Eight at a time: most of an archive's names are followed by thousands. */
static bool all_zero(const uint8_t *bytes, size_t size)
{
    uint64_t found = 0, word;

    for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
        __builtin_memcpy(&word, bytes, sizeof(word));
        found |= word;
    }
    for (; size > 0; size--)
        found |= *bytes++;
    return found == 0;
}

/* 1 and an entry, or 0 when it was an archive's last record, or -EINVAL. */
static int record_read(struct cpio_reader *reader, struct cpio_entry *entry)
{
    uint32_t fields[FIELDS];
    size_t start = reader->offset;
    size_t left = reader->size - start;

    if (left < HEADER_SIZE)
        return fail(reader, start, "ends inside a header");
    const uint8_t *header = reader->bytes + start;
    if (memcmp(header, MAGIC, MAGIC_SIZE) != 0)
        return fail(reader, start, "has no newc header there");
    if (!header_read(header, fields))
        return fail(reader, start, "has a header with bad digits");

    size_t name_size = fields[FIELD_NAME_SIZE];
    if (name_size == 0 || name_size > NAME_FIELD_MAX)
        return fail(reader, start, "has a name of impossible length");
    if (name_size > left - HEADER_SIZE)
        return fail(reader, start, "ends inside a name");
    const uint8_t *name = header + HEADER_SIZE;
    size_t name_length = strnlen((const char *)name, name_size);
    if (name_length > CPIO_NAME_MAX)
        return fail(reader, start, "has a name of impossible length");
    if (name_length == name_size || !all_zero(name + name_length, name_size - name_length))
        return fail(reader, start, "has a name that is not terminated where it should");

    size_t data = ROUND_UP(start + HEADER_SIZE + name_size, ALIGNMENT);
    if (data > reader->size || fields[FIELD_SIZE] > reader->size - data)
        return fail(reader, start, "ends inside a file");
    size_t end = ROUND_UP(data + fields[FIELD_SIZE], ALIGNMENT);
    reader->offset = end < reader->size ? end : reader->size;

    if (name_length == strlen(TRAILER) && memcmp(name, TRAILER, name_length) == 0)
        return 0;
    entry_fill(entry, fields, start);
    entry->archive = reader->archives;
    entry->data = reader->bytes + data;
    const char *error = name_clean(name, name_length, entry);
    if (error == NULL)
        error = kind_check(entry);
    return error == NULL ? 1 : fail(reader, start, error);
}

int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry)
{
    if (reader->error != NULL)
        return -EINVAL;
    for (;;) {
        int result = record_read(reader, entry);
        if (result != 0)
            return result;
        reader->archives++;
        while (reader->offset < reader->size && reader->bytes[reader->offset] == 0)
            reader->offset++;
        if (reader->offset == reader->size)
            return 0;
        /* Another archive follows; its alignment is counted from its own start, which the first's must agree with. */
        if (reader->offset % ALIGNMENT != 0)
            return fail(reader, reader->offset, "goes on with something else after its end");
    }
}
