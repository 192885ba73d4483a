/* See file_table.h. */
#include "kernel/file/file_table.h"

#include <asm/errno.h>

#include "kernel/debug/panic.h"
#include "kernel/file/file.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

#define SIZE_FIRST 32 /* slots a table starts with */
#define WORD_BITS  64

static bool bit_get(const uint64_t *words, unsigned bit)
{
    return (words[bit / WORD_BITS] >> (bit % WORD_BITS) & 1) != 0;
}

static void bit_set(uint64_t *words, unsigned bit, bool value)
{
    uint64_t mask = UINT64_C(1) << (bit % WORD_BITS);

    if (value)
        words[bit / WORD_BITS] |= mask;
    else
        words[bit / WORD_BITS] &= ~mask;
}

static struct file_table *table_create(uint32_t size)
{
    struct file_table *table = heap_alloc_zeroed(sizeof(*table));

    if (table == NULL)
        return NULL;
    table->lock = SPINLOCK_INIT(LOCK_FILE_TABLE, "file table");
    table->references = 1;
    table->size = size;
    table->files = heap_alloc_zeroed(size * sizeof(table->files[0]));
    if (table->files == NULL) {
        heap_free(table);
        return NULL;
    }
    return table;
}

struct file_table *file_table_create(void)
{
    return table_create(SIZE_FIRST);
}

/* Have slots for `descriptor`. The lock is held. */
static int table_grow(struct file_table *table, unsigned descriptor)
{
    if (descriptor < table->size)
        return 0;
    uint32_t size = table->size;
    while (size <= descriptor)
        size *= 2;
    struct file **files = heap_alloc_zeroed(size * sizeof(files[0]));
    if (files == NULL)
        return -ENOMEM;
    memcpy(files, table->files, table->size * sizeof(files[0]));
    heap_free(table->files);
    table->files = files;
    table->size = size;
    return 0;
}

/* A reserved descriptor is not copied: it belongs to a call of another thread. */
int file_table_copy(struct file_table *table, struct file_table **copy)
{
    spinlock_lock(&table->lock);
    struct file_table *made = table_create(table->size);
    if (made != NULL) {
        memcpy(made->used, table->used, sizeof(made->used));
        memcpy(made->cloexec, table->cloexec, sizeof(made->cloexec));
        for (unsigned i = 0; i < table->size; i++) {
            if (table->files[i] != NULL)
                made->files[i] = file_get(table->files[i]);
            else
                bit_set(made->used, i, false);
        }
    }
    spinlock_unlock(&table->lock);
    if (made == NULL)
        return -ENOMEM;
    *copy = made;
    return 0;
}

/* Take the file out of a slot, which is free then. The lock is held. */
static struct file *slot_clear(struct file_table *table, unsigned descriptor)
{
    struct file *file = table->files[descriptor];

    table->files[descriptor] = NULL;
    bit_set(table->used, descriptor, false);
    bit_set(table->cloexec, descriptor, false);
    return file;
}

void file_table_close_on_exec(struct file_table *table)
{
    for (unsigned i = 0; i < table->size; i++) {
        if (!bit_get(table->cloexec, i))
            continue;
        spinlock_lock(&table->lock);
        struct file *file = table->files[i] != NULL ? slot_clear(table, i) : NULL;
        spinlock_unlock(&table->lock);
        file_put(file);
    }
}

struct file_table *file_table_hold(struct file_table *table)
{
    __atomic_add_fetch(&table->references, 1, __ATOMIC_RELAXED);
    return table;
}

void file_table_put(struct file_table *table)
{
    if (table == NULL || __atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (unsigned i = 0; i < table->size; i++)
        file_put(table->files[i]);
    heap_free(table->files);
    heap_free(table);
}

struct file *file_table_get(struct file_table *table, int descriptor)
{
    spinlock_lock(&table->lock);
    struct file *file = file_table_get_alone(table, descriptor);
    spinlock_unlock(&table->lock);
    return file;
}

/* The lowest free descriptor from `minimum` on; FILE_TABLE_MAX when all are taken. */
static unsigned lowest_free(const struct file_table *table, unsigned minimum)
{
    for (unsigned word = minimum / WORD_BITS; word < FILE_TABLE_MAX / WORD_BITS; word++) {
        uint64_t vacant = ~table->used[word];
        if (word == minimum / WORD_BITS)
            vacant &= UINT64_MAX << (minimum % WORD_BITS);
        if (vacant != 0)
            return word * WORD_BITS + (unsigned)__builtin_ctzll(vacant);
    }
    return FILE_TABLE_MAX;
}

int file_table_reserve(struct file_table *table, unsigned minimum, unsigned limit, bool cloexec)
{
    if (limit > FILE_TABLE_MAX)
        limit = FILE_TABLE_MAX;
    spinlock_lock(&table->lock);
    unsigned descriptor = lowest_free(table, minimum);
    int error = descriptor < limit ? table_grow(table, descriptor) : -EMFILE;
    if (error == 0) {
        bit_set(table->used, descriptor, true);
        bit_set(table->cloexec, descriptor, cloexec);
    }
    spinlock_unlock(&table->lock);
    return error == 0 ? (int)descriptor : error;
}

void file_table_install(struct file_table *table, int descriptor, struct file *file)
{
    spinlock_lock(&table->lock);
    ASSERT(bit_get(table->used, (unsigned)descriptor) && table->files[descriptor] == NULL,
           "descriptor %d was reserved", descriptor);
    table->files[descriptor] = file;
    spinlock_unlock(&table->lock);
}

void file_table_unreserve(struct file_table *table, int descriptor)
{
    spinlock_lock(&table->lock);
    struct file *file = slot_clear(table, (unsigned)descriptor);
    spinlock_unlock(&table->lock);
    ASSERT(file == NULL, "descriptor %d was only reserved", descriptor);
}

int file_table_add(struct file_table *table, struct file *file, unsigned minimum, unsigned limit,
                   bool cloexec)
{
    int descriptor = file_table_reserve(table, minimum, limit, cloexec);

    if (descriptor >= 0)
        file_table_install(table, descriptor, file);
    return descriptor;
}

int file_table_set(struct file_table *table, unsigned descriptor, unsigned limit, struct file *file,
                   bool cloexec)
{
    struct file *old = NULL;

    if (descriptor >= limit || descriptor >= FILE_TABLE_MAX)
        return -EBADF;
    spinlock_lock(&table->lock);
    int error = table_grow(table, descriptor);
    if (error == 0 && table->files[descriptor] == NULL && bit_get(table->used, descriptor))
        error = -EBUSY;
    if (error == 0) {
        old = table->files[descriptor];
        table->files[descriptor] = file_get(file);
        bit_set(table->used, descriptor, true);
        bit_set(table->cloexec, descriptor, cloexec);
    }
    spinlock_unlock(&table->lock);
    file_put(old);
    return error;
}

int file_table_close(struct file_table *table, int descriptor)
{
    struct file *file = NULL;

    spinlock_lock(&table->lock);
    if ((unsigned)descriptor < table->size && table->files[descriptor] != NULL)
        file = slot_clear(table, (unsigned)descriptor);
    spinlock_unlock(&table->lock);
    if (file == NULL)
        return -EBADF;
    file_put(file);
    return 0;
}

int file_table_cloexec(struct file_table *table, int descriptor)
{
    int result = -EBADF;

    spinlock_lock(&table->lock);
    if ((unsigned)descriptor < table->size && table->files[descriptor] != NULL)
        result = bit_get(table->cloexec, (unsigned)descriptor);
    spinlock_unlock(&table->lock);
    return result;
}

int file_table_set_cloexec(struct file_table *table, int descriptor, bool cloexec)
{
    int result = -EBADF;

    spinlock_lock(&table->lock);
    if ((unsigned)descriptor < table->size && table->files[descriptor] != NULL) {
        bit_set(table->cloexec, (unsigned)descriptor, cloexec);
        result = 0;
    }
    spinlock_unlock(&table->lock);
    return result;
}
