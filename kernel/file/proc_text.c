/* See proc_text.h. */
#include "kernel/file/proc_text.h"

#include <asm/errno.h>

#include "kernel/file/buffer.h"
#include "kernel/file/file.h"
#include "kernel/memory/heap.h"

#define WRITE_MAX 128 /* bytes of one written text */

struct open_text {
    char *text; /* heap */
    size_t length;
    int (*write)(char *text);
};

static long text_read(struct file *file, struct buffer *to, uint64_t *position)
{
    struct open_text *open = file->private;

    if (*position >= open->length)
        return 0;
    size_t wanted = open->length - *position < to->left ? open->length - *position : to->left;
    size_t moved = buffer_put(to, open->text + *position, wanted);
    *position += moved;
    return moved == 0 && wanted > 0 ? -EFAULT : (long)moved;
}

static long text_write(struct file *file, struct buffer *from, uint64_t *position)
{
    struct open_text *open = file->private;
    char text[WRITE_MAX];
    size_t size = from->left;

    (void)position;
    if (open->write == NULL)
        return -EACCES;
    if (size >= sizeof(text))
        return -EINVAL;
    if (buffer_take(from, text, size) != size)
        return -EFAULT;
    text[size] = '\0';
    if (size > 0 && text[size - 1] == '\n')
        text[size - 1] = '\0';
    int error = open->write(text);
    return error != 0 ? error : (long)size;
}

static void text_release(struct file *file)
{
    struct open_text *open = file->private;

    heap_free(open->text);
    heap_free(open);
}

static const struct file_operations text_operations = {
    .read = text_read, .write = text_write, .release = text_release, .position = POSITION_MOVES};

int proc_text_open(struct file *file, char *text, size_t length, int (*write)(char *text))
{
    struct open_text *open = heap_alloc(sizeof(*open));

    if (open == NULL)
        return -ENOMEM;
    *open = (struct open_text){text, length, write};
    file->operations = &text_operations;
    file->private = open;
    return 0;
}

int proc_text_open_made(struct file *file, struct text_buffer *made)
{
    int error = made->failed ? -ENOMEM : proc_text_open(file, made->bytes, made->length, NULL);

    if (error != 0)
        text_free(made);
    return error;
}
